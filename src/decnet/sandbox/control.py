"""What the privileged side may ask of a sandbox, and who follows what the program prints."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket

import msgspec

from decnet.control import Conversations, TakeOver, receive
from decnet.sandbox.lines import Lines
from decnet.sandbox.protocol import Request, Setting, State
from decnet.sandbox.runner import Runner

_WORDS = 200


class Control:
    """Answers on the control socket for as long as the sandbox is there."""

    def __init__(self, listening: socket.socket, setting: Setting) -> None:
        self._setting = setting
        self._lines = Lines()
        self._runner = Runner(setting, self._lines, self._tell)
        self._followers: dict[str, asyncio.Task[None]] = {}
        self._watching: set[socket.socket] = set()
        self._conversations = Conversations(listening, self._answer, lambda: False)

    async def run(self) -> None:
        """For ever."""
        running = asyncio.create_task(self._runner.run())
        await asyncio.wait(
            (running, asyncio.create_task(self._conversations.run())), return_when="FIRST_COMPLETED"
        )
        running.result()

    async def _answer(self, message: bytes, _: list[int], connection: socket.socket) -> bytes | TakeOver:
        request = msgspec.json.decode(message, type=Request)
        match request.op:
            case "follow":
                return functools.partial(self._lend, connection, request)
            case "watch":
                return functools.partial(self._watch, connection)
        return msgspec.json.encode(self._state())

    def _state(self) -> State:
        setting, runner = self._setting, self._runner
        return State(
            setting.decoy,
            setting.service,
            setting.bundle,
            setting.ports,
            runner.pid != 0,
            runner.healthy,
            runner.starts,
            runner.code,
            self._lines.last[-_WORDS:],
        )

    async def _lend(self, connection: socket.socket, request: Request) -> None:
        """One follows each stream: a new one takes the place of the old, which may have gone without a word."""
        if before := self._followers.get(request.stream):
            before.cancel()
        following = asyncio.create_task(self._follow(connection, request))
        self._followers[request.stream] = following
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await following

    async def _follow(self, connection: socket.socket, request: Request) -> None:
        loop, number = asyncio.get_running_loop(), 0
        while True:
            while found := self._lines.after(number):
                number, entry = found
                if entry.stream == request.stream and entry.stamp > request.since:
                    await loop.sock_sendall(connection, entry.message)
            await self._lines.wait()

    async def _watch(self, connection: socket.socket) -> None:
        self._watching.add(connection)
        try:
            with contextlib.suppress(OSError):
                await receive(connection)  # whatever it says: it has gone
        finally:
            self._watching.discard(connection)

    def _tell(self) -> None:
        for connection in self._watching:
            with contextlib.suppress(OSError):
                connection.send(b"unwell")
