"""Giving out IPv4 and MAC addresses: pure, in file order, with what was given out before kept."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar

from decnet.draw import Draw
from decnet.ini.values import AddressRange

BENCHMARK = IPv4Network("198.18.0.0/15")
"""RFC 2544 section C.2.2: never routed, so an isolated LAN cannot shadow a real one."""

_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_TRIES = 64


@dataclass(frozen=True, slots=True)
class Range:
    """IPv4 addresses from ``first`` to ``last``, both included."""

    label: ClassVar[str] = AddressRange.label
    first: IPv4Address
    last: IPv4Address

    @classmethod
    def parse(cls, text: str) -> Range:
        """An address, ``a-b``, ``192.168.1.110-199`` or a CIDR block. Raises `ValueError`."""
        both = AddressRange.parse(text)
        if not (isinstance(both.first, IPv4Address) and isinstance(both.last, IPv4Address)):
            raise ValueError(f'"{text}" is not IPv4')  # noqa: TRY004 (the text is wrong, not a type)
        return cls(both.first, both.last)

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


class Pool:
    """Addresses for decoys that name none, handed out in order."""

    def __init__(self, subnet: IPv4Network, ranges: Sequence[Range], taken: Iterable[IPv4Address]) -> None:
        self._taken = {*taken, subnet.network_address, subnet.broadcast_address}
        self._subnet = subnet
        self._ranges = ranges
        self._free = self._walk()

    def keep(self, held: IPv4Address) -> IPv4Address | None:
        """An address that was given out before, while it is still of this pool and free; else None."""
        if held in self._taken or not self._covers(held):
            return None
        self._taken.add(held)
        return held

    def take(self) -> IPv4Address | None:
        """The first free address; None when none is left."""
        for address in self._free:
            if address not in self._taken:
                self._taken.add(address)
                return address
        return None

    def _covers(self, address: IPv4Address) -> bool:
        if address not in self._subnet:
            return False
        return not self._ranges or any(r.first <= address <= r.last for r in self._ranges)

    def _walk(self) -> Iterator[IPv4Address]:
        if not self._ranges:
            yield from self._subnet.hosts()
        for one in self._ranges:
            for number in range(int(one.first), int(one.last) + 1):
                yield IPv4Address(number)


def free_subnet(used: Iterable[IPv4Network]) -> IPv4Network | None:
    """The first /24 of 198.18.0.0/15 that overlaps nothing in ``used``, if there is one."""
    occupied = tuple(used)
    subnets = BENCHMARK.subnets(new_prefix=24)
    return next((one for one in subnets if not any(map(one.overlaps, occupied))), None)


def parse_mac(text: str) -> str | None:
    """A MAC address in lower case with colons, or None when the text is none."""
    folded = text.lower().replace("-", ":")
    return folded if _MAC.fullmatch(folded) else None


def is_multicast(mac: str) -> bool:
    """Whether the group bit is set (IEEE 802, section 8.2): no host has such an address."""
    return bool(int(mac[:2], 16) & 1)


def draw_mac(prefixes: Sequence[str], draw: Draw, taken: Container[str]) -> str:
    """A MAC with one of the prefixes that nobody has yet."""
    prefix = draw.pick(prefixes).lower()
    for _ in range(_TRIES):
        rest = draw.bytes(6 - len(prefix.split(":")))
        mac = ":".join((prefix, *(f"{byte:02x}" for byte in rest)))
        if mac not in taken:
            return mac
    raise ValueError(f"no free MAC address with the prefix {prefix}")
