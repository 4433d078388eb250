"""What the store answers with, and what it is asked. Times are microseconds since 1970, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from decnet.events.schema import Event

MOST = 1000
"""Rows of one page."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: what is not said lets everything through, of several values one has to fit.

    ``types`` match as a whole or by their first word. ``since`` is included, ``until`` is not. ``before`` and ``after``
    are numbers of events (`Stored.seq`): a page begins where the one before it ended.
    """

    networks: tuple[str, ...] = ()
    decoys: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    session: str = ""
    since: int | None = None
    until: int | None = None
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """An event and its number, which grows in the order in which events came in."""

    seq: int
    event: Event


@dataclass(frozen=True, slots=True)
class Session:
    """One connection. ``closed`` is 0 while it is open; ``received`` and ``sent`` are bytes."""

    id: int
    uid: str
    network: str
    decoy: str
    service: str
    src_ip: str
    first_seen: int
    last_seen: int
    closed: int
    events: int
    attempts: int
    commands: int
    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class Attacker:
    """One source address. ``decoys`` counts those it was at."""

    id: int
    ip: str
    first_seen: int
    last_seen: int
    events: int
    sessions: int
    attempts: int
    commands: int
    uploads: int
    decoys: int


@dataclass(frozen=True, slots=True)
class Visit:
    """An attacker at a decoy."""

    network: str
    decoy: str
    first_seen: int
    last_seen: int
    events: int


@dataclass(frozen=True, slots=True)
class Credential:
    """What was tried, in clear, and how often it was seen: ``principals`` with this secret, ``sources``, ``decoys``."""

    id: int
    principal: str
    secret: str
    secret_kind: str
    first_seen: int
    last_seen: int
    attempts: int
    accepted: int
    principals: int
    sources: int
    decoys: int


@dataclass(frozen=True, slots=True)
class Artifact:
    """Content that went over the wire, by its SHA-256. ``name`` is the first that it had, ``size`` in bytes."""

    id: int
    sha256: str
    size: int
    name: str
    first_seen: int
    last_seen: int
    events: int


@dataclass(frozen=True, slots=True)
class Decoy:
    """What is known of a decoy by its events."""

    id: int
    network: str
    name: str
    services: tuple[str, ...]
    first_seen: int
    last_seen: int
    events: int
    sessions: int
    attempts: int
    attackers: int


@dataclass(frozen=True, slots=True)
class Stats:
    """All of it, counted. ``types`` and ``services`` are events by their names."""

    events: int
    sessions: int
    attempts: int
    attackers: int
    decoys: int
    credentials: int
    artifacts: int
    first_seen: int
    last_seen: int
    types: Mapping[str, int]
    services: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Bar:
    """Events of a type in a span of time that begins at ``start`` (microseconds)."""

    start: int
    type: str
    events: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a prune took away, or would. ``before`` is the time that everything kept is from; ``bytes`` what it freed."""

    before: int
    events: int
    sessions: int
    attackers: int
    credentials: int
    artifacts: tuple[str, ...]
    size_before: int
    size_after: int

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "before": self.before,
            "events": self.events,
            "sessions": self.sessions,
            "attackers": self.attackers,
            "credentials": self.credentials,
            "artifacts": len(self.artifacts),
            "size_before": self.size_before,
            "size_after": self.size_after,
        }
