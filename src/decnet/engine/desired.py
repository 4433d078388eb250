"""What a file asks of the machine: the network's values as resources, each with its place in the file."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from decnet.errors import InvalidInput, Problem, Span
from decnet.render import Bundle
from decnet.spec import Decoy as DecoySpec
from decnet.spec import Lan as LanSpec
from decnet.spec import LanDriver, Network, Runtime
from decnet.state import About, Snapshot
from decnet.world import Decoy, Driver, Id, Lan, Link, Resource, Service, Stack
from decnet.world.names import lan_interface

DECOYS_PER_PROCESS = 500
LINK = "eth0"
_DRIVERS = {LanDriver.BRIDGE: Driver.BRIDGE, LanDriver.MACVLAN: Driver.MACVLAN}


@dataclass(frozen=True, slots=True)
class Declared:
    """A resource that the file declares. ``spans`` by INI key; ``secrets`` are the keys not to be shown.

    ``content`` is a service's bundle, whose hash is ``resource.bundle``.
    """

    resource: Resource
    span: Span
    spans: Mapping[str, Span] = field(default_factory=dict)
    content: bytes | None = None
    secrets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything one file declares, in its order: LANs, then decoy by decoy."""

    about: About
    resources: Mapping[Id, Declared] = field(default_factory=dict)


def declare(
    network: Network, bundles: Mapping[tuple[str, str], Bundle], saved: Snapshot | None = None
) -> Desired:
    """A network's resources.

    ``saved`` keeps what is chosen once: the runtime of ``auto``, and which process serves a decoy. Raises
    `InvalidInput` for a LAN driver that no world has.
    """
    runtime = _runtime(network.runtime, saved)
    processes = _processes([decoy.name for decoy in network.decoys], saved)
    lans = {lan.name: _lan(lan) for lan in network.lans}
    resources = {lan.resource.id: lan for lan in lans.values()}
    specs = {lan.name: lan for lan in network.lans}
    secrets: dict[str, frozenset[str]] = {}
    for decoy in network.decoys:
        own = runtime if decoy.runtime is Runtime.AUTO else decoy.runtime.value
        for declared in _decoy(network.name, decoy, specs[decoy.lan], own):
            resources[declared.resource.id] = declared
        for service in decoy.services:
            bundle = bundles[decoy.name, service.name]
            ports = tuple(sorted((port.number, port.proto) for port in service.ports))
            if service.type.name not in secrets:
                secrets[service.type.name] = _secrets(service.type.persona)
            resource = Service(decoy.name, service.name, ports, bundle.hash, processes[decoy.name])
            resources[resource.id] = Declared(
                resource, service.span, service.spans, bundle.content, secrets[service.type.name]
            )
    return Desired(About(network.name, network.file, network.env, runtime), resources)


def _runtime(asked: Runtime, saved: Snapshot | None) -> str:
    if asked is not Runtime.AUTO:
        return asked.value
    return (saved.about.runtime if saved else "") or Runtime.NETNS.value


def _lan(lan: LanSpec) -> Declared:
    driver = _DRIVERS.get(lan.driver)
    if driver is None:
        message = f"LAN driver {lan.driver.value} cannot be applied"
        raise InvalidInput((Problem("driver-unsupported", message, lan.spans.get("driver", lan.span)),))
    resource = Lan(
        name=lan.name,
        driver=driver,
        interface="" if driver is Driver.BRIDGE else lan.interface,
        subnet=str(lan.subnet),
        address=f"{lan.host}/{lan.subnet.prefixlen}" if lan.host else "",
        mtu=lan.mtu,
    )
    return Declared(resource, lan.span, lan.spans)


def _decoy(network: str, decoy: DecoySpec, lan: LanSpec, runtime: str) -> Iterator[Declared]:
    distro = decoy.distro.name if decoy.distro else ""
    yield Declared(
        Decoy(decoy.name, decoy.hostname, decoy.os.name, distro, decoy.group, runtime, decoy.protect),
        decoy.span,
        decoy.spans,
    )
    yield Declared(
        Link(
            decoy=decoy.name,
            name=LINK,
            lan=lan.name,
            driver=_DRIVERS[lan.driver],
            parent=lan_interface(network, lan.name) if lan.driver is LanDriver.BRIDGE else lan.interface,
            mac=decoy.mac,
            address=f"{decoy.ip}/{lan.subnet.prefixlen}",
            gateway=str(lan.gateway) if lan.gateway else "",
            mtu=lan.mtu,
        ),
        decoy.span,
        decoy.spans,
    )
    yield Declared(Stack(decoy.name, tuple(sorted(decoy.os.sysctls.items()))), decoy.span, decoy.spans)


def _processes(decoys: list[str], saved: Snapshot | None) -> dict[str, int]:
    """Decoy → number of its process: as it was, else the first with room."""
    assigned: dict[str, int] = {}
    if saved:
        intended = (entry.resource for entry in saved.intents)
        for resource in (*intended, *(was.resource for was in saved.resources.values())):
            if isinstance(resource, Service):
                assigned[resource.decoy] = resource.process
    kept = {name: assigned[name] for name in decoys if name in assigned}
    load = Counter(kept.values())
    number = 0
    for name in decoys:
        if name not in kept:
            while load[number] >= DECOYS_PER_PROCESS:
                number += 1
            kept[name] = number
            load[number] += 1
    return kept


def _secrets(persona: type[Any]) -> frozenset[str]:
    return frozenset(
        f.name
        for f in dataclasses.fields(persona)
        if getattr(f.metadata.get("key"), "secret", False) or "password" in f.name
    )
