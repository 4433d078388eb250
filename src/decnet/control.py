"""A process's end of its control socket: requests come as packets with descriptors, each gets one reply, in turn.

What the requests say is the process's own affair (`decnet.decoy.protocol`, `decnet.shipper.protocol`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable

PACKET_LIMIT = 512 * 1024
"""Bytes of one message."""
_DESCRIPTORS = 64
"""File descriptors of one message."""
IDLE_SECONDS = 10.0
"""A process that has nothing to do and that nobody talks to ends after this time."""

TakeOver = Callable[[], Awaitable[None]]
"""Has the connection from now on, for as long as it runs. It does not count as somebody who talks to the process."""
Answer = Callable[[bytes, list[int], socket.socket], Awaitable[bytes | TakeOver]]
"""Message and descriptors to reply; the descriptors are closed afterwards. Told the connection they came on."""


class Conversations:
    """Accepts connections and has their requests answered, one after the other over all connections."""

    def __init__(self, listening: socket.socket, answer: Answer, is_idle: Callable[[], bool]) -> None:
        self._listening = listening
        self._answer = answer
        self._is_idle = is_idle
        self._connections = 0
        self._turn = asyncio.Lock()
        self._done = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Converse until told to quit, or until there has been nothing to do for `IDLE_SECONDS`."""
        loop = asyncio.get_running_loop()
        self._listening.setblocking(False)
        accepting = loop.create_task(self._accept())
        idle = loop.create_task(self._watch_idleness())
        await self._done.wait()
        accepting.cancel()
        idle.cancel()

    def quit(self) -> None:
        """End, as soon as the loop has its turn."""
        self._done.set()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listening)
            task = loop.create_task(self._converse(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _watch_idleness(self) -> None:
        idle = 0.0
        while idle < IDLE_SECONDS:
            await asyncio.sleep(1)
            idle = 0.0 if self._connections or not self._is_idle() else idle + 1
        self._done.set()

    async def _converse(self, connection: socket.socket) -> None:
        self._connections += 1
        try:
            with connection, contextlib.suppress(ConnectionError):
                while packet := await receive(connection):
                    take_over = await self._reply(connection, *packet)
                    if take_over is not None:
                        await self._lend(take_over)
                        return
        finally:
            self._connections -= 1

    async def _lend(self, take_over: TakeOver) -> None:
        self._connections -= 1
        try:
            await take_over()
        finally:
            self._connections += 1

    async def _reply(
        self, connection: socket.socket, message: bytes, descriptors: list[int]
    ) -> TakeOver | None:
        try:
            async with self._turn:
                reply = await self._answer(message, descriptors, connection)
        finally:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        if not isinstance(reply, bytes):
            return reply
        await asyncio.get_running_loop().sock_sendall(connection, reply)
        return None


async def receive(connection: socket.socket) -> tuple[bytes, list[int]] | None:
    """One message with its descriptors, which are the caller's to close, or None at the end. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    connection.setblocking(False)
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(connection, PACKET_LIMIT, _DESCRIPTORS)
        except BlockingIOError:
            await _readable(loop, connection)
            continue
        return (message, descriptors) if message else None


async def _readable(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)
