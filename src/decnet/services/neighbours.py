"""What a host knows of the other hosts of its company, without being tied to them.

Templates see `SLOTS` neighbours whose names and addresses are placeholders; a bundle's hash is made of these. What
stands for them travels beside and is put in when the service starts. So a decoy that comes, goes or moves does not
change the others: their notes on it go stale until their own next change, as those of real hosts do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SLOTS = 6
_NAME, _ADDRESS, _END = "\ue000", "\ue001", "\ue002"
"""Private-use characters (Unicode 16.0, section 23.5): no text has them by chance; digits between keep any case."""
_PLACEHOLDER = re.compile(f"({_NAME}|{_ADDRESS})([0-9]){_END}".encode())


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another host of the same company."""

    hostname: str
    ip: str


PLACEHOLDERS = tuple(Neighbour(f"{_NAME}{slot}{_END}", f"{_ADDRESS}{slot}{_END}") for slot in range(SLOTS))


def settle(text: bytes, neighbours: Sequence[Neighbour]) -> bytes:
    """The text with every placeholder replaced. ``neighbours`` are `SLOTS` of them."""
    if b"\xee\x80" not in text:
        return text

    def known(match: re.Match[bytes]) -> bytes:
        one = neighbours[int(match[2])]
        return (one.hostname if match[1] == _NAME.encode() else one.ip).encode()

    return _PLACEHOLDER.sub(known, text)
