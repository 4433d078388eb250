"""Byte streams between commands: what a terminal or channel must offer, and the pipes inside a pipeline."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

CHUNK = 32 * 1024
"""Bytes moved at a time."""
PIPE_SIZE = 64 * 1024
"""Bytes a pipe holds before its writer waits (pipe(7))."""


class Input(Protocol):
    """Where a session's standard input comes from."""

    async def read(self, limit: int) -> bytes:
        """Up to ``limit`` bytes, at least one; ``b""`` at the end of input."""


class Output(Protocol):
    """Where a session's standard output or error goes."""

    async def write(self, data: bytes) -> None:
        """Take the bytes, waiting where the receiver is slow. Raises `BrokenPipeError` when nobody reads."""


class BytesInput:
    """An input that is a piece of memory."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = data
        self._at = 0

    async def read(self, limit: int) -> bytes:
        """The next bytes."""
        taken = self._data[self._at : self._at + limit]
        self._at += len(taken)
        return taken


class BytesOutput:
    """An output kept in memory; ``limit`` bytes of it, then the writer gets a broken pipe."""

    def __init__(self, limit: int = 1 << 20) -> None:
        self.data = bytearray()
        self._limit = limit

    async def write(self, data: bytes) -> None:
        """Keep the bytes."""
        self.data += data
        if len(self.data) > self._limit:
            del self.data[self._limit :]
            raise BrokenPipeError

    def text(self) -> str:
        """What was written, as text; bytes that are no UTF-8 are kept as surrogates."""
        return self.data.decode("utf-8", "surrogateescape")


class NullOutput:
    """/dev/null."""

    async def write(self, data: bytes) -> None:
        """Take the bytes and forget them."""


class Reader:
    """An input with a look-ahead buffer, so that ``read``, ``head`` and ``cat`` can share one stdin line by line."""

    __slots__ = ("_at", "_buffer", "_ended", "_source")

    def __init__(self, source: Input) -> None:
        self._source = source
        self._buffer = b""
        self._at = 0
        self._ended = False

    async def read(self, limit: int = CHUNK) -> bytes:
        """Up to ``limit`` bytes; ``b""`` at the end."""
        if self._at < len(self._buffer) or await self._fill(limit):
            taken = self._buffer[self._at : self._at + limit]
            self._at += len(taken)
            return taken
        return b""

    async def _fill(self, limit: int) -> bool:
        """Take more from the source; false at the end of input."""
        if self._ended:
            return False
        self._buffer, self._at = await self._source.read(limit), 0
        self._ended = not self._buffer
        return not self._ended

    async def until(self, end: bytes = b"\n", limit: int = 1 << 20) -> bytes:
        """Everything up to and with ``end`` (one byte), or to the end of input, or ``limit`` bytes."""
        parts: list[bytes] = []
        size = 0
        while size < limit:
            if self._at >= len(self._buffer) and not await self._fill(CHUNK):
                break
            found = self._buffer.find(end, self._at)
            stop = found + 1 if found >= 0 else len(self._buffer)
            parts.append(self._buffer[self._at : stop])
            self._at = stop
            if found >= 0:
                break
            size += len(parts[-1])
        return b"".join(parts)


class Pipe:
    """A pipe(7): bounded, its writer waits for its reader, each end learns that the other has gone."""

    __slots__ = ("_chunks", "_closed", "_readable", "_size", "_torn", "_writable")

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._closed = False
        self._torn = False
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    async def read(self, limit: int) -> bytes:
        """The next bytes; waits for them."""
        while not self._chunks:
            if self._closed:
                return b""
            self._readable.clear()
            await self._readable.wait()
        data = self._chunks.popleft()
        if len(data) > limit:
            self._chunks.appendleft(data[limit:])
            data = data[:limit]
        self._size -= len(data)
        if self._size < PIPE_SIZE:
            self._writable.set()
        return data

    async def write(self, data: bytes) -> None:
        """Queue the bytes; waits while the pipe is full."""
        while self._size >= PIPE_SIZE and not self._torn:
            self._writable.clear()
            await self._writable.wait()
        if self._torn:
            raise BrokenPipeError
        if data:
            self._chunks.append(data)
            self._size += len(data)
            self._readable.set()

    def close(self) -> None:
        """The writer is done: the reader sees the end."""
        self._closed = True
        self._readable.set()

    def tear(self) -> None:
        """The reader is gone: the writer gets `BrokenPipeError`."""
        self._torn = True
        self._chunks.clear()
        self._size = 0
        self._writable.set()
