"""The shapes that are sent. msgspec writes them, the OpenAPI document is made of them: each field stands here once.

Times are ISO 8601 in UTC with microseconds; what is not known is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

Time = Annotated[str, Field(examples=["2026-11-22T17:00:00.000000Z"])]
Next = Annotated[str | None, Field(description="`cursor` of the page behind this one; null on the last")]


@dataclass(frozen=True, slots=True)
class Problem:
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the server answers."""

    status: Annotated[str, Field(examples=["ok"])]


@dataclass(frozen=True, slots=True)
class Network:
    """A network that was applied here, or that events are of."""

    name: Annotated[str, Field(examples=["office"])]
    applied: bool
    runtime: str
    decoys: int
    events: int
    first_seen: Time | None
    last_seen: Time | None


@dataclass(frozen=True, slots=True)
class Networks:
    items: list[Network]


@dataclass(frozen=True, slots=True)
class Decoy:
    """A decoy as it was applied, with what its events count. ``state`` is up, down or drifted, null when not known."""

    network: str
    name: Annotated[str, Field(examples=["web-01"])]
    state: str | None
    detail: Annotated[str, Field(description="what is wrong, when it is not up")]
    addresses: list[str]
    macs: list[str]
    lans: list[str]
    hostname: str
    os: str
    distro: str
    runtime: str
    group: str
    services: list[str]
    ports: Mapping[str, list[str]]
    events: int
    sessions: int
    attempts: int
    attackers: int
    first_seen: Time | None
    last_seen: Time | None


@dataclass(frozen=True, slots=True)
class Decoys:
    items: list[Decoy]


@dataclass(frozen=True, slots=True)
class Event:
    """An event as in the log, and its number."""

    seq: Annotated[int, Field(description="grows in the order in which events came in")]
    id: str
    ts: Time
    type: Annotated[str, Field(examples=["auth.attempt"])]
    network: str
    decoy: str
    service: str
    session: str
    src_ip: Annotated[str, Field(examples=["198.51.100.9"])]
    src_port: int
    dst_ip: str
    dst_port: int
    proto: str
    data: Mapping[str, Any]
    v: int


@dataclass(frozen=True, slots=True)
class Events:
    items: list[Event]
    next: Next


@dataclass(frozen=True, slots=True)
class Session:
    """One connection. ``closed`` is null while it is open; ``received`` and ``sent`` are bytes."""

    id: str
    network: str
    decoy: str
    service: str
    src_ip: str
    first_seen: Time
    last_seen: Time
    closed: Time | None
    events: int
    attempts: int
    commands: int
    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class Sessions:
    items: list[Session]
    next: Next


@dataclass(frozen=True, slots=True)
class Attacker:
    """One source address."""

    ip: str
    first_seen: Time
    last_seen: Time
    events: int
    sessions: int
    attempts: int
    commands: int
    uploads: int
    decoys: int


@dataclass(frozen=True, slots=True)
class Attackers:
    items: list[Attacker]
    next: Next


@dataclass(frozen=True, slots=True)
class Visit:
    """A source at a decoy."""

    network: str
    decoy: str
    first_seen: Time
    last_seen: Time
    events: int


@dataclass(frozen=True, slots=True)
class Path:
    """A source and its way over the decoys, in time."""

    attacker: Attacker
    visits: list[Visit]


@dataclass(frozen=True, slots=True)
class Credential:
    """What was tried, in clear. ``principals``, ``sources`` and ``decoys`` count where this secret was seen."""

    principal: str
    secret: str
    secret_kind: str
    first_seen: Time
    last_seen: Time
    attempts: int
    accepted: int
    principals: int
    sources: int
    decoys: int


@dataclass(frozen=True, slots=True)
class Credentials:
    items: list[Credential]
    next: Next


@dataclass(frozen=True, slots=True)
class Artifact:
    """Content that went over the wire, by its SHA-256."""

    sha256: str
    size: int
    name: str
    first_seen: Time
    last_seen: Time
    events: int


@dataclass(frozen=True, slots=True)
class Artifacts:
    items: list[Artifact]
    next: Next


@dataclass(frozen=True, slots=True)
class Stats:
    """Totals. ``types`` and ``services`` are events by their names."""

    events: int
    sessions: int
    attempts: int
    attackers: int
    decoys: int
    credentials: int
    artifacts: int
    first_seen: Time | None
    last_seen: Time | None
    types: Mapping[str, int]
    services: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Bar:
    """Events of a type in a span of time that begins at ``start``."""

    start: Time
    type: str
    events: int


@dataclass(frozen=True, slots=True)
class Histogram:
    since: Time
    until: Time
    width: Annotated[int, Field(description="seconds of a bar")]
    items: list[Bar]


@dataclass(frozen=True, slots=True)
class Lan:
    """A broadcast domain; ``host`` is the host's own address on it, or empty."""

    name: str
    driver: str
    interface: str
    subnets: list[str]
    host: str
    decoys: list[str]


@dataclass(frozen=True, slots=True)
class Picture:
    """A network's LANs with the names of those who stand on them: `/decoys` has what they are."""

    network: str
    lans: list[Lan]


@dataclass(frozen=True, slots=True)
class Topology:
    items: list[Picture]
