"""The decoy process's end of its control socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable

import msgspec

from decnet.decoy.fleet import Fleet
from decnet.decoy.protocol import PACKET_LIMIT, Reply, Request, ServiceBundle

_DESCRIPTORS = 64
"""File descriptors of one message: a memfd and a service's sockets."""
IDLE_SECONDS = 10.0
"""A process that serves nothing and that nobody talks to ends after this time."""


class Control:
    """Accepts connections of the privileged side and carries out what they ask, one request after the other."""

    def __init__(self, listening: socket.socket, fleet: Fleet) -> None:
        self._listening = listening
        self._fleet = fleet
        self._connections = 0
        self._turn = asyncio.Lock()
        self._done = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until told to quit, or until there has been nothing to do for `IDLE_SECONDS`."""
        loop = asyncio.get_running_loop()
        self._listening.setblocking(False)
        accepting = loop.create_task(self._accept())
        idle = loop.create_task(self._watch_idleness())
        await self._done.wait()
        accepting.cancel()
        idle.cancel()
        await self._fleet.stop_all()

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
            idle = 0.0 if len(self._fleet) or self._connections else idle + 1
        self._done.set()

    async def _converse(self, connection: socket.socket) -> None:
        self._connections += 1
        try:
            with connection, contextlib.suppress(ConnectionError):
                while packet := await _receive(connection):
                    await self._reply(connection, *packet)
        finally:
            self._connections -= 1

    async def _reply(self, connection: socket.socket, message: bytes, descriptors: list[int]) -> None:
        try:
            async with self._turn:
                reply = await self._answer(message, descriptors)
        finally:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        await asyncio.get_running_loop().sock_sendall(connection, msgspec.json.encode(reply))

    async def _answer(self, message: bytes, descriptors: list[int]) -> Reply:
        try:
            request = msgspec.json.decode(message, type=Request)
            act = _ACTS[request.op]
            return await act(self, request, descriptors)
        except Exception as error:  # noqa: BLE001 (told to the privileged side; this process must go on serving)
            return Reply(error=f"{type(error).__name__}: {error}")

    async def _serve(self, request: Request, descriptors: list[int]) -> Reply:
        memory, *handles = descriptors
        content = os.pread(memory, os.fstat(memory).st_size, 0)
        bundle = msgspec.json.decode(content, type=ServiceBundle)
        sockets = [socket.socket(fileno=os.dup(handle)) for handle in handles]
        await self._fleet.serve(bundle, request.bundle, sockets)
        return Reply()

    async def _stop(self, request: Request, _: list[int]) -> Reply:
        await self._fleet.stop(request.decoy, request.service)
        return Reply()

    async def _drop(self, request: Request, _: list[int]) -> Reply:
        await self._fleet.stop(request.decoy)
        return Reply()

    async def _list(self, _request: Request, _: list[int]) -> Reply:
        return Reply(running=self._fleet.running())

    async def _quit(self, _request: Request, _: list[int]) -> Reply:
        await self._fleet.stop_all()
        self._done.set()
        return Reply()


_Act = Callable[[Control, Request, list[int]], Awaitable[Reply]]
_ACTS: dict[str, _Act] = {
    "serve": Control._serve,  # noqa: SLF001
    "stop": Control._stop,  # noqa: SLF001
    "drop": Control._drop,  # noqa: SLF001
    "list": Control._list,  # noqa: SLF001
    "quit": Control._quit,  # noqa: SLF001
}


async def _receive(connection: socket.socket) -> tuple[bytes, list[int]] | None:
    """One message with its descriptors, or None at the end."""
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
