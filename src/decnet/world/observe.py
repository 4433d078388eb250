"""Look at everything of one network, and say it in the words of `decnet.spec.resources`.

One thread goes through all the namespaces, five dumps in each: 0.3 ms a decoy. Changes nothing, loads no pyroute2.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from decnet.services.limits import Bounds
from decnet.spec.resources import Decoy, Driver, Id, Kind, Lan, Link, Resource, Service, Stack
from decnet.world import (
    filters,
    firewall,
    names,
    namespaces,
    nftables,
    ownership,
    refusal,
    rewriting,
    sysctls,
)
from decnet.world.netlink import (
    DEFAULT,
    DEFAULT6,
    IFF_LOWER_UP,
    IFF_UP,
    AddressSeen,
    LinkSeen,
    RouteSeen,
    Socket,
)

_STACKED = {driver.value: driver for driver in (Driver.MACVLAN, Driver.IPVLAN)}
"""Kinds of interface that stand on a parent."""


class Inside(NamedTuple):
    """What one look into a namespace brings."""

    links: Sequence[LinkSeen]
    addresses: Sequence[AddressSeen]
    routes: Sequence[RouteSeen]
    sysctls: tuple[tuple[str, str], ...]
    personality: str
    """Class id of that on our link; empty where rules are beside the programs."""
    rewriting: str
    """Class id of that which rules stand in for."""
    window: int
    """Of our link's routes, where all have the same."""
    rules: bytes
    """As `decnet.world.firewall.seen` knows them."""


@dataclass(slots=True)
class View:
    """What a look finds, filled step by step."""

    network: str
    expected: dict[Id, Resource]
    resources: dict[Id, Resource] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    lacking: dict[str, str] = field(default_factory=dict)

    def add(self, resource: Resource) -> None:
        self.resources[resource.id] = resource

    def bounds_of(self, service: Id) -> Bounds:
        """What a service's process is expected to be bounded by: whoever serves it sees to that."""
        wanted = self.expected.get(service)
        return wanted.bounds if isinstance(wanted, Service) else Bounds()


class Running(NamedTuple):
    """A container that carries a decoy: the hash of what it is made of, and whether it only lends its namespaces."""

    content: str
    lends: bool


class Containers(NamedTuple):
    """What Docker has of a network: containers by decoy, and LANs with a Docker network."""

    running: Mapping[str, Running]
    lans: frozenset[str]


def look(network: str, expected: Iterable[Resource], containers: Containers | None = None) -> View:
    """LANs, decoys, links and stacks. Services are for the decoy processes to tell.

    ``containers`` is None where nothing is Docker's; of a decoy that is to have a container and does not run in it
    there is nothing here, whatever its namespace was.
    """
    asked = tuple(expected)
    view = View(network, {resource.id: resource for resource in asked})
    with Socket() as kernel:
        host = {seen.ifindex: seen for seen in kernel.links()}
        addresses = kernel.addresses(socket.AF_UNSPEC)
    _see_lans(view, host, addresses, containers.lans if containers else frozenset())
    _see_foreign(view, {seen.name: seen for seen in host.values()})
    running = containers.running if containers else {}
    decoys = [one for one in namespaces.decoys(network) if one in running or not _wants_container(view, one)]
    for decoy in decoys:
        view.add(_decoy(decoy, _wanted_egress(view, decoy), running.get(decoy)))
    try:
        rules = firewall.known({(), *(one.egress for one in asked if isinstance(one, Decoy))})
        asked_of = {decoy: _asked(view, decoy) for decoy in decoys}
        usual = _usual({key for keys in asked_of.values() for key, value in keys.items() if not value})
        insides = look_inside(network, {decoy: tuple(keys) for decoy, keys in asked_of.items()})
    except PermissionError:
        view.unseen.append("links, TCP/IP settings and containment of decoys (needs CAP_SYS_ADMIN)")
        return view
    rewritten: dict[str, str] = {}
    for decoy, inside in insides.items():
        carrier = running.get(decoy)
        view.add(_decoy(decoy, firewall.seen(inside.rules, rules), carrier))
        _see_links(view, host, decoy, inside, docker=carrier is not None and not carrier.lends)
        if Id(Kind.STACK, decoy) in view.expected:
            settings = tuple(
                (key, value)
                for key, value in inside.sysctls
                if asked_of[decoy][key] or usual[key] not in (None, value)
            )
            view.add(Stack(decoy, settings, inside.personality, inside.window))
            rewritten[decoy] = inside.rewriting
    _see_degraded(view, rewritten)
    return view


def _see_degraded(view: View, rewritten: Mapping[str, str]) -> None:
    """Where the machine can give nobody a personality, those that lack theirs are as they can be with rules.

    ``rewritten`` are the class ids of those that have them. Without rules where they can be had, it is gone.
    """
    lacking = [
        one
        for one in view.expected.values()
        if isinstance(one, Stack) and one.personality and not _has_personality(view, one)
    ]
    why = filters.obstacle() if lacking else ""
    if not why:
        return
    instead, possible = rewriting.words(), rewriting.unable() is not None
    for one in lacking:
        view.lacking[one.decoy] = f"os fingerprint degraded: {why}; {instead}"
        found = view.resources.get(one.id)
        if isinstance(found, Stack) and (rewritten.get(one.decoy) == one.personality or not possible):
            view.add(dataclasses.replace(found, personality=one.personality))


def _has_personality(view: View, wanted: Stack) -> bool:
    found = view.resources.get(wanted.id)
    return isinstance(found, Stack) and found.personality == wanted.personality


def look_inside(network: str, asked: dict[str, Sequence[str]]) -> dict[str, Inside]:
    """Each decoy's links, addresses, routes and asked sysctls. Raises PermissionError without CAP_SYS_ADMIN."""

    def walk() -> dict[str, Inside]:
        found = {}
        for decoy, keys in asked.items():
            try:
                fd = os.open(namespaces.path(network, decoy), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:  # gone since it was listed
                continue
            try:
                namespaces.enter(fd)
            finally:
                os.close(fd)
            found[decoy] = _inside(keys, names.group(network))
        return found

    return namespaces.in_thread(walk) if asked else {}


def _inside(keys: Sequence[str], group: int) -> Inside:
    with Socket() as kernel:
        links = kernel.links()
        addresses, routes = kernel.addresses(socket.AF_UNSPEC), kernel.routes(socket.AF_UNSPEC)
        own = next((seen.ifindex for seen in links if seen.group == group), 0)
        personality = filters.attached(kernel, own) if own and keys else ""
    standing = nftables.present()
    if personality and rewriting.OURS in standing:
        personality = ""
    windows = {route.window for route in routes if route.ifindex == own and ":" not in route.destination}
    values = ((key, sysctls.read(key)) for key in keys)
    settings = tuple((key, value) for key, value in values if value is not None)
    window = windows.pop() if len(windows) == 1 else 0
    rules, instead = firewall.rules(standing), rewriting.seen(standing)
    return Inside(links, addresses, routes, settings, personality, instead, window, rules)


def _asked(view: View, decoy: str) -> Mapping[str, str]:
    stack = view.expected.get(Id(Kind.STACK, decoy))
    return dict(stack.sysctls) if isinstance(stack, Stack) else {}


def _usual(keys: Collection[str]) -> Mapping[str, str | None]:
    """What a new namespace has of these sysctls; of those of a link, None. Raises PermissionError without CAP_SYS_ADMIN."""
    return namespaces.in_new(lambda: {key: sysctls.read(key) for key in keys}) if keys else {}


def _decoy(name: str, egress: tuple[str, ...], carrier: Running | None) -> Decoy:
    runtime = "docker" if carrier and not carrier.lends else "netns"
    return Decoy(name, runtime=runtime, egress=egress, container=carrier.content if carrier else "")


def _wants_container(view: View, decoy: str) -> bool:
    wanted = view.expected.get(Id(Kind.DECOY, decoy))
    return isinstance(wanted, Decoy) and bool(wanted.container)


def _wanted_egress(view: View, decoy: str) -> tuple[str, ...]:
    """What containment is taken for where it cannot be looked at."""
    wanted = view.expected.get(Id(Kind.DECOY, decoy))
    return wanted.egress if isinstance(wanted, Decoy) else ()


def _see_lans(
    view: View, host: dict[int, LinkSeen], addresses: Sequence[AddressSeen], docker: frozenset[str]
) -> None:
    head = names.alias(view.network, "lan", "")
    named = {seen.alias.removeprefix(head) for seen in host.values() if seen.alias.startswith(head)}
    named |= {resource.name for resource in view.expected.values() if isinstance(resource, Lan)}
    by_name = {seen.name: seen for seen in host.values()}
    for name in sorted(named):
        wanted = view.expected.get(Id(Kind.LAN, name))
        seen = by_name.get(names.lan_interface(view.network, name))
        if seen and ownership.lan_is_ours(seen, view.network, name):
            found = _lan(name, seen, host, addresses, wanted if isinstance(wanted, Lan) else None)
            if found.driver is Driver.BRIDGE:
                found = dataclasses.replace(found, bridges=ownership.bridges(view.network, name, by_name))
            view.add(dataclasses.replace(found, docker=name in docker))
        elif isinstance(wanted, Lan) and _is_parent_only(wanted) and wanted.parent in by_name:
            view.add(dataclasses.replace(wanted, docker=name in docker))


def _is_parent_only(lan: Lan) -> bool:
    """Whether a LAN has nothing of its own on the host: it is there when its parent is."""
    bare = lan.driver is Driver.MACVLAN and not (lan.address or lan.address6)
    return lan.driver is Driver.IPVLAN or bare


def _lan(
    name: str, seen: LinkSeen, host: dict[int, LinkSeen], addresses: Sequence[AddressSeen], wanted: Lan | None
) -> Lan:
    driver = _STACKED.get(seen.kind, Driver.BRIDGE)
    interface, vlan = _below(host.get(seen.parent), host, wanted) if driver is not Driver.BRIDGE else ("", 0)
    four, six = _split(addresses, seen.ifindex, six=wanted is None or bool(wanted.address6))
    address, address6 = (present[0] if present else "" for present in (four, six))
    subnet, subnet6 = (str(ipaddress.ip_interface(one).network) if one else "" for one in (address, address6))
    up = bool(seen.flags & IFF_UP)
    if wanted:
        subnet, subnet6 = wanted.subnet, wanted.subnet6  # not things of the machine
        if ownership.host_address(wanted) in four:
            address = wanted.address
        if ownership.host_address6(wanted) in six or not up:  # the kernel takes it off what is down
            address6 = wanted.address6
    return Lan(
        name,
        driver,
        interface=interface,
        subnet=subnet,
        address=address,
        mtu=seen.mtu,
        up=up,
        vlan=vlan,
        subnet6=subnet6,
        address6=address6,
    )


def _below(parent: LinkSeen | None, host: dict[int, LinkSeen], wanted: Lan | None) -> tuple[str, int]:
    """Interface and VLAN of what stands on ``parent``. One that is given as interface itself may be a VLAN too."""
    if parent is None:
        return "", 0
    base = host.get(parent.parent) if parent.kind == "vlan" else None
    tag = parent.name.removeprefix(f"{base.name}.") if base else ""
    if base is None or not tag.isdecimal() or (wanted and not wanted.vlan):
        return parent.name, 0
    return base.name, int(tag)


def _split(addresses: Sequence[AddressSeen], index: int, *, six: bool) -> tuple[list[str], list[str]]:
    """An interface's addresses by family.

    IPv6 ones without link-local ones, which every interface has, unless there are no others. With ``six`` off they do
    not count: nobody asked for them.
    """
    present = [found for found in addresses if found.ifindex == index]
    four = [found.address for found in present if ":" not in found.address]
    known = [found.address for found in present if ":" in found.address]
    return four, [one for one in known if not one.startswith("fe80:")] or known if six else []


def _see_links(view: View, host: dict[int, LinkSeen], decoy: str, inside: Inside, *, docker: bool) -> None:
    for seen in inside.links:
        if seen.group == names.group(view.network) and not (docker and _waits(view, host, seen)):
            wanted = view.expected.get(Id(Kind.LINK, decoy, seen.name))
            found = _link(view, host, decoy, seen, inside, wanted if isinstance(wanted, Link) else None)
            view.add(dataclasses.replace(found, docker=docker))
            # not drift: asking for the address again, and again, would change nothing
            taken = [one.address for one in inside.addresses if one.ifindex == seen.ifindex and one.failed]
            link = Id(Kind.LINK, decoy, seen.name)
            view.foreign += [f"{link}: a host that has {address.partition('/')[0]}" for address in taken]


def _waits(view: View, host: dict[int, LinkSeen], seen: LinkSeen) -> bool:
    """Whether a container's link still leads to its Docker network, or to wherever else, and not to a LAN of ours."""
    outer = host.get(seen.parent)
    bridge = host.get(outer.master) if outer else None
    return seen.kind == "veth" and (bridge is None or bridge.group != names.group(view.network))


def _link(
    view: View, host: dict[int, LinkSeen], decoy: str, seen: LinkSeen, inside: Inside, wanted: Link | None
) -> Link:
    outer = host.get(seen.parent)
    driver = _STACKED.get(seen.kind, Driver.BRIDGE)
    parent = outer if driver is not Driver.BRIDGE else host.get(outer.master) if outer else None
    parent_name = parent.name if parent else ""
    is_up = bool(seen.flags & IFF_UP)
    four, six = _split(inside.addresses, seen.ifindex, six=wanted is None or bool(wanted.address6))
    has_local = any(
        found.ifindex == seen.ifindex and found.address.startswith("fe80:") for found in inside.addresses
    )  # without a link-local address it does not find its neighbours
    six = [one for one in six if has_local and not one.startswith("fe80:")]
    return Link(
        decoy,
        seen.name,
        lan=_lan_of(view, parent, wanted),
        driver=driver,
        parent=parent_name,
        mac="" if driver is Driver.IPVLAN else seen.mac,
        address=_prefer(four, wanted.address if wanted else ""),
        gateway=_gateway(inside, seen, DEFAULT, wanted.gateway if wanted else ""),
        mtu=seen.mtu,
        up=seen.flags & (IFF_UP | IFF_LOWER_UP) == IFF_UP | IFF_LOWER_UP,
        address6=_prefer(six, wanted.address6 if wanted else "") if is_up or not wanted else wanted.address6,
        gateway6=_gateway(inside, seen, DEFAULT6, wanted.gateway6 if wanted else ""),
    )


def _gateway(inside: Inside, seen: LinkSeen, destination: str, wanted: str) -> str:
    """The gateway of a default route of a link.

    Of a link that is down the kernel keeps neither routes nor IPv6 addresses: that it is down is all there is to say.
    """
    if not seen.flags & IFF_UP:
        return wanted
    routes = (r for r in inside.routes if (r.ifindex, r.destination) == (seen.ifindex, destination))
    return _prefer([route.gateway for route in routes], wanted)


def _prefer(present: Sequence[str], wanted: str) -> str:
    return wanted if wanted in present else present[0] if present else ""


def _lan_of(view: View, parent: LinkSeen | None, wanted: Link | None) -> str:
    if parent is None:
        return ""
    if wanted and wanted.parent == parent.name:
        return wanted.lan
    head = names.alias(view.network, "lan", "")
    if parent.alias.startswith(head):
        return parent.alias.removeprefix(head)
    further = names.alias(view.network, "bridge", "")
    if parent.alias.startswith(further):
        return parent.alias.removeprefix(further).partition(names.SEPARATOR)[0]
    named = (
        lan.name for lan in view.resources.values() if isinstance(lan, Lan) and lan.parent == parent.name
    )
    return next(named, "")


def _see_foreign(view: View, host: dict[str, LinkSeen]) -> None:
    """Interfaces that have a name of ours, but not our group or alias."""
    for resource in view.expected.values():
        if isinstance(resource, Lan):
            seen = host.get(names.lan_interface(view.network, resource.name))
            if seen and not ownership.lan_is_ours(seen, view.network, resource.name):
                view.foreign.append(f"{resource.id}: {refusal.describe(seen)}")
        elif isinstance(resource, Link):
            seen = host.get(names.peer_interface(view.network, resource.decoy, resource.name))
            if seen and seen.group != names.group(view.network):
                view.foreign.append(f"{resource.id}: {refusal.describe(seen)}")
