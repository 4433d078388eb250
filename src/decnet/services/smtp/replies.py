"""What a mail server says: its rendered files as texts by name."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Template

import msgspec


@dataclass(frozen=True, slots=True)
class Replies:
    """``replies.toml`` of one mail server. ``replies`` are lines with code; ``$words`` stand for what varies.

    ``size`` is the largest message in bytes, ``system`` the local names that every such machine takes mail for.
    """

    size: int
    mechanisms: tuple[str, ...]
    system: tuple[str, ...]
    replies: Mapping[str, str | tuple[str, ...]]

    def text(self, name: str, words: Mapping[str, object]) -> str:
        """A reply, its lines joined by CRLF, without the last. Raises `KeyError` for a name that is not there."""
        lines = self.replies[name]
        whole = lines if isinstance(lines, str) else "\r\n".join(lines)
        return Template(whole).safe_substitute(words)


@lru_cache(maxsize=64)
def parse(content: bytes) -> Replies:
    """The texts of a rendered ``replies.toml``. Decoys with the same server share them."""
    return msgspec.convert(tomllib.loads(content.decode()), Replies)


def date(now: float, zone: str) -> str:
    """A date as mail has it (RFC 5322 section 3.3). ``zone`` is a number like ``+0000``, or ``GMT``."""
    moment = time.gmtime(now)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.tm_wday]
    month = _MONTHS[moment.tm_mon - 1]
    return f"{day}, {moment.tm_mday} {month} {moment.tm_year} {time.strftime('%H:%M:%S', moment)} {zone}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
