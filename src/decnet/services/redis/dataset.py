"""The keys and values: sixteen numbered databases (or as many as configured) that share one bound on memory.

Values are ``bytes`` (string), ``list``, ``dict`` (hash), `Set`, `SortedSet` and
`Stream`.
"""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from decnet.services.redis.reply import Refused
from decnet.services.redis.stream import Stream

DATA_LIMIT = 8 * 1024 * 1024
"""Bytes of keys and values that one decoy keeps, by `measure`."""
KEY_COST = 96
ITEM_COST = 64
AUDIT_EVERY = 1.0
"""Seconds between two exact counts of what is stored."""

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'."


class Set(dict[bytes, None]):
    """A set, in order of insertion."""

    __slots__ = ()


class SortedSet:
    """Members with scores, in order of score and then of bytes."""

    __slots__ = ("order", "scores")

    def __init__(self, scores: Iterable[tuple[bytes, float]] = ()) -> None:
        self.scores = dict(scores)
        self.order = sorted((score, member) for member, score in self.scores.items())

    def __len__(self) -> int:
        return len(self.scores)

    def put(self, member: bytes, score: float) -> None:
        """Add a member or change its score."""
        old = self.scores.get(member)
        if old is not None:
            if old == score:
                return
            del self.order[bisect_left(self.order, (old, member))]
        self.scores[member] = score
        insort(self.order, (score, member))

    def drop(self, member: bytes) -> bool:
        """Remove a member; False when there was none."""
        score = self.scores.pop(member, None)
        if score is None:
            return False
        del self.order[bisect_left(self.order, (score, member))]
        return True

    def rank(self, member: bytes) -> int:
        """Position of a member that is there, from 0."""
        return bisect_left(self.order, (self.scores[member], member))


def type_name(value: Any) -> str:
    """What TYPE answers."""
    return _TYPES[type(value)]


_TYPES = {bytes: "string", list: "list", dict: "hash", Set: "set", SortedSet: "zset", Stream: "stream"}


def measure(value: Any) -> int:
    """Bytes a value counts for."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + len(item or b"") + ITEM_COST for key, item in value.items())
    if isinstance(value, Stream):
        entries = sum(sum(map(len, fields)) + ITEM_COST * len(fields) for fields in value.entries.values())
        return entries + ITEM_COST * sum(len(g.pending) + len(g.consumers) + 1 for g in value.groups.values())
    if isinstance(value, SortedSet):
        return sum(len(member) + 2 * ITEM_COST for member in value.scores)
    return sum(len(item) + ITEM_COST for item in value)


class Dataset:
    """All databases of one server."""

    def __init__(self, databases: int, limit: int = DATA_LIMIT) -> None:
        self.databases = [Database(number, self) for number in range(databases)]
        self.limit = limit
        self.used = 0
        """Bytes stored, never less than by `measure` (see `room`)."""
        self.dirty = 0
        """Changes since the last save."""
        self.expired = 0
        self.touched: Callable[[int, bytes], None] = lambda _database, _key: None
        """Called for each key that changes."""
        self._audited = 0.0

    def room(self, wanted: int) -> None:
        """Make sure that ``wanted`` more bytes fit. Raises `Refused`.

        What a command stores is counted by its arguments, which is too much where it replaces something; when the
        count reaches the limit it is made exact, at most once a second.
        """
        if self.used + wanted > self.limit:
            now = time.monotonic()
            if now - self._audited > AUDIT_EVERY:
                self._audited = now
                self.audit()
            if self.used + wanted > self.limit:
                raise Refused(OUT_OF_MEMORY)
        self.used += wanted

    def audit(self) -> None:
        """Count exactly what is stored."""
        self.used = sum(
            len(key) + KEY_COST + measure(value) for db in self.databases for key, value in db.values.items()
        )


class Database:
    """One keyspace. Times are Unix milliseconds."""

    __slots__ = ("dataset", "expires", "number", "used_at", "values")

    def __init__(self, number: int, dataset: Dataset) -> None:
        self.number = number
        self.dataset = dataset
        self.values: dict[bytes, Any] = {}
        self.expires: dict[bytes, int] = {}
        self.used_at: dict[bytes, float] = {}

    def get(self, key: bytes) -> Any:
        """The value of a key, or None; a key whose time has come is removed."""
        if self.expires and key in self.expires and self.expires[key] <= milliseconds():
            self._expire(key)
        value = self.values.get(key)
        if value is not None:
            self.used_at[key] = time.monotonic()
        return value

    def of(self, kind: type[Any], key: bytes) -> Any:
        """The value of a key if it is of that kind, or None. Raises `Refused` when it is of another."""
        value = self.get(key)
        if value is not None and type(value) is not kind:
            raise Refused(WRONG_TYPE)
        return value

    def put(self, key: bytes, value: Any, *, keep_ttl: bool = False) -> None:
        """Set a key. An empty collection removes it."""
        if not keep_ttl:
            self.expires.pop(key, None)
        if isinstance(value, bytes) or value:
            self.values[key] = value
            self.used_at[key] = time.monotonic()
        elif key in self.values:
            self._forget(key)
        self.changed(key)

    def changed(self, key: bytes, count: int = 1) -> None:
        """Say that a key's value is another. Removes the key when its collection has become empty."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, bytes) and not value:
            self._forget(key)
        self.dataset.dirty += count
        self.dataset.touched(self.number, key)

    def delete(self, key: bytes) -> bool:
        """Remove a key; False when there was none."""
        if self.get(key) is None:
            return False
        self.dataset.used = max(0, self.dataset.used - measure(self.values[key]) - len(key) - KEY_COST)
        self._forget(key)
        self.changed(key)
        return True

    def expire(self, key: bytes, when: int | None) -> None:
        """Set (or with None remove) the time at which a key that is there goes."""
        if when is None:
            self.expires.pop(key, None)
        else:
            self.expires[key] = when
        self.changed(key)

    def present(self) -> Iterator[bytes]:
        """The keys that are there now."""
        self.purge()
        return iter(list(self.values))

    def purge(self) -> None:
        """Remove what has expired."""
        now = milliseconds()
        for key in [key for key, when in self.expires.items() if when <= now]:
            self._expire(key)

    def flush(self) -> int:
        """Remove everything; the number of keys that went."""
        gone = list(self.values)
        self.values, self.expires, self.used_at = {}, {}, {}
        for key in gone:
            self.changed(key)
        self.dataset.audit()
        return len(gone)

    def _expire(self, key: bytes) -> None:
        self._forget(key)
        self.dataset.expired += 1
        self.dataset.touched(self.number, key)

    def _forget(self, key: bytes) -> None:
        self.values.pop(key, None)
        self.expires.pop(key, None)
        self.used_at.pop(key, None)


def milliseconds() -> int:
    """The time, in Unix milliseconds."""
    return time.time_ns() // 1_000_000
