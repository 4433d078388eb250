"""How many events a service may write a second, and one event for all that went beyond a limit in that second."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from decnet.decoy.bucket import Bucket
from decnet.events import Event, EventType, now

_SECONDS = 1.0
_SOURCES_COUNTED = 1024
_SOURCES_TOLD = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service stands: the words that go into its events."""

    network: str
    decoy: str
    service: str
    ip: str = ""
    """Address of the decoy."""

    def error(self, data: Mapping[str, Any]) -> Event:
        """An event of type `error` that is no part of a session, of now."""
        return Event.of(
            EventType.ERROR, data, ts=now(), network=self.network, decoy=self.decoy, service=self.service
        )


@dataclass(slots=True)
class _Beyond:
    """What went beyond one limit since it was last told."""

    kinds: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, source: str) -> None:
        self.kinds[kind] += 1
        if source in self.sources or len(self.sources) < _SOURCES_COUNTED:
            self.sources[source] += 1


class Budget:
    """The way of a service's events to the log."""

    def __init__(self, place: Place, send: Callable[[Event], None], rate: float) -> None:
        self._place = place
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._bucket = Bucket(rate)
        self._beyond: dict[str, _Beyond] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def rate(self) -> float:
        """Events a second."""
        return self._bucket.rate

    @rate.setter
    def rate(self, rate: float) -> None:
        if rate != self._bucket.rate:
            self._bucket = Bucket(rate)

    def send(self, event: Event) -> None:
        """Write an event of a session, or count it. Its beginning and its end are always written."""
        framing = event.type is EventType.OPEN or event.type is EventType.CLOSE
        if self._bucket.take(self._loop.time(), debt=framing):
            self._send(event)
        else:
            self.count("events", event.type, event.src_ip)

    def offer(self, event: Event) -> None:
        """Write an event that is no part of a session, or count it."""
        if self._bucket.take(self._loop.time()):
            self._send(event)
        else:
            self.count("events", event.type, event.src_ip)

    def count(self, limit: str, kind: str, source: str) -> None:
        """Something went beyond a limit and has no event of its own: within a second one event tells of all of them."""
        beyond = self._beyond.get(limit)
        if beyond is None:
            beyond = self._beyond[limit] = _Beyond()
        beyond.add(kind, source)
        if self._timer is None:
            self._timer = self._loop.call_later(_SECONDS, self.tell)

    def tell(self) -> None:
        """Write what was counted, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        told, self._beyond = self._beyond, {}
        for limit, beyond in told.items():
            data = {
                "error": f"limit: {limit}",
                "count": beyond.kinds.total(),
                "types": dict(beyond.kinds),
                "sources": dict(beyond.sources.most_common(_SOURCES_TOLD)),
            }
            self._send(self._place.error(data))
