"""The terminal line discipline (termios(3), canonical mode) between a connection and what runs in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from decnet.services.shell.inbox import Inbox
from decnet.services.shell.streams import Pipe

LINE_LIMIT = 4095
"""Bytes of a line in canonical mode (N_TTY_BUF_SIZE)."""


class Line(Protocol):
    """What a terminal hangs on: an ssh channel, a telnet connection."""

    input: Inbox
    size: tuple[int, int]
    """Columns and rows."""
    interrupted: Callable[[], object]
    """What a signal of the client's calls."""

    def send(self, data: bytes) -> None:
        """Send bytes now, room or not; for small answers."""

    async def writable(self) -> None:
        """Wait for room. Raises `BrokenPipeError` when the client has gone."""


class Terminal:
    """A pseudo-terminal: newlines out as CR LF, typed lines in with echo, Ctrl-C and Ctrl-Z to the foreground."""

    def __init__(self, line: Line) -> None:
        self._peer = line
        self._echo = True
        self._line = bytearray()
        self._input: Pipe | None = None

    async def write(self, data: bytes) -> None:
        """`decnet.services.shell.Output` of programs. Raises `BrokenPipeError` when the client has gone."""
        await self._peer.writable()
        self._peer.send(data.replace(b"\n", b"\r\n"))

    def put(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._peer.send(data)

    def echo(self, on: bool) -> None:
        """What the ECHO flag does: off while a password is typed."""
        self._echo = on

    async def run(self, work: Coroutine[Any, Any, int], stdin: Pipe) -> int | None:
        """Run something in the foreground with the keyboard on its stdin; None when Ctrl-C ended it.

        What is typed and not read goes to the next reader, as it does in the kernel's queue.
        """
        self._input = stdin
        self._line.clear()
        foreground = asyncio.ensure_future(work)
        self._peer.interrupted = foreground.cancel
        keyboard = asyncio.ensure_future(self._keyboard(foreground, stdin))
        try:
            await asyncio.wait([foreground])
        finally:
            foreground.cancel()
            keyboard.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keyboard
            self._peer.interrupted = lambda: None
            self._echo = True
        await self._give_back(stdin)
        return None if foreground.cancelled() else foreground.result()

    async def _give_back(self, stdin: Pipe) -> None:
        stdin.close()
        unread = b""
        while data := await stdin.read(1 << 16):
            unread += data
        if unread or self._line:
            self._peer.input.push_back(unread + bytes(self._line))
        self._line.clear()

    async def _keyboard(self, foreground: asyncio.Future[int], stdin: Pipe) -> None:
        while True:
            data = await self._peer.input.read(1)
            if not data:
                stdin.close()
                return
            if data in b"\x03\x1c\x1a":
                shown = {b"\x03": b"^C", b"\x1c": b"^\\", b"\x1a": b"^Z"}[data]
                self.put(shown if self._echo else b"")
                self._line.clear()
                foreground.cancel()
                return
            await self._typed(data, stdin)

    async def _typed(self, data: bytes, stdin: Pipe) -> None:
        if data in b"\r\n":
            self.put(b"\r\n")
            line = bytes(self._line) + b"\n"
            self._line.clear()
            await stdin.write(line)
        elif data == b"\x04":
            if self._line:
                line = bytes(self._line)
                self._line.clear()
                await stdin.write(line)
            else:
                stdin.close()
        elif data in b"\x7f\x08":
            if self._line:
                while self._line and self._line[-1] & 0xC0 == 0x80:
                    self._line.pop()
                self._line.pop()
                self.put(b"\b \b" if self._echo else b"")
        elif data == b"\x15":
            self.put(b"\b \b" * len(self._line) if self._echo else b"")
            self._line.clear()
        elif len(self._line) < LINE_LIMIT:
            self._line += data
            if self._echo:
                self.put(data if data >= b" " or data == b"\t" else b"^" + bytes((data[0] ^ 0x40,)))
