"""One running service of one decoy: accepts, serves, counts, and never lets one connection harm another."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Sequence

from decnet.decoy.bucket import Bucket
from decnet.decoy.budget import Budget, Place
from decnet.decoy.datagrams import Datagrams
from decnet.decoy.faults import where
from decnet.decoy.gate import Gate, source_of
from decnet.decoy.loop import Loop
from decnet.events import Event, EventType
from decnet.services.incoming import Incoming, LimitReached, Pace
from decnet.services.limits import Limits
from decnet.services.service import Handler
from decnet.services.session import Session

__all__ = ["Limits", "Listener", "Place"]

_TURNED_AWAY_AT_ONCE = 4
"""Connections refused before other work of the loop has its turn. One that is let in has a turn to itself."""
_PAUSE_SECONDS = 0.2
"""How long a listener rests when the process is out of file descriptors."""
_REST_SECONDS = 0.002
"""Its shortest rest when visitors come too fast, and its rest after each one that is let in beyond the first `WELCOME`:
with more at once every turn of the loop would begin with a new one, and a neighbour's visitor needs five turns."""
WELCOME, WELCOME_TLS, _WELCOME_RATE = 256, 50, 20.0
"""Visitors who are let in as they come, as many workers or a scanner do; of TLS, where each costs a millisecond at once;
and how many more of them a second."""

More = Callable[[str, str, str, int], Awaitable[socket.socket]]
"""Asks for a further socket: decoy, service, protocol, port."""


class Listener:
    """A service's sockets and the handler behind them."""

    def __init__(
        self,
        place: Place,
        sockets: Sequence[socket.socket],
        handler: Handler,
        send: Callable[[Event], None],
        limits: Limits | None = None,
        more: More | None = None,
        welcome: int = WELCOME,
    ) -> None:
        self.place = place
        self.handler = handler
        self.sockets = tuple(sockets)
        self._limits = limits or Limits()
        self._gate = Gate(self._limits)
        self._welcome = Bucket(_WELCOME_RATE, welcome)
        self._budget = Budget(place, send, self._limits.event_rate)
        self._ask = functools.partial(more, place.decoy, place.service) if more else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sources: Counter[str] = Counter()
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(self._loop.rest) if isinstance(self._loop, Loop) else None
        self._datagrams: list[Datagrams] = []
        for listening in self.sockets:
            listening.setblocking(False)
            if listening.type == socket.SOCK_DGRAM:
                self._datagrams.append(
                    Datagrams(place, listening, self._current, self._limits, self._budget, self._ask)
                )
            else:
                # what is accepted inherits both
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._loop.add_reader(listening, self._accept, listening)

    @property
    def sessions(self) -> int:
        """Connections and flows open now."""
        return len(self._tasks) + sum(len(one) for one in self._datagrams)

    @property
    def limits(self) -> Limits:
        """What visitors are granted. New ones count for new connections."""
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        if limits != self._limits:
            self._limits = limits
            self._gate = Gate(limits)
            self._budget.rate = limits.event_rate
            for one in self._datagrams:
                one.renew(limits)

    def _current(self) -> Handler:
        return self.handler

    def close(self, *, shut: bool = True, spare: Container[int] = ()) -> None:
        """Close the sockets; sessions go on.

        With ``shut`` a listening socket listens no more even if another process holds a duplicate; those whose inode
        numbers are in ``spare`` go on listening.
        """
        for one in self._datagrams:
            one.end()
        for listening in self.sockets:
            if listening.fileno() >= 0:
                self._loop.remove_reader(listening)
                if shut and os.fstat(listening.fileno()).st_ino not in spare:
                    with contextlib.suppress(OSError):  # a UDP socket has no connection to shut down
                        listening.shutdown(socket.SHUT_RDWR)
                listening.close()

    async def stop(self) -> None:
        """Close the sockets and end every session."""
        self.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        self._budget.tell()

    def _accept(self, listening: socket.socket) -> None:
        """Take one visitor from the queue; those before it that are turned away at once do not count."""
        for _ in range(_TURNED_AWAY_AT_ONCE):
            now = self._loop.time()
            rest = self._gate.wait(now)
            if rest:
                self._rest(listening, max(rest, _REST_SECONDS))
                return
            try:
                accepted, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    self._rest(listening, _PAUSE_SECONDS)
                return
            if self._gate.enter(source_of(peer[0]), now):
                self._begin(accepted, (peer[0], peer[1]))
                if not self._welcome.take(now):
                    self._rest(listening, min(_REST_SECONDS, 0.5 / max(1.0, self._limits.connection_rate)))
                return
            accepted.close()
            self._budget.count("rate", "connection", peer[0])

    def _rest(self, listening: socket.socket, seconds: float) -> None:
        self._loop.remove_reader(listening)
        self._loop.call_later(seconds, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            self._loop.add_reader(listening, self._accept, listening)

    def _begin(self, accepted: socket.socket, peer: tuple[str, int]) -> None:
        try:
            local = accepted.getsockname()
        except OSError:
            accepted.close()
            return
        place = self.place
        session = Session(
            place.network,
            place.decoy,
            place.service,
            Incoming(accepted, self._limits.session_bytes, self._pace),
            peer,
            (local[0], local[1]),
            self._budget.send,
            ask=self._ask,
        )
        source = source_of(peer[0])
        if len(self._tasks) >= self._limits.connections:
            self._turn_away(session, "limit: connections")
        elif self._sources[source] >= self._limits.per_source:
            self._turn_away(session, "limit: source")
        else:
            self._sources[source] += 1
            task = self._loop.create_task(self._serve(session, self.handler))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _turn_away(self, session: Session, reason: str) -> None:
        session.send = self._budget.offer
        session.emit(EventType.CLOSE, reason=reason, duration=0.0, received=0, sent=0)
        session.socket.close()

    async def _serve(self, session: Session, handler: Handler) -> None:
        started = self._loop.time()
        session.emit(EventType.OPEN)
        reason = "closed"
        granted = asyncio.timeout(self._limits.session_seconds)
        try:
            async with granted:
                await handler.handle(session)
        except LimitReached as error:
            reason = str(error)
        except TimeoutError:
            reason = "limit: time" if granted.expired() else "peer: timed out"
        except asyncio.CancelledError:
            reason = "stopped"
        except (ssl.SSLError, asyncio.IncompleteReadError, EOFError) as error:
            reason = f"peer: {error}"
        except OSError as error:
            reason = f"peer: {error.strerror or error}"
        except Exception as error:  # noqa: BLE001 (an attacker's bytes may raise anything: it ends this session only)
            reason = "error"
            session.emit(EventType.ERROR, error=type(error).__name__, text=str(error), where=where(error))
        finally:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await session.close()
            self._forget(source_of(session.peer[0]))
            if session.exceeded:  # however the handler took it
                reason = "limit: bytes"
            session.emit(
                EventType.CLOSE,
                reason=reason,
                duration=round(self._loop.time() - started, 6),
                received=session.received,
                sent=session.sent,
            )

    def _forget(self, source: str) -> None:
        self._sources[source] -= 1
        if self._sources[source] <= 0:
            del self._sources[source]
