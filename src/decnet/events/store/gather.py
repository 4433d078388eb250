"""A batch of events summed up: what it adds to each decoy, attacker, session, credential. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeVar

from decnet.events.schema import TEXT_LIMIT, EventType
from decnet.events.store.record import Record, count, word

_K = TypeVar("_K")

_MINUTE = 60
WIDTHS = (_MINUTE, 3600, 86_400)
"""Seconds that events are tallied by."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of nothing."""


@dataclass(slots=True)
class Sum:
    """What a batch has of one thing. ``seq`` and ``last_seq`` are the numbers of its first and last event."""

    seq: int
    first: int
    last: int
    events: int = 0
    last_seq: int = 0
    sessions: int = 0
    attempts: int = 0
    commands: int = 0
    uploads: int = 0
    received: int = 0
    sent: int = 0
    closed: int = 0
    accepted: int = 0
    size: int = 0

    def add(self, seq: int, ts: int) -> None:
        """One event more. Compared by hand: calls of min and max were a third of summing up."""
        self.events += 1
        self.last_seq = seq
        if ts < self.first:
            self.first = ts
        elif ts > self.last:
            self.last = ts


@dataclass(frozen=True, slots=True)
class Origin:
    """What a session began with."""

    decoy: tuple[str, str]
    service: str
    src_ip: str


@dataclass(frozen=True, slots=True)
class Secret:
    """What somebody tried, in clear."""

    principal: str
    secret: str
    kind: str

    @property
    def digest(self) -> bytes:
        """Tells it from all others."""
        return _digest(self.kind, self.principal, self.secret)

    @property
    def secret_digest(self) -> bytes:
        """The same for all who have this secret, whatever name they gave."""
        return _digest(self.kind, self.secret)


@dataclass(slots=True)
class Batch:
    """Sums by what they are of; a decoy is (network, name), a tally (width, start, network, type)."""

    decoys: dict[tuple[str, str], Sum] = field(default_factory=dict)
    services: dict[tuple[tuple[str, str], str], Sum] = field(default_factory=dict)
    attackers: dict[str, Sum] = field(default_factory=dict)
    contacts: dict[tuple[str, tuple[str, str]], Sum] = field(default_factory=dict)
    sessions: dict[str, Sum] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    credentials: dict[Secret, Sum] = field(default_factory=dict)
    uses: dict[tuple[Secret, str, tuple[str, str]], Sum] = field(default_factory=dict)
    artifacts: dict[str, Sum] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    tallies: dict[tuple[int, int, str, str], Sum] = field(default_factory=dict)


def gather(records: Iterable[Record], seq: int) -> Batch:
    """Sum up events that get the numbers from ``seq`` on."""
    batch = Batch()
    for number, one in enumerate(records, seq):
        _add(batch, one, number)
    _widen(batch)
    return batch


def _add(batch: Batch, one: Record, seq: int) -> None:
    ts = one.ts
    where = (one.network, one.decoy)
    parts = [_sum(batch.decoys, where, seq, ts)]
    if one.service:
        _sum(batch.services, (where, one.service), seq, ts)
    if one.src_ip:
        parts.append(_sum(batch.attackers, one.src_ip, seq, ts))
        if one.decoy:
            _sum(batch.contacts, (one.src_ip, where), seq, ts)
    if one.session:
        parts.append(_sum(batch.sessions, one.session, seq, ts))
        if one.session not in batch.origins:
            batch.origins[one.session] = Origin(where, one.service, one.src_ip)
    _sum(batch.tallies, (_MINUTE, ts // 60_000_000 * 60, one.network, one.type), seq, ts)
    special = _SPECIAL.get(one.type)
    if special is not None:
        special(batch, one, seq, parts)


def _widen(batch: Batch) -> None:
    """Tallies of hours and days from those of minutes."""
    for (_, start, network, kind), part in list(batch.tallies.items()):
        for width in WIDTHS[1:]:
            key = (width, start - start % width, network, kind)
            whole = batch.tallies.setdefault(key, Sum(part.seq, part.first, part.last))
            whole.events += part.events
            whole.seq = min(whole.seq, part.seq)
            whole.last_seq = max(whole.last_seq, part.last_seq)


def _sum(sums: dict[_K, Sum], key: _K, seq: int, ts: int) -> Sum:
    found = sums.get(key)
    if found is None:
        found = sums[key] = Sum(seq, ts, ts)
    found.add(seq, ts)
    return found


def _opened(_batch: Batch, _one: Record, _seq: int, parts: list[Sum]) -> None:
    for part in parts:
        part.sessions += 1


def _closed(_batch: Batch, one: Record, _seq: int, parts: list[Sum]) -> None:
    if one.session:
        mine = parts[-1]
        mine.closed = max(mine.closed, one.ts)
        mine.received += count(one.data.get("received"))
        mine.sent += count(one.data.get("sent"))


def _tried(batch: Batch, one: Record, seq: int, parts: list[Sum]) -> None:
    for part in parts:
        part.attempts += 1
    if "secret" not in one.data and "principal" not in one.data:
        return
    secret = Secret(
        word(one.data.get("principal"), TEXT_LIMIT * 2),
        word(one.data.get("secret"), TEXT_LIMIT * 2),
        word(one.data.get("secret_kind"), 64),
    )
    accepted = one.data.get("outcome") == "accepted"
    _sum(batch.credentials, secret, seq, one.ts).accepted += accepted
    _sum(batch.uses, (secret, one.src_ip, (one.network, one.decoy)), seq, one.ts)


def _commanded(batch: Batch, one: Record, seq: int, parts: list[Sum]) -> None:
    for part in parts:
        part.commands += 1
    _brought(batch, one, seq, parts)


def _uploaded(batch: Batch, one: Record, seq: int, parts: list[Sum]) -> None:
    for part in parts:
        part.uploads += 1
    _brought(batch, one, seq, parts)


def _brought(batch: Batch, one: Record, seq: int, _parts: list[Sum]) -> None:
    """Content that the event has the digest of."""
    digest, size = one.data.get("sha256"), one.data.get("size")
    if digest is None:
        digest, size = one.data.get("body_sha256"), one.data.get("body_size")
    if not isinstance(digest, str) or digest == _EMPTY or not _DIGEST.fullmatch(digest):
        return
    known = _sum(batch.artifacts, digest, seq, one.ts)
    known.size = max(known.size, count(size))
    batch.names.setdefault(digest, word(one.data.get("path"), TEXT_LIMIT))


def _digest(*words: str) -> bytes:
    return blake2b("\0".join(words).encode(), digest_size=16).digest()


_SPECIAL = {
    EventType.OPEN.value: _opened,
    EventType.CLOSE.value: _closed,
    EventType.AUTH.value: _tried,
    EventType.COMMAND.value: _commanded,
    EventType.REQUEST.value: _brought,
    EventType.UPLOAD.value: _uploaded,
    EventType.DOWNLOAD.value: _brought,
}
