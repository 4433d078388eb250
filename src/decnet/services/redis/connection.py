"""One client's connection: whatever has arrived is parsed, carried out and answered in one pass, without a task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from decnet.events import EventType
from decnet.services import Session
from decnet.services.redis.client import Client
from decnet.services.redis.execute import Blocked, execute
from decnet.services.redis.reply import Error, OutputLimit
from decnet.services.redis.request import ProtocolError
from decnet.services.redis.state import State

FLUSH_SIZE = 256 * 1024
"""Bytes of replies after which a pipeline is written before it goes on, and has to wait when they are not read."""
READ_AHEAD = 64 * 1024
"""Bytes of requests that a client may send while it waits for a key."""
SLICE = 0.0003
"""Seconds after which a pipeline lets other connections go first."""
REST = 0.001
"""Seconds for which it does."""
WRITE_PATIENCE = 30.0
"""Seconds a client has to read what it asked for."""
CLOSE_PATIENCE = 2.0
"""Seconds it has to read the last of it."""


class Connection(asyncio.Protocol):
    """The protocol of one transport. `gone` is done when the connection has ended."""

    _client: Client
    _transport: asyncio.Transport

    def __init__(self, state: State, session: Session) -> None:
        self._loop = asyncio.get_running_loop()
        self._state = state
        self._session = session
        self._stalled: asyncio.TimerHandle | None = None
        """Set while the client does not read what it asked for."""
        self._yielded = False
        """A long pipeline waits for its next turn."""
        self._waits: Blocked | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._woken = False
        self.gone: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        state = self._state
        self._transport = transport
        transport.set_write_buffer_limits(high=FLUSH_SIZE)
        self._client = Client(
            state.next_client, self._session, transport, trusted=not state.config["requirepass"]
        )
        self._client.parser.trusted = self._client.trusted
        state.next_client += 1
        state.connect(self._client)

    def data_received(self, data: bytes) -> None:
        """Some of a request, or one, or many."""
        stats, parser = self._state.stats, self._client.parser
        stats.received += len(data)
        stats.reads += 1
        parser.feed(data)
        if self._waits is None:
            self._go_on()
        elif parser.pending > READ_AHEAD:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Replies wait in the transport: what comes next has to wait as well."""
        self._transport.pause_reading()
        self._stalled = self._loop.call_later(WRITE_PATIENCE, self._transport.abort)

    def resume_writing(self) -> None:
        """They went."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (how it ended is no news)
        """The client has gone, or was sent away."""
        self._session.count(self._transport.get_extra_info("socket"))
        if self._stalled is not None:
            self._stalled.cancel()
        self._forget_wait()
        self._state.disconnect(self._client)
        if not self.gone.done():
            self.gone.set_result(None)

    def _go_on(self) -> None:
        """Serve what has arrived, unless something holds it up."""
        if self._waits is None and self._stalled is None and not self._yielded and not self.gone.done():
            self._transport.resume_reading()
            self._safely(self._serve)

    def _safely(self, step: Callable[[], None]) -> None:
        """Take one step; whatever goes wrong in it ends this connection and no other."""
        client = self._client
        try:
            step()
        except OutputLimit:
            client.out.take()
            self._transport.abort()
        except ProtocolError as problem:
            client.out.add(Error(problem.reply))
            client.session.emit(EventType.ERROR, reason=problem.reply.decode("latin-1"))
            client.closing = True
        except Exception as error:  # noqa: BLE001 (told as an event by whoever awaits `gone`)
            if not self.gone.done():
                self.gone.set_exception(error)
            self._transport.abort()
        self._flush()
        if client.closing and not self._transport.is_closing():
            self._transport.close()
            self._loop.call_later(CLOSE_PATIENCE, self._transport.abort)

    def _serve(self) -> None:
        client, state, parser = self._client, self._state, self._client.parser
        until = time.monotonic() + SLICE
        while not client.closing:
            request = parser.next()
            if request is None:
                return
            blocked = execute(state, client, request)
            if blocked is not None:
                self._wait(blocked)
                return
            if client.active > until or client.out.size > FLUSH_SIZE:
                self._flush()
                self._yielded = True
                self._transport.pause_reading()
                self._loop.call_later(REST, self._next_turn)
                return

    def _next_turn(self) -> None:
        self._yielded = False
        self._go_on()

    def _flush(self) -> None:
        out = self._client.out
        if out.size:
            data = out.take()
            if not self._transport.is_closing():
                self._state.stats.sent += len(data)
                self._state.stats.writes += 1
                self._transport.write(data)

    def _wait(self, blocked: Blocked) -> None:
        """Until one of the keys has what the client waits for, time is up, or the client goes."""
        client = self._client
        self._waits = blocked
        client.blocked, client.unblock = self._wake, ""
        for key in blocked.keys:
            self._state.waiting.setdefault((client.db, key), {})[client] = None
        if blocked.seconds:
            self._deadline = self._loop.call_later(blocked.seconds, self._answer, True)

    def _wake(self) -> None:
        """A key changed: look at it when the command that changed it is through."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._answer, False)

    def _answer(self, expired: bool) -> None:
        self._woken = False
        if self._waits is not None:
            self._safely(lambda: self._try(expired=expired))
            self._go_on()

    def _try(self, *, expired: bool) -> None:
        if self._waits is not None and self._waits.answer(expired=expired):
            self._forget_wait()

    def _forget_wait(self) -> None:
        client, waiting = self._client, self._state.waiting
        for key in self._waits.keys if self._waits else ():
            place = (client.db, key)
            if place in waiting:
                waiting[place].pop(client, None)
                if not waiting[place]:
                    del waiting[place]
        self._waits = client.blocked = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
