"""Facts of the machine that a network is laid out by: its default route, its interfaces, its subnets. Read only."""

from __future__ import annotations

import ipaddress
import socket
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface

from decnet.world.netlink import DEFAULT, DEFAULT6, IFF_LOWER_UP, IFF_UP, AddressSeen, RouteSeen, Socket


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of the host with its addresses. ``up``: set up, and with a carrier."""

    name: str
    kind: str
    """``""`` for hardware, else bridge, veth, macvlan, wireguard …"""
    mac: str
    mtu: int
    up: bool
    addresses: tuple[IPv4Interface, ...]
    addresses6: tuple[IPv6Interface, ...] = ()
    """Without link-local ones."""


@dataclass(frozen=True, slots=True)
class Host:
    """The host's network at one moment."""

    interfaces: tuple[Interface, ...]
    default_interface: str
    """Where the default route goes out; empty without one."""
    gateway: IPv4Address | None
    subnets: tuple[IPv4Network, ...]
    """Every subnet that an address or a route of the host names, without the default route."""
    default_interface6: str = ""
    gateway6: IPv6Address | None = None

    def interface(self, name: str) -> Interface | None:
        """An interface by its name."""
        return next((found for found in self.interfaces if found.name == name), None)

    def addresses(self) -> tuple[IPv4Address, ...]:
        """The host's own addresses, loopback apart."""
        return tuple(
            address.ip
            for found in self.interfaces
            for address in found.addresses
            if not address.ip.is_loopback
        )


def look() -> Host:
    """Ask the kernel. Needs no privilege."""
    with Socket() as kernel:
        links = kernel.links()
        addresses, routes = kernel.addresses(socket.AF_UNSPEC), kernel.routes(socket.AF_UNSPEC)
    four, six = _by_interface(addresses)
    interfaces = tuple(
        Interface(
            seen.name,
            seen.kind,
            seen.mac,
            seen.mtu,
            seen.flags & (IFF_UP | IFF_LOWER_UP) == IFF_UP | IFF_LOWER_UP,
            tuple(four[seen.ifindex]),
            tuple(six[seen.ifindex]),
        )
        for seen in links
    )
    first, first6 = _best(routes, DEFAULT), _best(routes, DEFAULT6)
    by_index = {seen.ifindex: seen.name for seen in links}
    subnets = {address.network for found in interfaces for address in found.addresses}
    subnets |= {
        IPv4Network(route.destination)
        for route in routes
        if ":" not in route.destination and route.destination != DEFAULT
    }
    return Host(
        interfaces,
        by_index.get(first.ifindex, "") if first else "",
        ipaddress.IPv4Address(first.gateway) if first and first.gateway else None,
        tuple(sorted(subnets)),
        by_index.get(first6.ifindex, "") if first6 else "",
        IPv6Address(first6.gateway) if first6 and first6.gateway else None,
    )


def _by_interface(
    addresses: Iterable[AddressSeen],
) -> tuple[Mapping[int, list[IPv4Interface]], Mapping[int, list[IPv6Interface]]]:
    four: defaultdict[int, list[IPv4Interface]] = defaultdict(list)
    six: defaultdict[int, list[IPv6Interface]] = defaultdict(list)
    for found in addresses:
        if ":" not in found.address:
            four[found.ifindex].append(IPv4Interface(found.address))
        elif not found.address.startswith("fe80:"):
            six[found.ifindex].append(IPv6Interface(found.address))
    return four, six


def _best(routes: Iterable[RouteSeen], destination: str) -> RouteSeen | None:
    """The route to a destination that the kernel takes first."""
    fitting = (route for route in routes if route.destination == destination)
    return min(fitting, key=lambda route: route.metric, default=None)
