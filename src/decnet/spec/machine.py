"""What the spec must know from outside the file: the host it would stand on, and what was given out before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network


@dataclass(frozen=True, slots=True)
class Machine:
    """The host's network: its default route, and its interfaces with their first IPv4 address and MTU."""

    default_interface: str = ""
    gateway: IPv4Address | None = None
    interfaces: Mapping[str, IPv4Interface] = field(default_factory=dict)
    subnets: tuple[IPv4Network, ...] = ()
    """Every subnet that an address or a route of the host names, without the default route."""

    def owner(self, address: IPv4Address) -> str:
        """The interface that has this address, or an empty text."""
        return next((name for name, own in self.interfaces.items() if own.ip == address), "")


@dataclass(frozen=True, slots=True)
class Held:
    """What an earlier apply gave out and what therefore stays: address by decoy, subnet by LAN."""

    addresses: Mapping[str, IPv4Address] = field(default_factory=dict)
    subnets: Mapping[str, IPv4Network] = field(default_factory=dict)
