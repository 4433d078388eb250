"""One accepted connection: who, where, its event stream, and the streams to talk over."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from decnet.events import Event, EventType, event_id, now
from decnet.events.schema import safe
from decnet.services.incoming import Incoming

STREAM_LIMIT = 64 * 1024
"""Bytes a reader buffers before it stops reading from the socket."""

Socket = socket.socket
More = Callable[[str, int], Awaitable[Socket]]
"""Asks for a further socket: protocol (``tcp``, ``udp``) and port."""


@dataclass(slots=True)
class Session:
    """A connection of an attacker to one service of one decoy.

    A server either takes `streams` (asyncio reader and writer, TLS where asked) or hands `socket` (connected,
    non-blocking) to a library that wants the raw socket; in the second case it calls `count` before the socket goes.
    """

    network: str
    decoy: str
    service: str
    socket: Socket
    peer: tuple[str, int]
    local: tuple[str, int]
    send: Callable[[Event], None]
    id: str = field(default_factory=event_id)
    received: int = 0
    sent: int = 0
    proto: str = "tcp"
    ask: More | None = None
    """Where further sockets come from, while the session lasts."""
    _writer: asyncio.StreamWriter | None = None
    _further: list[Socket] = field(default_factory=list)

    def emit(self, kind: EventType, **data: Any) -> None:
        """Write one event of this session. Bytes and text from the wire are made safe; sizes are capped."""
        self.send(
            Event(
                event_id(),
                now(),
                kind,
                self.network,
                self.decoy,
                self.service,
                self.id,
                self.peer[0],
                self.peer[1],
                self.local[0],
                self.local[1],
                self.proto,
                {name: safe(value) for name, value in data.items()},
            )
        )

    async def streams(
        self, tls: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Reader and writer over the connection, after a TLS handshake where a context is given.

        Raises `ssl.SSLError` or `ConnectionError` when the handshake fails.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=STREAM_LIMIT, loop=loop)
        protocol = _Counting(reader, self)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, self.socket, ssl=tls, ssl_handshake_timeout=30 if tls else None
        )
        self._writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        return reader, self._writer

    @property
    def exceeded(self) -> bool:
        """Whether the visitor sent more than a session may receive."""
        return isinstance(self.socket, Incoming) and self.socket.exceeded

    def spent(self, seconds: float) -> None:
        """What arrived last kept the process busy for so long: a socket whose bytes are dear is read less often."""
        if isinstance(self.socket, Incoming):
            self.socket.spent(seconds)

    async def more(self, proto: str = "tcp", port: int = 0) -> Socket:
        """A further socket of this decoy, bound to ``port`` (0: any), non-blocking, with tcp listening.

        It is closed with the session at the latest.

        Raises:
            LimitReached: the decoy has as many as it may have at once.
            OSError: there is nobody to ask, the port is taken, or the session is over.
        """
        if self.ask is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        opened = await self.ask(proto, port)
        if self.ask is None:
            opened.close()
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        self._further.append(opened)
        return opened

    def count(self, connection: Any) -> None:
        """Take the byte counters of a socket (anything with ``getsockopt``) from the kernel (tcp(7), TCP_INFO)."""
        try:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        except OSError:
            return
        if len(info) == _TCP_INFO.size:
            state, received, sent, again = _TCP_INFO.unpack(info)
            self.received = max(0, received - (state in _FIN_RECEIVED))
            self.sent = sent - again

    def release(self) -> None:
        """Close what `more` gave; it gives no more."""
        self.ask = None
        for further in self._further:
            further.close()

    async def close(self) -> None:
        """End the connection, whoever holds the socket, and what `more` gave."""
        self.release()
        if self._writer is None:
            self.count(self.socket)
            self.socket.close()
            return
        self._writer.close()
        try:
            async with asyncio.timeout(2):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()


_TCP_INFO = struct.Struct("=B127xQ64xQQ")
"""struct tcp_info of linux/tcp.h: tcpi_state; tcpi_bytes_received at 128; tcpi_bytes_sent and tcpi_bytes_retrans at
200 (Linux 4.19)."""
_FIN_RECEIVED = frozenset({6, 8, 9, 11})
"""TIME_WAIT, CLOSE_WAIT, LAST_ACK, CLOSING: the peer's FIN is counted as a byte received (seen on Linux 6.18)."""


class _Counting(asyncio.StreamReaderProtocol):
    """Reads the byte counters at the last moment at which the socket is still open."""

    def __init__(self, reader: asyncio.StreamReader, session: Session) -> None:
        super().__init__(reader)
        self._session = session
        self._connection: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connection = transport.get_extra_info("socket")  # a TLS transport that was closed tells no more
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._session.count(self._connection)
        super().connection_lost(exc)
