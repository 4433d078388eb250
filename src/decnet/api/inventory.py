"""What was applied, as plain values: they are made by the privileged side and handed to the process that serves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from decnet.engine import DecoyStatus
from decnet.state import Snapshot
from decnet.world import Custom, Decoy, Lan, Link, Service


@dataclass(frozen=True, slots=True)
class Place:
    """A LAN and the names of its decoys."""

    name: str
    driver: str
    interface: str
    subnets: tuple[str, ...]
    host: str
    decoys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Host:
    """A decoy. ``state`` is empty when it could not be looked at."""

    name: str
    state: str
    detail: str
    addresses: tuple[str, ...]
    macs: tuple[str, ...]
    lans: tuple[str, ...]
    hostname: str
    os: str
    distro: str
    runtime: str
    group: str
    services: tuple[str, ...]
    ports: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Applied:
    """A network."""

    name: str
    runtime: str
    lans: tuple[Place, ...]
    decoys: tuple[Host, ...]


def applied(saved: Snapshot, states: Iterable[DecoyStatus] = ()) -> Applied:
    """A saved network, with the states of its decoys where they are known."""
    known = {one.name: one for one in states}
    resources = [was.resource for was in saved.resources.values()]
    links: defaultdict[str, list[Link]] = defaultdict(list)
    on: defaultdict[str, list[str]] = defaultdict(list)
    serving: defaultdict[str, list[Service | Custom]] = defaultdict(list)
    for one in resources:
        if isinstance(one, Link):
            links[one.decoy].append(one)
            on[one.lan].append(one.decoy)
        elif isinstance(one, Service | Custom):
            serving[one.decoy].append(one)
    return Applied(
        saved.about.network,
        saved.about.runtime,
        tuple(_place(one, on[one.name]) for one in resources if isinstance(one, Lan)),
        tuple(
            _host(one, links[one.name], serving[one.name], known.get(one.name))
            for one in resources
            if isinstance(one, Decoy)
        ),
    )


def _place(lan: Lan, decoys: list[str]) -> Place:
    subnets = tuple(filter(None, (lan.subnet, lan.subnet6)))
    return Place(
        lan.name, lan.driver.value, lan.interface, subnets, lan.address.partition("/")[0], tuple(decoys)
    )


def _host(
    decoy: Decoy, links: list[Link], services: list[Service | Custom], status: DecoyStatus | None
) -> Host:
    both = (address for link in links for address in (link.address, link.address6) if address)
    return Host(
        decoy.name,
        status.state.value if status else "",
        status.detail if status else "",
        tuple(address.partition("/")[0] for address in both),
        tuple(link.mac for link in links if link.mac),
        tuple(link.lan for link in links),
        decoy.hostname,
        decoy.os,
        decoy.distro,
        decoy.runtime,
        decoy.group,
        tuple(one.name for one in services),
        {
            one.name: tuple(str(port) if proto == "tcp" else f"{port}/{proto}" for port, proto in one.ports)
            for one in services
        },
    )
