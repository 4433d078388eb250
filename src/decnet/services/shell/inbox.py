"""What a client has typed and no program has read yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

INBOX_LIMIT = 128 * 1024
"""Bytes a program has not read yet before the client has to wait."""


class Inbox:
    """What the client sent and the program has not read: `decnet.services.shell.Input`."""

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._data = bytearray()
        self._ended = False
        self._ready = asyncio.Event()
        self._pause = pause
        self._resume = resume

    def feed(self, data: bytes) -> None:
        """Bytes from the client."""
        self._data += data
        self._ready.set()
        if len(self._data) > INBOX_LIMIT:
            self._pause()

    def end(self) -> None:
        """The client sends no more."""
        self._ended = True
        self._ready.set()

    async def read(self, limit: int) -> bytes:
        """Up to ``limit`` bytes; ``b""`` at the end. A cancelled read loses nothing."""
        while not self._data and not self._ended:
            self._ready.clear()
            await self._ready.wait()
        taken = bytes(self._data[:limit])
        del self._data[:limit]
        if len(self._data) <= INBOX_LIMIT // 2:
            self._resume()
        return taken

    async def exactly(self, count: int) -> bytes:
        """That many bytes. Raises `EOFError` when the client ends before."""
        parts = bytearray()
        while len(parts) < count:
            data = await self.read(count - len(parts))
            if not data:
                raise EOFError
            parts += data
        return bytes(parts)

    async def line(self, limit: int = 4096) -> bytes:
        """Up to and without a newline. Raises `EOFError` at the end of input, `ValueError` past the limit."""
        parts = bytearray()
        while True:
            byte = await self.read(1)
            if not byte:
                raise EOFError
            if byte == b"\n":
                return bytes(parts)
            parts += byte
            if len(parts) > limit:
                raise ValueError("line too long")

    def push_back(self, data: bytes) -> None:
        """Bytes that were read and belong to the next reader."""
        self._data[:0] = data
        self._ready.set()
