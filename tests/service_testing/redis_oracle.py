"""The real redis-server on loopback, and raw conversations with a server."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

OPEN = ("--enable-protected-configs", "yes", "--enable-module-command", "yes", "--protected-mode", "no")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@asynccontextmanager
async def real_redis(folder: Path, *options: str) -> AsyncIterator[int]:
    """Debian's redis-server on a port of its own, without a file to save to; gives the port."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *options,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await _up(port)
        yield port
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _up(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                return


def encode(*words: str | bytes) -> bytes:
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


class Raw:
    """A connection that gives each reply as the bytes it came in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> "Raw":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24))

    async def ask(self, *words: str | bytes) -> bytes:
        self.writer.write(encode(*words))
        return await self.reply()

    async def reply(self) -> bytes:
        async with asyncio.timeout(5):
            return await self._reply()

    async def _reply(self) -> bytes:
        line = await self.reader.readline()
        if line[:1] in (b"$", b"=") and line[1:2] != b"-":
            return line + await self.reader.readexactly(int(line[1:]) + 2)
        if line[:1] in (b"*", b"~", b"%", b">") and line[1:2] != b"-":
            count = int(line[1:]) * (2 if line[:1] == b"%" else 1)
            return line + b"".join([await self._reply() for _ in range(count)])
        return line

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


async def exchange(port: int, data: bytes, *, quiet: float = 0.25) -> tuple[bytes, bool]:
    """Send bytes; all that comes back until it is quiet, and whether the server closed the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got, closed = b"", False
    try:
        writer.write(data)
        while True:
            try:
                part = await asyncio.wait_for(reader.read(65536), quiet)
            except TimeoutError:
                break
            if not part:
                closed = True
                break
            got += part
    except ConnectionError:
        closed = True
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return got, closed
