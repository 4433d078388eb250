"""What there is to draw. Large LANs are drawn by group, so that a picture of a thousand decoys can still be read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from decnet.engine.status import State
from decnet.world import Custom, Decoy, Id, Link, Resource, Service
from decnet.world import Lan as LanResource

CROWD = 48
"""More decoys on a LAN than this are drawn by group."""
_GROUP = 3
"""A group of fewer is drawn decoy by decoy all the same."""


@dataclass(frozen=True, slots=True)
class Node:
    """A decoy on a LAN, or ``count`` of them as one. ``address`` is the first of several, ``last`` the last.

    ``state`` is the worst there is among them, ``tally`` counts each; both are empty of what was not applied.
    """

    name: str
    count: int
    address: str
    last: str
    services: tuple[str, ...]
    os: str
    state: State | None = None
    tally: tuple[tuple[State, int], ...] = ()

    @property
    def title(self) -> str:
        """``web-01``, or ``web × 20``."""
        return self.name if self.count == 1 else f"{self.name} × {self.count}"

    @property
    def addresses(self) -> str:
        """``198.51.100.20``, or ``198.51.100.20 – 198.51.100.39``."""
        return self.address if self.count == 1 else f"{self.address} – {self.last}"

    @property
    def health(self) -> str:
        """``up``, or ``18 up, 2 down``; empty where nothing was applied."""
        if self.count == 1:
            return self.state.value if self.state else ""
        return ", ".join(f"{count} {state.value}" for state, count in self.tally)


@dataclass(frozen=True, slots=True)
class Lan:
    """A broadcast domain and who stands on it, in the order of the file."""

    name: str
    driver: str
    interface: str
    subnets: tuple[str, ...]
    host: str
    """The host's own address on it, or empty."""
    decoys: int
    nodes: tuple[Node, ...]

    @property
    def title(self) -> str:
        """``default · bridge · 198.51.100.0/24 · host 198.51.100.1``."""
        driver = f"{self.driver} on {self.interface}" if self.interface else self.driver
        host = (f"host {self.host}",) if self.host else ()
        return " · ".join((self.name, driver, *self.subnets, *host))


@dataclass(frozen=True, slots=True)
class Topology:
    """A network's LANs. ``applied``: the states are known."""

    network: str
    decoys: int
    lans: tuple[Lan, ...]
    applied: bool


def topology(
    network: str, resources: Iterable[Resource], states: Mapping[str, State] | None = None
) -> Topology:
    """The topology that resources have, declared or saved. ``states`` by decoy, where the network was applied."""
    resources = list(resources)
    known = {resource.id: resource for resource in resources}
    decoys = {one.name: one for one in resources if isinstance(one, Decoy)}
    services: defaultdict[str, list[str]] = defaultdict(list)
    links: defaultdict[str, list[Link]] = defaultdict(list)
    for one in resources:
        if isinstance(one, Service | Custom):
            services[one.decoy].append(one.name)
        elif isinstance(one, Link) and one.decoy in decoys:
            links[one.lan].append(one)
    states = states or {}
    lans = []
    for lan in (one for one in resources if isinstance(one, LanResource)):
        nodes = [_node(decoys[link.decoy], link, services[link.decoy], states) for link in links[lan.name]]
        groups = {link.decoy: _group(known, link.decoy) for link in links[lan.name]}
        lans.append(_lan(lan, nodes, groups))
    return Topology(network, len(decoys), tuple(lans), bool(states))


def _group(known: Mapping[Id, Resource], name: str) -> str:
    decoy = known.get(Decoy(name).id)
    return decoy.group if isinstance(decoy, Decoy) and decoy.group else name


def _lan(lan: LanResource, nodes: Sequence[Node], groups: Mapping[str, str]) -> Lan:
    return Lan(
        name=lan.name,
        driver=lan.driver.value,
        interface=lan.interface,
        subnets=tuple(filter(None, (lan.subnet, lan.subnet6))),
        host=lan.address.partition("/")[0],
        decoys=len(nodes),
        nodes=tuple(_crowd(nodes, groups)) if len(nodes) > CROWD else tuple(nodes),
    )


def _node(decoy: Decoy, link: Link, services: Iterable[str], states: Mapping[str, State]) -> Node:
    address = link.address.partition("/")[0]
    state = states.get(decoy.name)
    machine = decoy.distro if decoy.os == "linux" and decoy.distro else decoy.os
    tally = ((state, 1),) if state else ()
    return Node(decoy.name, 1, address, address, tuple(services), machine, state, tally)


def _crowd(nodes: Sequence[Node], groups: Mapping[str, str]) -> Iterable[Node]:
    """Groups as one node each; where that is not enough, all that run the same as well."""
    found = _merged(nodes, [groups[node.name] for node in nodes])
    if len(found) <= CROWD:
        return found
    return _merged(found, [node.name if node.count > 1 else ", ".join(node.services) for node in found])


def _merged(nodes: Sequence[Node], keys: Sequence[str]) -> list[Node]:
    members: defaultdict[str, list[Node]] = defaultdict(list)
    for node, key in zip(nodes, keys, strict=True):
        members[key].append(node)
    found: list[Node] = []
    for key, own in members.items():
        found += own if len(own) < _GROUP else [_one(key, own)]
    return found


def _one(name: str, own: Sequence[Node]) -> Node:
    tally: Counter[State] = Counter()
    for node in own:
        tally.update(dict(node.tally))
    order = [state for state in (State.DOWN, State.DRIFTED, State.UP) if tally[state]]
    ends = sorted(
        (address for node in own for address in (node.address, node.last) if address),
        key=lambda text: (ip_address(text).version, ip_address(text)),
    )
    machines = Counter(node.os for node in own)
    return Node(
        name=name or "no services",
        count=sum(node.count for node in own),
        address=ends[0] if ends else "",
        last=ends[-1] if ends else "",
        services=tuple(dict.fromkeys(service for node in own for service in node.services)),
        os=", ".join(machine for machine, _ in machines.most_common(3)),
        state=order[0] if order else None,
        tally=tuple((state, tally[state]) for state in reversed(order)),
    )
