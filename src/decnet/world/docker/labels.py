"""Labels by which what is ours is found without the state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

NETWORK = "decnet.network"
LAN = "decnet.lan"
DECOY = "decnet.decoy"
CONTENT = "decnet.container"
"""Hash of what a container was made of: `Decoy.container`, `Custom.bundle`."""
CUSTOM = "decnet.custom"
CARRIER = "decnet.carrier"
"""The decoy that a custom service belongs to."""
RESET = "decnet.reset"
"""Seconds after which a container is to be made anew; absent or 0 is never."""
DISK = "decnet.disk"
"""Bytes that may be written in a container before it is made anew; absent or 0 is no bound."""
PORTS = "decnet.ports"
"""Where a custom service listens: ``53/udp,8080/tcp``."""


def selector(network: str) -> str:
    """The filter for all of a network."""
    return f"{NETWORK}={network}"


def of(attrs: dict[str, Any]) -> dict[str, str]:
    """Labels of a container or a Docker network, as ``inspect`` shows it."""
    found = attrs.get("Labels") or attrs.get("Config", {}).get("Labels") or {}
    return dict(found)


def write_ports(ports: Iterable[tuple[int, str]]) -> str:
    """Ports as a label."""
    return ",".join(f"{number}/{proto}" for number, proto in ports)


def read_ports(text: str) -> tuple[tuple[int, str], ...]:
    """The ports of a label; what is none is left out."""
    parts = (word.partition("/") for word in text.split(","))
    return tuple((int(number), proto) for number, _, proto in parts if number.isdecimal())
