"""The Docker network of a LAN: where a container is, with its address and its MAC, until it is a decoy.

It is a bridge that the engine makes, and nobody else is on it. An engine has a container's link up before anything of
ours can be in place, at each start, whoever starts it; a scanner would get the answers of a bare Linux then. So it
comes up in this waiting room, and decnet takes it over to the LAN, or puts the LAN's own link in its place
(`decnet.world.links`). The engine gives no address of its own choice, has none itself, translates none, and routes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_interface
from typing import Any

from docker.errors import NotFound
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from decnet.errors import WorldError
from decnet.spec.resources import Driver, Lan
from decnet.world import names
from decnet.world.docker import labels
from decnet.world.docker.engine import Engine, explained

_OPTIONS = {
    "com.docker.network.bridge.inhibit_ipv4": "true",
    "com.docker.network.bridge.enable_ip_masquerade": "false",
}


def create(engine: Engine, network: str, lan: Lan) -> None:
    """Make a LAN's Docker network, or see that the one that is there is as it should be. Raises `WorldError`."""
    with explained(str(lan.id)):
        there = _find(engine, network, lan.name)
        if there is not None and _fits(there.attrs, _wanted(network, lan)):
            return
        if there is not None:
            there.remove()
        engine.client.networks.create(name(network, lan.name), **_wanted(network, lan))


def remove(engine: Engine, network: str, lan: str) -> None:
    """Take a LAN's Docker network away, when it is there and ours. Raises `WorldError`."""
    with explained(f"lan/{lan}"):
        there = _find(engine, network, lan)
        if there is not None:
            there.remove()


def remove_all(engine: Engine, network: str) -> None:
    """Take every Docker network of a network away. Raises `WorldError`."""
    with explained(f"the Docker networks of {network}"):
        for there in engine.client.networks.list(filters={"label": labels.selector(network)}):
            there.remove()


def lans(engine: Engine, network: str) -> Iterator[str]:
    """LANs of a network that have a Docker network."""
    for there in engine.client.networks.list(filters={"label": labels.selector(network)}):
        yield there.attrs["Labels"].get(labels.LAN, "")


def name(network: str, lan: str) -> str:
    """What ``docker network ls`` shows."""
    return f"{names.PREFIX}-{network}-{lan}"


def _find(engine: Engine, network: str, lan: str) -> Network | None:
    """The LAN's Docker network. Raises `WorldError` when another has its name."""
    try:
        there: Network = engine.client.networks.get(name(network, lan))
    except NotFound:
        return None
    if labels.of(there.attrs).get(labels.NETWORK) != network:
        raise WorldError(
            f"lan/{lan}: the Docker network {there.name} is in the way and not ours",
            hint=f"look at it (docker network inspect {there.name}), and remove it or rename the network",
        )
    return there


def _wanted(network: str, lan: Lan) -> dict[str, Any]:
    """Without IPv6: the engine would give its bridge an address then, and the host a route to nowhere."""
    return {
        "driver": "bridge",
        "ipam": IPAMConfig(pool_configs=[IPAMPool(subnet=lan.subnet, gateway=_gateway(lan))]),
        "options": dict(_OPTIONS),
        "labels": {labels.NETWORK: network, labels.LAN: lan.name},
        "check_duplicate": True,
    }


def _gateway(lan: Lan) -> str:
    """What the engine keeps from being given out: a bridge's own address, else the router's, else the last one."""
    if lan.driver is Driver.BRIDGE and lan.address:
        return str(ip_interface(lan.address).ip)
    return lan.gateway or str(IPv4Network(lan.subnet).broadcast_address - 1)


def _fits(attrs: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether what is there will do: what its router is matters to nobody in it."""
    pools = [one["Subnet"] for one in attrs["IPAM"]["Config"] or ()]
    asked = [one["Subnet"] for one in wanted["ipam"]["Config"]]
    same = all(attrs["Options"].get(key) == value for key, value in wanted["options"].items())
    return same and pools == asked and attrs["Driver"] == wanted["driver"]
