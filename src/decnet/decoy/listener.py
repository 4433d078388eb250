"""One running service of one decoy: accepts, serves, counts, and never lets one connection harm another."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from decnet.events import Event, EventType
from decnet.services import Handler, Session

_ACCEPTS_AT_ONCE = 64
"""Connections taken from a backlog before other work of the loop has its turn."""
_PAUSE_SECONDS = 0.2
"""How long a listener rests when the process is out of file descriptors."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one service of one decoy grants its visitors."""

    connections: int = 1024
    per_source: int = 512
    session_seconds: float = 24 * 3600


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service stands: the words that go into its events."""

    network: str
    decoy: str
    service: str


class Listener:
    """A service's sockets and the handler behind them."""

    def __init__(
        self,
        place: Place,
        sockets: Sequence[socket.socket],
        handler: Handler,
        send: Callable[[Event], None],
        limits: Limits | None = None,
    ) -> None:
        self.place = place
        self.handler = handler
        self._sockets = tuple(sockets)
        self._send = send
        self._limits = limits or Limits()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sources: Counter[str] = Counter()
        self._loop = asyncio.get_running_loop()
        for listening in self._sockets:
            listening.setblocking(False)
            self._loop.add_reader(listening, self._accept, listening)

    @property
    def sessions(self) -> int:
        """Connections open now."""
        return len(self._tasks)

    async def stop(self) -> None:
        """Close the sockets and end every session."""
        for listening in self._sockets:
            if listening.fileno() >= 0:
                self._loop.remove_reader(listening)
                listening.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                connection, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    self._loop.remove_reader(listening)
                    self._loop.call_later(_PAUSE_SECONDS, self._resume, listening)
                return
            connection.setblocking(False)
            self._begin(connection, (peer[0], peer[1]))

    def _resume(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            self._loop.add_reader(listening, self._accept, listening)

    def _begin(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        try:
            local = connection.getsockname()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            connection.close()
            return
        place = self.place
        session = Session(
            place.network, place.decoy, place.service, connection, peer, (local[0], local[1]), self._send
        )
        full = len(self._tasks) >= self._limits.connections
        if full or self._sources[peer[0]] >= self._limits.per_source:
            session.emit(EventType.CLOSE, reason="limit", duration=0.0, received=0, sent=0)
            connection.close()
            return
        self._sources[peer[0]] += 1
        task = self._loop.create_task(self._serve(session, self.handler))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, session: Session, handler: Handler) -> None:
        started = self._loop.time()
        session.emit(EventType.OPEN)
        reason = "closed"
        try:
            async with asyncio.timeout(self._limits.session_seconds):
                await handler.handle(session)
        except TimeoutError:
            reason = "time limit"
        except asyncio.CancelledError:
            reason = "stopped"
        except (ssl.SSLError, asyncio.IncompleteReadError, EOFError) as error:
            reason = f"peer: {error}"
        except OSError as error:
            reason = f"peer: {error.strerror or error}"
        except Exception as error:  # noqa: BLE001 (an attacker's bytes may raise anything: it ends this session only)
            reason = "error"
            session.emit(EventType.ERROR, error=type(error).__name__, text=str(error), where=_where(error))
        finally:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await session.close()
            self._forget(session.peer[0])
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


def _where(error: Exception) -> str:
    """The innermost lines of a traceback, for whoever mends the parser."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
