"""Who comes in: connections a second of a service, and of one source."""

from __future__ import annotations

import socket

from decnet.decoy.bucket import Bucket
from decnet.services.limits import Limits

_REFUSALS = 10
"""Connections turned away a second, in times of those let in. Turning one away costs a twentieth of serving it."""
_BURST_SECONDS, _SOURCE_BURST_SECONDS = 2, 3
"""A visitor who opens everything at once, as a scanner or two hundred workers do, may have as much as that much time
would bring."""
_SOURCES = 1024
"""Sources remembered before those that have been quiet are forgotten."""


def source_of(address: str) -> str:
    """Who counts as one visitor: an address, of IPv6 the subnet, for who is in one /64 has all of its addresses."""
    return socket.inet_pton(socket.AF_INET6, address)[:8].hex() if ":" in address else address


class Gate:
    """Takes the place of a queue that the kernel does not have: its own is first come, first served.

    A source may come as often as its share of the places allows (``connection_rate`` x ``per_source`` /
    ``connections``); what is above that is turned away at once, so that others behind it in the queue have their turn.
    When the service's own rate is used up nothing is taken from the queue: a flood waits in the kernel. ``times`` makes
    it a gate for what comes so many times as often as connections.
    """

    def __init__(self, limits: Limits, times: float = 1) -> None:
        rate = limits.connection_rate * times
        self._all = Bucket(rate, rate * _BURST_SECONDS)
        self._refusals = Bucket(rate * _REFUSALS, rate)
        self._share = rate * min(1.0, limits.per_source / max(1, limits.connections))
        self._sources: dict[str, Bucket] = {}
        self._forget_at = _SOURCES

    def wait(self, now: float) -> float:
        """Seconds before the next connection may be taken from the queue."""
        return max(self._all.wait(now), self._refusals.wait(now))

    def enter(self, source: str, now: float) -> bool:
        """Whether a connection that was taken is let in."""
        bucket = self._sources.get(source)
        if bucket is None:
            if len(self._sources) >= self._forget_at:
                self._forget(now)
            bucket = self._sources[source] = Bucket(self._share, self._share * _SOURCE_BURST_SECONDS)
        if bucket.take(now):
            self._all.take(now)
            return True
        self._refusals.take(now)
        return False

    def _forget(self, now: float) -> None:
        """Forget the quiet ones. As many as are left may come before the next look, so that looking stays cheap."""
        self._sources = {source: one for source, one in self._sources.items() if not one.full(now)}
        self._forget_at = max(_SOURCES, 2 * len(self._sources))
