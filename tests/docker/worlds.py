"""A container's resources on the lab's machine, used without the command."""

from __future__ import annotations

from decnet.spec.container import Container, encode
from decnet.world import Decoy, Driver, Lan, Link, Service, Stack, names
from tests.docker.engine import BASE

NETWORK = "boxes"
LAN = Lan("default", Driver.BRIDGE, subnet="198.51.100.0/24", address="198.51.100.1/24", docker=True)
MAC = "00:14:22:00:00:07"


def made(name: str, image: str = BASE, number: int = 20, **fields: object) -> tuple[Container, Decoy, bytes]:
    """What a decoy's container is made of, the decoy, and its content."""
    container = Container(
        image,
        fields.pop("hostname", "web"),
        "corp.example",
        "default",
        f"00:14:22:00:00:{number:02x}",
        f"198.51.100.{number}",
        **fields,
    )
    content, digest = encode(container)
    return container, Decoy(name, runtime="docker", container=digest), content


def link(name: str, number: int = 20, **fields: object) -> Link:
    return Link(
        name,
        "eth0",
        lan="default",
        driver=Driver.BRIDGE,
        parent=names.lan_interface(NETWORK, "default"),
        mac=f"00:14:22:00:00:{number:02x}",
        address=f"198.51.100.{number}/24",
        gateway="198.51.100.1",
        docker=True,
        **fields,
    )


def stack(name: str) -> Stack:
    return Stack(name, (("net.ipv4.ip_default_ttl", "128"),))


def redis(name: str, bundle: str, process: int = 1000) -> Service:
    return Service(name, "redis", ((6379, "tcp"),), bundle, process, docker=True)
