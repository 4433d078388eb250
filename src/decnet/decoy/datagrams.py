"""A UDP socket of a service: datagrams become flows, flows have a beginning, an end and limits as connections have."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from decnet.decoy.budget import Budget, Place
from decnet.decoy.faults import where
from decnet.decoy.gate import Gate
from decnet.events import EventType
from decnet.services.flow import AMPLIFICATION, DatagramHandler, Flow
from decnet.services.limits import Limits
from decnet.services.service import Handler
from decnet.services.session import More, Session

IDLE_SECONDS = 30.0
"""A flow ends when nothing came for so long."""
_LOOK_SECONDS = 1.0
_AT_ONCE = 8
"""Datagrams taken before other work of the loop has its turn."""
_PER_CONNECTION = 5
"""Datagrams a second, in times of the connections a second that are granted."""
_REST_SECONDS = 0.002
_LARGEST = 65_535
_WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104 (recognised, not bound to)

Peer = tuple[str, int]


@dataclass(slots=True)
class _Open:
    flow: Flow
    begun: float
    last: float


class Datagrams:
    """One socket and the flows on it. ``handler`` and ``limits`` are asked for at each datagram: both change live."""

    def __init__(
        self,
        place: Place,
        opened: socket.socket,
        handler: Callable[[], Handler],
        limits: Limits,
        budget: Budget,
        ask: More | None,
    ) -> None:
        self._place = place
        self._socket = opened
        self._handler = handler
        self._budget = budget
        self._ask = ask
        self._flows: dict[Peer, _Open] = {}
        self._sources: Counter[str] = Counter()
        self._loop = asyncio.get_running_loop()
        self._local = opened.getsockname()[:2]
        if self._local[0] in _WILDCARDS:
            self._local = (place.ip, self._local[1])
        self.renew(limits)
        self._sweep = self._loop.call_later(_LOOK_SECONDS, self._look)
        self._loop.add_reader(opened, self._read)

    def __len__(self) -> int:
        return len(self._flows)

    def renew(self, limits: Limits) -> None:
        """Go by these limits from now on."""
        self._limits = limits
        self._flow_gate = Gate(limits)
        self._gate = Gate(limits, _PER_CONNECTION)

    def end(self) -> None:
        """End every flow. The socket is somebody else's to close, after this."""
        self._sweep.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
        for peer in list(self._flows):
            self._close(peer, "stopped")

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            now = self._loop.time()
            rest = self._gate.wait(now)
            if rest:
                self._loop.remove_reader(self._socket)
                self._loop.call_later(max(rest, _REST_SECONDS), self._resume)
                return
            try:
                data, address = self._socket.recvfrom(_LARGEST)
            except OSError:  # nothing more, or what ICMP says of an answer that did not arrive
                return
            peer = (address[0], address[1])
            if not self._gate.enter(peer[0], now):
                self._budget.count("rate", "datagram", peer[0])
                continue
            known = self._flows.pop(peer, None) or self._begin(peer, address, now)
            if known is not None:
                known.last = now
                self._flows[peer] = known  # at the end: the first are those that were quiet longest
                self._serve(peer, known.flow, data)

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket, self._read)

    def _begin(self, peer: Peer, address: tuple[str, int], now: float) -> _Open | None:
        if not self._flow_gate.enter(peer[0], now):
            self._budget.count("rate", "flow", peer[0])
            return None
        if self._sources[peer[0]] >= self._limits.per_source:
            self._budget.count("source", "flow", peer[0])
            return None
        if len(self._flows) >= self._limits.connections:
            self._close(next(iter(self._flows)), "limit: connections")
        self._sources[peer[0]] += 1
        place = self._place
        session = Session(
            place.network,
            place.decoy,
            place.service,
            self._socket,
            peer,
            self._local,
            self._budget.send,
            proto="udp",
            ask=self._ask,
        )
        session.emit(EventType.OPEN)
        amplification = getattr(self._handler(), "amplification", AMPLIFICATION)
        return _Open(Flow(session, functools.partial(self._send, address), amplification), now, now)

    def _serve(self, peer: Peer, flow: Flow, data: bytes) -> None:
        session = flow.session
        session.received += len(data)
        if session.received > self._limits.session_bytes:
            self._close(peer, "limit: bytes")
            return
        handler = self._handler()
        if not isinstance(handler, DatagramHandler):
            return
        try:
            handler.datagram(data, flow)
        except Exception as error:  # noqa: BLE001 (an attacker's bytes may raise anything: it ends this flow only)
            session.emit(EventType.ERROR, error=type(error).__name__, text=str(error), where=where(error))
            self._close(peer, "error")

    def _send(self, address: tuple[str, int], data: bytes) -> bool:
        try:
            self._socket.sendto(data, address)
        except OSError:
            return False
        return True

    def _look(self) -> None:
        """End what was quiet for too long, or goes on for too long."""
        now = self._loop.time()
        self._sweep = self._loop.call_later(_LOOK_SECONDS, self._look)
        for peer, one in list(self._flows.items()):
            if now - one.last > IDLE_SECONDS:
                self._close(peer, "closed")
            elif now - one.begun > self._limits.session_seconds:
                self._close(peer, "limit: time")

    def _close(self, peer: Peer, reason: str) -> None:
        one = self._flows.pop(peer, None)
        if one is None:
            return
        self._sources[peer[0]] -= 1
        if self._sources[peer[0]] <= 0:
            del self._sources[peer[0]]
        session = one.flow.session
        session.release()
        session.emit(
            EventType.CLOSE,
            reason=reason,
            duration=round(self._loop.time() - one.begun, 6),
            received=session.received,
            sent=session.sent,
        )
