"""The keys a server starts with, from its rendered ``keys.json``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from decnet.services.redis.dataset import Dataset, Set, SortedSet


class Key(msgspec.Struct, frozen=True):
    """One key of ``keys.json``. ``ttl`` in seconds: how long such a key lives when it is written; 0 is for ever."""

    key: str
    type: str
    value: Any
    db: int = 0
    ttl: int = 0


def load(dataset: Dataset, rendered: bytes, booted: float) -> None:
    """Fill a dataset. Raises `msgspec.ValidationError` when the file is not a list of `Key`.

    A key with a lifetime is taken as written anew each time it ran out since the machine came up, so what is left of it
    moves with the clock and does not start again with this process.
    """
    now = time.time()
    for one in msgspec.json.decode(rendered, type=list[Key]):
        database = dataset.databases[one.db % len(dataset.databases)]
        name = one.key.encode()
        database.put(name, _MAKE[one.type](one.value))
        if one.ttl:
            left = one.ttl - (now - booted) % one.ttl
            database.expires[name] = int((now + left) * 1000)
    dataset.audit()
    dataset.dirty = 0


def _bytes(value: Any) -> bytes:
    return str(value).encode()


_MAKE: dict[str, Callable[[Any], Any]] = {
    "string": _bytes,
    "list": lambda value: [_bytes(item) for item in value],
    "hash": lambda value: {_bytes(name): _bytes(item) for name, item in value.items()},
    "set": lambda value: Set(dict.fromkeys(_bytes(item) for item in value)),
    "zset": lambda value: SortedSet((_bytes(name), float(score)) for name, score in value.items()),
}
