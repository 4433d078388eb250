"""Giving out IPv6 addresses: pure. A /64 has what hosts would give themselves, another subnet low numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import ClassVar

from decnet.ini.values import AddressRange

INTERFACE_BITS = 64
"""Bits of an interface identifier (RFC 4291, section 2.5.1): only a /64 has room for one."""

_IDENTIFIER = (1 << INTERFACE_BITS) - 1
_NUMBERED = 1 << 32
"""Interface identifiers below this were given out by number: nobody's link-local address is made of one."""
_LINK_LOCAL = int(IPv6Address("fe80::"))


@dataclass(frozen=True, slots=True)
class Range6:
    """IPv6 addresses from ``first`` to ``last``, both included."""

    label: ClassVar[str] = "IPv6 address or range (2001:db8::10-2001:db8::99)"
    first: IPv6Address
    last: IPv6Address

    @classmethod
    def parse(cls, text: str) -> Range6:
        """An address, ``a-b`` or a CIDR block. Raises `ValueError`."""
        both = AddressRange.parse(text)
        if not (isinstance(both.first, IPv6Address) and isinstance(both.last, IPv6Address)):
            raise ValueError(f'"{text}" is not IPv6')  # noqa: TRY004 (the text is wrong, not a type)
        if both.first.scope_id or both.last.scope_id:
            raise ValueError(f'"{text}" names an interface (%…), which an address in a file does not')
        return cls(both.first, both.last)

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def eui64(mac: str) -> int:
    """The interface identifier that a MAC address gives (RFC 4291, appendix A)."""
    raw = bytearray.fromhex(mac.replace(":", ""))
    raw[0] ^= 0x02
    return int.from_bytes(raw[:3] + b"\xff\xfe" + raw[3:], "big")


def link_local(address: IPv6Address, mac: str) -> IPv6Address:
    """The link-local address of a host that has ``address``; ``mac`` is empty where it is not the host's alone.

    A host's identifier is the same in both, be it of its MAC address or an opaque one (as Windows has); an address
    given by number says nothing of it.
    """
    identifier = int(address) & _IDENTIFIER
    if mac and identifier < _NUMBERED:
        identifier = eui64(mac)
    return IPv6Address(_LINK_LOCAL | identifier)


def opaque(bits: bytes) -> int:
    """An identifier that tells nothing (RFC 7217), from eight drawn bytes."""
    return int.from_bytes(bits, "big")


class Pool6:
    """IPv6 addresses for decoys of a LAN that name none."""

    def __init__(self, subnet: IPv6Network, taken: Iterable[IPv6Address]) -> None:
        self.subnet = subnet
        self._taken = {*taken, subnet.network_address}

    @property
    def identifies(self) -> bool:
        """Whether hosts find their addresses by themselves here (SLAAC, RFC 4862)."""
        return self.subnet.prefixlen == 128 - INTERFACE_BITS

    def keep(self, held: IPv6Address) -> IPv6Address | None:
        """An address that was given out before, while it is still of this subnet and free; else None."""
        return self._take(held)

    def identify(self, identifier: int) -> IPv6Address | None:
        """The address of an interface identifier; None where there are none, or somebody has it."""
        if not self.identifies:
            return None
        return self._take(self.subnet[identifier])

    def number(self, ip: IPv4Address, subnet_start: IPv4Address) -> IPv6Address | None:
        """The address with the number that the IPv4 address has in its subnet, or the next free one; None: none left."""
        wanted = int(ip) - int(subnet_start)
        size = self.subnet.num_addresses
        for step in range(min(size, len(self._taken) + 1)):
            found = self._take(self.subnet[(wanted + step) % size])
            if found is not None:
                return found
        return None

    def _take(self, address: IPv6Address) -> IPv6Address | None:
        if address in self._taken or address not in self.subnet:
            return None
        self._taken.add(address)
        return address
