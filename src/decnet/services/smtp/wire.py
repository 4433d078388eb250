"""The connection below the commands: lines and octets in, replies out, TLS put in between."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import Any, cast

from decnet.services.session import Session

BUFFER_LIMIT = 64 * 1024
"""Bytes held before the peer is made to wait."""
HANDSHAKE_SECONDS = 30


class Closed(Exception):  # noqa: N818 (the peer's doing, no error)
    """The peer has gone."""


class Wire(asyncio.Protocol):
    """One TCP connection. Replies are gathered and sent when nothing of what has arrived is left to answer."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._buffer = bytearray()
        self._out = bytearray()
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended = False
        self._paused = False
        self._transport: asyncio.Transport | None = None
        self._connection: Any = None
        self.tls = False

    async def open(self, context: ssl.SSLContext | None = None) -> None:
        """Take over the session's socket. Raises `ssl.SSLError` and `OSError` when a handshake fails."""
        self.tls = context is not None
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: self,
            self._session.socket,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None,
        )

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on over TLS. What the peer sent ahead in clear is dropped (RFC 3207 section 4.2 and CVE-2011-0411)."""
        transport = self._transport
        if transport is None or self._ended:
            raise Closed
        self.flush()
        self._buffer.clear()
        if self._paused:
            self._resume()
        self.tls = True
        loop = asyncio.get_running_loop()
        secure = await loop.start_tls(
            transport, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        self._transport = cast("asyncio.Transport", secure)

    def write(self, text: str) -> None:
        """Add a reply; CRLF is put after it."""
        self._out += text.encode("utf-8", "surrogateescape") + b"\r\n"

    def flush(self) -> None:
        """Send what has been written."""
        if self._transport is not None and self._out and not self._transport.is_closing():
            self._transport.write(bytes(self._out))
        self._out.clear()

    async def line(self, limit: int, *, skip: bool) -> bytes:
        """The next line without its LF, cut at ``limit`` bytes. Raises `Closed`.

        With ``skip`` the rest of a longer line is dropped, else it is the next line.
        """
        while (end := self._buffer.find(b"\n", 0, limit)) < 0:
            if len(self._buffer) >= limit:
                taken = self._take(limit)
                if skip:
                    await self._drop_line()
                return taken
            await self._more()
        taken = self._take(end + 1)
        return taken[:-1]

    async def exactly(self, count: int) -> bytes:
        """From 1 to ``count`` bytes, as they come. Raises `Closed`."""
        if not self._buffer:
            await self._more()
        return self._take(min(count, len(self._buffer)))

    async def until(self, mark: re.Pattern[bytes], longest: int) -> tuple[bytes, bool]:
        """Bytes up to and with ``mark``, in pieces: what came, and whether it ends with the mark.

        ``longest`` is how many bytes a mark may have: so many are held back, for it may stand across two packets.
        """
        while True:
            found = mark.search(self._buffer)
            if found is not None:
                return self._take(found.end()), True
            if len(self._buffer) >= BUFFER_LIMIT // 4:
                return self._take(len(self._buffer) - longest), False
            await self._more()

    async def close(self) -> None:
        """Send what is left and end the connection."""
        self.flush()
        if self._transport is not None:
            self._transport.close()
            try:
                async with asyncio.timeout(2):
                    await self._writable.wait()
                    while not self._ended:
                        self._buffer.clear()
                        await self._wait()
            except TimeoutError:
                self._transport.abort()

    async def _drop_line(self) -> None:
        while (end := self._buffer.find(b"\n")) < 0:
            self._buffer.clear()
            await self._more()
        self._take(end + 1)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    async def _more(self) -> None:
        self.flush()
        await self._writable.wait()
        size = len(self._buffer)
        while len(self._buffer) == size:
            if self._ended:
                raise Closed
            await self._wait()

    async def _wait(self) -> None:
        if self._paused:
            self._resume()
        self._news.clear()
        if not self._ended:
            await self._news.wait()

    def _resume(self) -> None:
        self._paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connection = transport.get_extra_info("socket")  # a TLS transport that was closed tells no more

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= BUFFER_LIMIT and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        self._ended = True
        self._news.set()
        return not self.tls

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (the name is the interface's)
        if self._connection is not None:
            self._session.count(self._connection)
        self._ended = True
        self._news.set()
        self._writable.set()
