"""The keys a server starts with, from its rendered ``keys.json``.

Texts in it may hold ``<hex BYTES>``, ``<int LOW HIGH>`` and ``<one WORD …>``: they are drawn here, from the decoy's own
secret, so that rendering a large network stays cheap and no two decoys share a token.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import msgspec

from decnet.draw import Draw
from decnet.services.redis.dataset import Dataset, Set, SortedSet


class Key(msgspec.Struct, frozen=True):
    """One key of ``keys.json``. ``ttl`` in seconds: how long such a key lives when it is written; empty is for ever.

    ``count``: that many of it, each drawn anew.
    """

    key: str
    type: str
    value: Any
    db: int = 0
    ttl: str = ""
    count: int = 1


def load(dataset: Dataset, rendered: bytes, booted: float, draw: Draw) -> None:
    """Fill a dataset. Raises `msgspec.ValidationError` when the file is not a list of `Key`.

    A key with a lifetime is taken as written anew each time it ran out since the machine came up, so what is left of it
    moves with the clock and does not start again with this process.
    """
    now = time.time()
    for one in msgspec.json.decode(rendered, type=list[Key]):
        database = dataset.databases[one.db % len(dataset.databases)]
        for _ in range(one.count):
            name = _drawn(one.key, draw).encode()
            database.put(name, _MAKE[one.type](_filled(one.value, draw)))
            if one.ttl:
                life = int(_drawn(one.ttl, draw))
                database.expires[name] = int((now + life - (now - booted) % life) * 1000)
    dataset.audit()
    dataset.dirty = 0


_DRAWN = re.compile(r"<(hex|int|one) ([^<>]+)>")


def _drawn(text: str, draw: Draw) -> str:
    def choose(match: re.Match[str]) -> str:
        words = match[2].split()
        if match[1] == "hex":
            return draw.hex(int(words[0]))
        return str(draw.integer(int(words[0]), int(words[1]))) if match[1] == "int" else draw.pick(words)

    return _DRAWN.sub(choose, text)


def _filled(value: Any, draw: Draw) -> Any:
    if isinstance(value, str):
        return _drawn(value, draw)
    if isinstance(value, dict):
        return {name: _filled(item, draw) for name, item in value.items()}
    return value


def _bytes(value: Any) -> bytes:
    return str(value).encode()


_MAKE: dict[str, Callable[[Any], Any]] = {
    "string": _bytes,
    "list": lambda value: [_bytes(item) for item in value],
    "hash": lambda value: {_bytes(name): _bytes(item) for name, item in value.items()},
    "set": lambda value: Set(dict.fromkeys(_bytes(item) for item in value)),
    "zset": lambda value: SortedSet((_bytes(name), float(score)) for name, score in value.items()),
}
