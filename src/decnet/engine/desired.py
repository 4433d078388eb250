"""What a file asks of the machine: the network's values as resources, each with its place in the file."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network
from typing import Any

import msgspec

from decnet.errors import Span
from decnet.events.sinks import SinkBundle, SyslogSetting
from decnet.render import Bundle
from decnet.spec import Decoy as DecoySpec
from decnet.spec import Isolation, LanDriver, Network, Runtime
from decnet.spec import Lan as LanSpec
from decnet.spec import Sink as SinkSpec
from decnet.state import About, Snapshot
from decnet.world import Decoy, Driver, Id, Lan, Link, Resource, Service, Sink, Stack
from decnet.world.names import MOST_BRIDGES, bridge

DECOYS_PER_PROCESS = 500
"""A process is 46 MB before it serves its first decoy, which is 0.09 MB for each of so many. When it dies, they all drop
their sessions, and it takes seconds until the last of them answers again."""
FIRST_ALONE = 1000
"""Processes with a number from here on serve one decoy each (`isolation = decoy`)."""
LINK = "eth0"
_PROCESS = ("isolation", "limits")
"""Keys of a decoy that its services follow."""
DECOYS_PER_BRIDGE = 1000
"""A bridge takes 1,023 ports; the rest are for trunks to further bridges and for machines that are plugged in by hand."""
_DRIVERS = {
    LanDriver.BRIDGE: Driver.BRIDGE,
    LanDriver.MACVLAN: Driver.MACVLAN,
    LanDriver.IPVLAN: Driver.IPVLAN,
}


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
    """Everything one file declares, in its order: LANs, then decoy by decoy, then sinks."""

    about: About
    resources: Mapping[Id, Declared] = field(default_factory=dict)


def declare(
    network: Network, bundles: Mapping[tuple[str, str], Bundle], saved: Snapshot | None = None
) -> Desired:
    """A network's resources.

    ``saved`` keeps what is chosen once: the runtime of ``auto``, which process serves a decoy, and which bridge of a
    LAN it is plugged into.
    """
    runtime = _runtime(network.runtime, saved)
    processes = _processes(network.decoys, saved)
    bridges = _bridges(network, saved)
    lans = {lan.name: _lan(lan, bridges) for lan in network.lans}
    resources = {lan.resource.id: lan for lan in lans.values()}
    specs = {lan.name: lan for lan in network.lans}
    secrets: dict[str, frozenset[str]] = {}
    for decoy in network.decoys:
        own = runtime if decoy.runtime is Runtime.AUTO else decoy.runtime.value
        for declared in _decoy(network.name, decoy, specs[decoy.lan], own, bridges[decoy.lan]):
            resources[declared.resource.id] = declared
        for service in decoy.services:
            bundle = bundles[decoy.name, service.name]
            ports = tuple(sorted((port.number, port.proto) for port in service.ports))
            if service.type.name not in secrets:
                secrets[service.type.name] = _secrets(service.type.persona)
            resource = Service(
                decoy.name, service.name, ports, bundle.hash, processes[decoy.name], decoy.bounds
            )
            spans = {**{key: decoy.spans[key] for key in _PROCESS if key in decoy.spans}, **service.spans}
            resources[resource.id] = Declared(
                resource, service.span, spans, bundle.content, secrets[service.type.name]
            )
    for sink in network.sinks:
        content = _sink_content(sink, network)
        name, setting = sink.name, sink.setting
        kind = "syslog" if isinstance(setting, SyslogSetting) else "file"
        made = Sink(name, kind, setting.target, hashlib.blake2b(content, digest_size=20).hexdigest())
        resources[made.id] = Declared(made, sink.span, sink.spans, content)
    return Desired(About(network.name, network.file, network.env, runtime), resources)


def _sink_content(sink: SinkSpec, network: Network) -> bytes:
    hostnames = {decoy.name: decoy.hostname for decoy in network.decoys}
    return msgspec.json.encode(SinkBundle(sink.name, sink.setting, hostnames), order="deterministic")


def _runtime(asked: Runtime, saved: Snapshot | None) -> str:
    if asked is not Runtime.AUTO:
        return asked.value
    return (saved.about.runtime if saved else "") or Runtime.NETNS.value


def _lan(lan: LanSpec, bridges: Mapping[str, Mapping[str, int]]) -> Declared:
    driver = _DRIVERS[lan.driver]
    resource = Lan(
        name=lan.name,
        driver=driver,
        interface="" if driver is Driver.BRIDGE else lan.interface,
        subnet=str(lan.subnet),
        address=f"{lan.host}/{lan.subnet.prefixlen}" if lan.host else "",
        mtu=lan.mtu,
        vlan=lan.vlan,
        subnet6=str(lan.subnet6 or ""),
        address6=_with_prefix(lan.host6, lan.subnet6),
        bridges=max(bridges[lan.name].values(), default=0) + 1,
    )
    return Declared(resource, lan.span, lan.spans)


def _decoy(
    network: str, decoy: DecoySpec, lan: LanSpec, runtime: str, bridges: Mapping[str, int]
) -> Iterator[Declared]:
    distro = decoy.distro.name if decoy.distro else ""
    yield Declared(
        Decoy(
            decoy.name,
            decoy.hostname,
            decoy.os.name,
            distro,
            decoy.group,
            runtime,
            decoy.protect,
            egress=decoy.egress,
            identity=decoy.identity,
        ),
        decoy.span,
        decoy.spans,
    )
    yield Declared(
        Link(
            decoy=decoy.name,
            name=LINK,
            lan=lan.name,
            driver=_DRIVERS[lan.driver],
            parent=bridge(network, lan.name, bridges.get(decoy.name, 0))
            if lan.driver is LanDriver.BRIDGE
            else lan.parent,
            mac="" if lan.driver is LanDriver.IPVLAN else decoy.mac,
            address=f"{decoy.ip}/{lan.subnet.prefixlen}",
            gateway=str(lan.gateway) if lan.gateway else "",
            mtu=lan.mtu,
            address6=_with_prefix(decoy.ip6, lan.subnet6),
            gateway6=str(lan.gateway6 or "") if decoy.ip6 else "",
        ),
        decoy.span,
        decoy.spans,
    )
    yield Declared(Stack(decoy.name, tuple(sorted(decoy.os.sysctls.items()))), decoy.span, decoy.spans)


def _with_prefix(address: IPv6Address | None, subnet: IPv6Network | None) -> str:
    if address is None or subnet is None:
        return ""
    return f"{address}/{64 if address.is_link_local else subnet.prefixlen}"


def _bridges(network: Network, saved: Snapshot | None) -> dict[str, dict[str, int]]:
    """LAN → decoy → number of its bridge: as it was, else the first with room. Without an entry it is 0."""
    there = _links(saved)
    found: dict[str, dict[str, int]] = {lan.name: {} for lan in network.lans}
    for lan in network.lans:
        if lan.driver is not LanDriver.BRIDGE:
            continue
        decoys = [decoy.name for decoy in network.decoys if decoy.lan == lan.name]
        first = bridge(network.name, lan.name, 0)
        if len(decoys) <= DECOYS_PER_BRIDGE and all(
            link.lan != lan.name or link.parent == first for link in there
        ):
            continue
        numbers = {bridge(network.name, lan.name, number): number for number in range(MOST_BRIDGES)}
        assigned = {
            link.decoy: numbers[link.parent]
            for link in there
            if link.lan == lan.name and link.parent in numbers
        }
        kept = {name: assigned[name] for name in decoys if name in assigned}
        load, number = Counter(kept.values()), 0
        for name in decoys:
            if name not in kept:
                while load[number] >= DECOYS_PER_BRIDGE:
                    number += 1
                kept[name] = number
                load[number] += 1
        found[lan.name] = kept
    return found


def _links(saved: Snapshot | None) -> list[Link]:
    """Links that were applied, or may have been by a run that was killed."""
    if saved is None:
        return []
    known = (
        *(entry.resource for entry in saved.intents),
        *(was.resource for was in saved.resources.values()),
    )
    return [resource for resource in known if isinstance(resource, Link)]


def _processes(decoys: Iterable[DecoySpec], saved: Snapshot | None) -> dict[str, int]:
    """Decoy → number of its process: as it was while that is of the kind it asks for, else the first with room."""
    assigned: dict[str, int] = {}
    if saved:
        intended = (entry.resource for entry in saved.intents)
        for resource in (*intended, *(was.resource for was in saved.resources.values())):
            if isinstance(resource, Service):
                assigned[resource.decoy] = resource.process
    alone = {decoy.name: decoy.isolation is Isolation.DECOY for decoy in decoys}
    kept = {
        name: assigned[name]
        for name, own in alone.items()
        if name in assigned and is_alone(assigned[name]) == own
    }
    load = Counter(kept.values())
    shared, single = 0, FIRST_ALONE
    for name, own in alone.items():
        if name in kept:
            continue
        while own and load[single]:
            single += 1
        while not own and load[shared] >= DECOYS_PER_PROCESS:
            shared += 1
        kept[name] = single if own else shared
        load[kept[name]] += 1
    return kept


def is_alone(process: int) -> bool:
    """Whether the process of this number serves one decoy only."""
    return process >= FIRST_ALONE


def _secrets(persona: type[Any]) -> frozenset[str]:
    return frozenset(
        f.name
        for f in dataclasses.fields(persona)
        if getattr(f.metadata.get("key"), "secret", False) or "password" in f.name
    )
