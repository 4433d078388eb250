"""Facts of the machine that a network is laid out by: its default route, its interfaces, its subnets. Read only."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from decnet.world.netlink import IFF_LOWER_UP, IFF_UP, Socket


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of the host with its IPv4 addresses. ``up``: set up, and with a carrier."""

    name: str
    kind: str
    """``""`` for hardware, else bridge, veth, macvlan, wireguard …"""
    mac: str
    mtu: int
    up: bool
    addresses: tuple[IPv4Interface, ...]


@dataclass(frozen=True, slots=True)
class Host:
    """The host's IPv4 network at one moment."""

    interfaces: tuple[Interface, ...]
    default_interface: str
    """Where the default route goes out; empty without one."""
    gateway: IPv4Address | None
    subnets: tuple[IPv4Network, ...]
    """Every subnet that an address or a route of the host names, without the default route."""

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
        links, addresses, routes = kernel.links(), kernel.addresses(), kernel.routes()
    interfaces = tuple(
        Interface(
            seen.name,
            seen.kind,
            seen.mac,
            seen.mtu,
            seen.flags & (IFF_UP | IFF_LOWER_UP) == IFF_UP | IFF_LOWER_UP,
            tuple(IPv4Interface(found.address) for found in addresses if found.ifindex == seen.ifindex),
        )
        for seen in links
    )
    defaults = sorted(
        (route for route in routes if route.destination == "0.0.0.0/0"), key=lambda route: route.metric
    )
    by_index = {seen.ifindex: seen.name for seen in links}
    subnets = {address.network for found in interfaces for address in found.addresses}
    subnets |= {IPv4Network(route.destination) for route in routes if route.destination != "0.0.0.0/0"}
    first = defaults[0] if defaults else None
    return Host(
        interfaces,
        by_index.get(first.ifindex, "") if first else "",
        ipaddress.IPv4Address(first.gateway) if first and first.gateway else None,
        tuple(sorted(subnets)),
    )
