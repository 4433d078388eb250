"""What the spec must know from outside the file: the host it would stand on, and what was given out before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface


@dataclass(frozen=True, slots=True)
class Machine:
    """The host's network: its default route, and its interfaces with their addresses, MTU and MAC."""

    default_interface: str = ""
    gateway: IPv4Address | None = None
    interfaces: Mapping[str, IPv4Interface] = field(default_factory=dict)
    subnets: tuple[IPv4Network, ...] = ()
    """Every subnet that an address or a route of the host names, without the default route."""
    default_interface6: str = ""
    gateway6: IPv6Address | None = None
    interfaces6: Mapping[str, tuple[IPv6Interface, ...]] = field(default_factory=dict)
    """The IPv6 addresses of each interface, link-local ones apart."""
    mtus: Mapping[str, int] = field(default_factory=dict)
    macs: Mapping[str, str] = field(default_factory=dict)

    def owner6(self, address: IPv6Address) -> str:
        """The interface that has this IPv6 address, or an empty text."""
        return next(
            (name for name, own in self.interfaces6.items() if any(one.ip == address for one in own)), ""
        )

    def owner(self, address: IPv4Address) -> str:
        """The interface that has this address, or an empty text."""
        return next((name for name, own in self.interfaces.items() if own.ip == address), "")


@dataclass(frozen=True, slots=True)
class Held:
    """What an earlier apply gave out and what therefore stays: address and MAC by decoy, subnet by LAN."""

    addresses: Mapping[str, IPv4Address] = field(default_factory=dict)
    subnets: Mapping[str, IPv4Network] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    """Decoy → the name that its identity is drawn from (see `decnet.spec.renames`); of every decoy that was applied."""
    macs: Mapping[str, str] = field(default_factory=dict)
    addresses6: Mapping[str, IPv6Address] = field(default_factory=dict)
