"""The stream value: entries by id, and groups of consumers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

Id = tuple[int, int]
"""Milliseconds and a number within them."""
ZERO: Id = (0, 0)
LAST: Id = (2**64 - 1, 2**64 - 1)
NODE = 100
"""stream-node-max-entries: a trim with ``~`` drops whole nodes only."""


def shown(one: Id) -> bytes:
    """An id as redis writes it."""
    return b"%d-%d" % one


@dataclass(slots=True)
class Pending:
    """An entry that a consumer has and has not acknowledged."""

    consumer: bytes
    delivered: int
    """Unix milliseconds."""
    count: int = 1


@dataclass(slots=True)
class Group:
    """A consumer group."""

    last: Id
    read: int | None
    """Entries read by the group; None when nobody can say."""
    pending: dict[Id, Pending] = field(default_factory=dict)
    consumers: dict[bytes, int] = field(default_factory=dict)
    """When each was seen last, in Unix milliseconds."""


@dataclass(slots=True, eq=False)
class Stream:
    """A stream. It stays when its last entry goes, so it has no length that would make it false."""

    order: list[Id] = field(default_factory=list)
    entries: dict[Id, list[bytes]] = field(default_factory=dict)
    last: Id = ZERO
    deleted: Id = ZERO
    """The highest id that was ever deleted."""
    added: int = 0
    groups: dict[bytes, Group] = field(default_factory=dict)

    def append(self, one: Id, fields: list[bytes]) -> None:
        """Add an entry past the last."""
        self.order.append(one)
        self.entries[one] = fields
        self.last = one
        self.added += 1

    def between(self, low: Id, high: Id) -> list[Id]:
        """Ids from ``low`` to ``high``, both included, in order."""
        return self.order[bisect_left(self.order, low) : bisect_right(self.order, high)]

    def drop(self, one: Id) -> bool:
        """Delete an entry; False when there was none."""
        if self.entries.pop(one, None) is None:
            return False
        del self.order[bisect_left(self.order, one)]
        self.deleted = max(self.deleted, one)
        return True

    def trim(self, count: int) -> int:
        """Delete the ``count`` oldest entries."""
        for one in self.order[:count]:
            del self.entries[one]
        gone = min(count, len(self.order))
        del self.order[:count]
        return gone

    def has_gaps(self, start: Id) -> bool:
        """Whether anything was deleted at ``start`` or after (streamRangeHasTombstones)."""
        return bool(self.order) and self.deleted != ZERO and start <= self.deleted

    def distance(self, one: Id) -> int | None:
        """Entries ever added up to an id, if that can be said (streamEstimateDistanceFromFirstEverEntry)."""
        if not self.added:
            return 0
        if one == self.last or (not self.order and one < self.last):
            return self.added
        first = self.order[0] if self.order else ZERO
        if one > self.last or (self.deleted != ZERO and self.deleted >= first) or one > first:
            return None
        return self.added - len(self.order) + (one == first)

    def lag(self, group: Group) -> int | None:
        """Entries that a group has still to read, if that can be said."""
        if group.read is not None and not self.has_gaps(group.last):
            return self.added - group.read
        read = self.distance(group.last)
        return None if read is None else self.added - read

    def entry(self, one: Id) -> list[object]:
        """An entry as a reply."""
        return [shown(one), list(self.entries[one])]
