"""What the privileged side and a shipper say to each other: as with a decoy process (`decnet.decoy.protocol`).

A request ``serve`` carries a memfd with a `decnet.events.sinks.SinkBundle` first, then for a sink that is a file the
folder of it, opened. A request ``lend`` carries the standard output of whoever keeps the network in the foreground.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SinkState(StrEnum):
    """How a sink is. ``waiting``: connected, but nothing is taken there. ``failing``: `Shipping.error` says why."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Request:
    """``op`` is serve, stop (one sink: its place is forgotten), list, lend, quit."""

    op: str
    sink: str = ""
    bundle: str = ""
    """Hash of the bundle, told back by ``list``."""


@dataclass(frozen=True, slots=True)
class Shipping:
    """One sink, as ``list`` tells it. ``oldest`` in seconds: how long the first of what is queued has waited."""

    name: str
    type: str
    target: str
    bundle: str
    state: SinkState
    error: str
    sent: int
    queued: int
    queued_bytes: int
    oldest: float
    dropped: int
    """Events that rotation took before they were sent, and lines of the log that are none (a disk was full)."""
    dropped_bytes: int
    """Bytes that rotation took: of those events, and of more that could not be counted while nothing ran."""
    resent: int
    """Events sent again after a connection was lost: how many may be there twice."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to a request; ``error`` is empty when it was carried out."""

    error: str = ""
    running: tuple[Shipping, ...] = ()
