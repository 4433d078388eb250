"""Values with a notation of their own: durations, sizes, secrets, ranges of addresses.

Each class has ``parse(text)``, which raises `ValueError` with a sentence for the user, and ``label``, the words with
which documentation and errors name the type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import ClassVar

from decnet.ini.names import quote

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?:[0-9]{1,12}[smhdw])+|[0-9]{1,12}")
_PART = re.compile(r"([0-9]+)([smhdw]?)")
_SIZE = re.compile(r"([0-9]{1,15})\s*([kmgt]?)i?b?")
_POWERS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_LONGEST = 100 * 366 * 86_400
_LARGEST = 1 << 60


class Duration(int):
    """Seconds, written ``35d``, ``90m``, ``1h30m`` or as a number; at most a hundred years."""

    label: ClassVar[str] = "duration (90m, 1h30m, 35d)"

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Raises `ValueError`."""
        folded = text.strip().lower()
        if not _DURATION.fullmatch(folded):
            raise ValueError(f"{quote(text)} is no duration; write 90m, 1h30m or 35d")
        seconds = sum(int(number) * _SECONDS[unit or "s"] for number, unit in _PART.findall(folded))
        if seconds > _LONGEST:
            raise ValueError(f"{quote(text)} is longer than a hundred years")
        return cls(seconds)

    @property
    def text(self) -> str:
        """The shortest notation: ``1h30m``."""
        left, words = int(self), ""
        for unit in "dhms":
            count, left = divmod(left, _SECONDS[unit])
            words += f"{count}{unit}" if count else ""
        return words or "0s"


class Size(int):
    """Bytes, written ``64M``, ``512K``, ``1GiB`` or as a number; K, M, G and T are powers of 1024."""

    label: ClassVar[str] = "size (512K, 64M, 1G)"

    @classmethod
    def parse(cls, text: str) -> Size:
        """Raises `ValueError`."""
        match = _SIZE.fullmatch(text.strip().lower())
        if match is None:
            raise ValueError(f"{quote(text)} is no size; write 512K, 64M or 1G")
        count = int(match[1]) << _POWERS[match[2]]
        if count > _LARGEST:
            raise ValueError(f"{quote(text)} is too large a size")
        return cls(count)

    @property
    def text(self) -> str:
        """The shortest exact notation: ``64M``."""
        for unit, power in reversed(_POWERS.items()):
            if self and not self & ((1 << power) - 1):
                return f"{self >> power}{unit.upper()}"
        return "0"


class Secret(str):
    """Text that is not shown: its ``repr`` is masked, its ``str`` is the text."""

    __slots__ = ()
    label: ClassVar[str] = "secret text"

    @classmethod
    def parse(cls, text: str) -> Secret:
        """Any text."""
        return cls(text)

    def __repr__(self) -> str:
        return "Secret('********')"


@dataclass(frozen=True, slots=True)
class AddressRange:
    """Addresses from ``first`` to ``last``, both included and of one version.

    Written ``192.168.1.110-199``, ``192.168.1.110-192.168.1.199``, as a CIDR block (all of it) or one address.
    """

    label: ClassVar[str] = "address range (192.0.2.10-99, 192.0.2.0/28)"
    first: IPv4Address | IPv6Address
    last: IPv4Address | IPv6Address

    @classmethod
    def parse(cls, text: str) -> AddressRange:
        """Raises `ValueError`."""
        start, dash, end = (part.strip() for part in text.partition("-"))
        try:
            if "/" in start and not dash:
                block = ip_network(start)
                return cls(block[0], block[-1])
            first = ip_address(start)
            last = ip_address(_complete(start, end)) if dash else first
        except ValueError as error:
            raise ValueError(f"{quote(text)} is no range of addresses: {_reason(error)}") from None
        if first.version != last.version:
            raise ValueError(f"{quote(text)} mixes IPv4 and IPv6")
        if int(first) > int(last):
            raise ValueError(f"{quote(text)} ends before it starts")
        return cls(first, last)

    @property
    def count(self) -> int:
        """How many addresses there are."""
        return int(self.last) - int(self.first) + 1

    def __iter__(self) -> Iterator[IPv4Address | IPv6Address]:
        kind = type(self.first)
        return map(kind, range(int(self.first), int(self.last) + 1))

    def __contains__(self, address: object) -> bool:
        return (
            isinstance(address, IPv4Address | IPv6Address)
            and address.version == self.first.version
            and int(self.first) <= int(address) <= int(self.last)
        )

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def _complete(start: str, end: str) -> str:
    """``199`` after ``192.168.1.110`` → ``192.168.1.199``."""
    return f"{start.rpartition('.')[0]}.{end}" if end.isdecimal() and "." in start else end


def _reason(error: ValueError) -> str:
    """What `ipaddress` says, made fit for a message."""
    return quote(str(error)[:200])[1:-1]
