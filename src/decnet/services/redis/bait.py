"""The keys a server starts with: a shape from ``keys.json``, drawn when the first visitor comes.

Texts of the shape hold ``<…>``. What identifies is drawn from the decoy's secret: ``<hex BYTES>`` and ``<radix64
CHARACTERS>`` (bcrypt's alphabet), so no two decoys share a token. All else is a choice: ``<int LOW HIGH>``, ``<one WORD
…>``, ``<person N>`` (``first.last``; ``<Person N>`` for "First Last", ``#`` for the key's own number), ``<anybody>``,
``<peer>`` (an address of the same network), ``<time>`` of a working day, and any name of ``once``, drawn once. ``<host>``,
``<domain>``, ``<company>``, ``<Company>`` and ``<day>`` (on which the machine came up) are the machine's own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Literal

import msgspec

from decnet.draw import Draw
from decnet.services.redis.dataset import Dataset, Set, SortedSet
from decnet.services.service import Facts

PEOPLE = 8
PEERS = 5


class Key(msgspec.Struct, frozen=True):
    """One key of ``keys.json``, or several: each of ``count``, or of the ``share``-th part of the persona's keys.

    ``ttl`` in seconds: how long such a key lives when it is written; empty is for ever.
    """

    key: str
    type: Literal["string", "list", "hash", "set", "zset"]
    value: Any
    db: int = 0
    ttl: str = ""
    count: int = 1
    share: int = 0


class Shape(msgspec.Struct, frozen=True):
    """All of ``keys.json``."""

    keys: tuple[Key, ...]
    once: Mapping[str, tuple[str, ...]]
    first: tuple[str, ...]
    last: tuple[str, ...]


shape = lru_cache(maxsize=16)(msgspec.json.Decoder(Shape).decode)
"""The shape in a file's bytes; thousands of decoys share a few. Raises `msgspec.ValidationError`."""


def load(dataset: Dataset, source: Shape, keys: int, filling: Filling) -> None:
    """Fill a dataset with about ``keys`` keys.

    A key with a lifetime is taken as written anew each time it ran out since the machine came up, so what is left of it
    moves with the clock and does not start again with this process.
    """
    now, booted = time.time(), filling.booted
    for one in source.keys:
        database = dataset.databases[one.db % len(dataset.databases)]
        for number in range(1, 1 + (keys // one.share if one.share else one.count)):
            name = filling.text(one.key, number).encode()
            database.put(name, _MAKE[one.type](filling.value(one.value, number)))
            if one.ttl:
                life = int(filling.text(one.ttl, number))
                database.expires[name] = int((now + life - (now - booted) % life) * 1000)
    dataset.audit()
    dataset.dirty = 0


_DRAWN = re.compile(r"<(\w+)((?: [^<> ]+)*)>")
_RADIX64 = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Filling:
    """What one decoy's placeholders stand for."""

    def __init__(self, source: Shape, facts: Facts, choices: Draw, secret: Draw) -> None:
        self.booted = facts.booted
        self._choices, self._secret = choices, secret
        company = facts.domain.partition(".")[0] or "corp"
        self._words = {
            "host": facts.hostname,
            "domain": facts.domain or "corp.local",
            "company": company,
            "Company": company.title(),
            "day": datetime.fromtimestamp(facts.booted, UTC).date().isoformat(),
        }
        for name, options in source.once.items():
            self._words[name] = choices.pick([word for word in options if word != facts.hostname])
        self._people = [
            f"{first}.{choices.pick(source.last)}" for first in choices.sample(source.first, PEOPLE)
        ]
        self._peers = _peers(facts.ip, choices)

    def text(self, pattern: str, number: int) -> str:
        """A pattern with every placeholder drawn; a name that there is none of stays as it is."""
        return _DRAWN.sub(lambda match: self._drawn(match[1], match[2].split(), number), pattern)

    def value(self, value: Any, number: int) -> Any:
        """The same for every text of a list or of a mapping's values."""
        if isinstance(value, str):
            return self.text(value, number)
        if isinstance(value, dict):
            return {name: self.text(str(item), number) for name, item in value.items()}
        return [self.text(str(item), number) for item in value]

    def _drawn(self, name: str, words: list[str], number: int) -> str:  # noqa: PLR0911 (one return a placeholder)
        choices = self._choices
        match name:
            case "hex":
                return self._secret.hex(int(words[0]))
            case "radix64":
                return "".join(_RADIX64[byte & 63] for byte in self._secret.bytes(int(words[0])))
            case "int":
                return str(choices.integer(int(words[0]), int(words[1])))
            case "one":
                return choices.pick(words)
            case "person" | "Person":
                person = self._people[(number if words[0] == "#" else int(words[0])) % len(self._people)]
                return person if name == "person" else person.replace(".", " ").title()
            case "anybody":
                return choices.pick(self._people)
            case "peer":
                return choices.pick(self._peers)
            case "time":
                hour, rest = choices.integer(7, 18), choices.integer(0, 3599)
                return f"{hour:02}:{rest // 60:02}:{rest % 60:02}"
        return self._words.get(name, f"<{name}>")


def _peers(ip: str, choices: Draw) -> list[str]:
    """Addresses next to the host's own."""
    own = ip_address(ip)
    base = int(own) & ~0xFF
    free = [base + last for last in range(2, 251) if base + last != int(own)]
    return [str(type(own)(number)) for number in choices.sample(free, PEERS)]


_MAKE: dict[str, Callable[[Any], Any]] = {
    "string": str.encode,
    "list": lambda value: [item.encode() for item in value],
    "hash": lambda value: {name.encode(): item.encode() for name, item in value.items()},
    "set": lambda value: Set(dict.fromkeys(item.encode() for item in value)),
    "zset": lambda value: SortedSet((name.encode(), float(score)) for name, score in value.items()),
}
