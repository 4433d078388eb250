"""A session channel (RFC 4254 section 6): its streams, its terminal request, and the program behind it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from asyncssh import SSHServerSession
from asyncssh.channel import SSHServerChannel
from asyncssh.constants import EXTENDED_DATA_STDERR
from asyncssh.packet import SSHPacket, UInt32

from decnet.services.shell.inbox import Inbox

if TYPE_CHECKING:
    from decnet.services.ssh.connection import Connection

WINDOW = 2 * 1024 * 1024
"""CHAN_SES_WINDOW_DEFAULT of channels.h."""
PACKET = 32 * 1024
ENVIRONMENT_LIMIT = 128
ACCEPT_ENV = re.compile(rb"LANG|LC_[A-Z_]{1,32}")
"""AcceptEnv of the usual sshd_config."""
MSG_CHANNEL_WINDOW_ADJUST = 93


class Channel(SSHServerChannel[bytes]):
    """The library's channel, with sshd's window, AcceptEnv, and any bytes in a command."""

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(connection, loop, True, False, False, 0, 0, None, "strict", WINDOW, PACKET)
        self._recv_window = 0

    @property
    def gone(self) -> bool:
        """Whether both sides have closed it."""
        return self._conn is None

    def open_window(self) -> None:
        """Sshd confirms a session with no window, and opens it when a program runs."""
        self._recv_window = WINDOW
        self.send_packet(MSG_CHANNEL_WINDOW_ADJUST, UInt32(WINDOW))

    def environment(self) -> dict[str, str]:
        """What the client set and sshd let through."""
        return {name.decode(): value.decode("utf-8", "replace") for name, value in self._env.items()}

    def _process_env_request(self, packet: SSHPacket) -> bool:
        name, value = packet.get_string(), packet.get_string()
        if not ACCEPT_ENV.fullmatch(name) or len(value) > 1024 or len(self._env) >= ENVIRONMENT_LIMIT:
            return False
        self._env[name] = value
        return True

    def _process_exec_request(self, packet: SSHPacket) -> bool:
        command = packet.get_string()
        return self._start_session(command=command.decode("utf-8", "surrogateescape"))


class Outbox:
    """Where a program writes: `decnet.services.shell.Output`. Waits for a client that reads slowly."""

    def __init__(self, task: Task, datatype: int | None = None) -> None:
        self._task = task
        self._datatype = datatype

    async def write(self, data: bytes) -> None:
        """Send the bytes. Raises `BrokenPipeError` when the channel is closed."""
        await self._task.writable()
        self._task.send(data, self._datatype)


Program = Callable[["Task"], Awaitable[int]]
"""What runs behind a channel; gives its exit status."""


class Task(SSHServerSession[bytes]):
    """One session channel and the program on it."""

    def __init__(self, connection: Connection, choose: Callable[[Task], Program | None]) -> None:
        self.connection = connection
        self.command: str | None = None
        self.subsystem: str | None = None
        self.terminal: str | None = None
        self.size = (80, 24)
        self.resized: Callable[[int, int], None] = lambda _columns, _rows: None
        self.interrupted: Callable[[], object] = lambda: None
        self._choose = choose
        self._channel: Channel | None = None
        self._program: Program | None = None
        self._running: asyncio.Task[None] | None = None
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self.input = Inbox(self._pause, self._resume)
        self.output = Outbox(self)
        self.errors = Outbox(self, EXTENDED_DATA_STDERR)

    @property
    def environment(self) -> dict[str, str]:
        """What the client set."""
        return self._channel.environment() if self._channel else {}

    # What the library tells

    def connection_made(self, chan: Channel) -> None:  # type: ignore[override]  # it is ours
        """The channel is open."""
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: object) -> bool:
        """There is always a terminal to be had."""
        del term_modes
        self.terminal = term_type[:64]
        self.size = _bounded(term_size[0], term_size[1])
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """The window has another size."""
        del pixwidth, pixheight
        self.size = _bounded(width, height)
        self.resized(*self.size)

    def shell_requested(self) -> bool:
        """A login shell."""
        return self._chosen()

    def exec_requested(self, command: str) -> bool:
        """One command."""
        self.command = command
        return self._chosen()

    def subsystem_requested(self, subsystem: str) -> bool:
        """A named program."""
        self.subsystem = subsystem
        return self._chosen()

    def _chosen(self) -> bool:
        self._program = self._choose(self)
        if self._program is not None and self._channel is not None:
            self._channel.open_window()
        return self._program is not None

    def session_started(self) -> None:
        """The client knows: run it."""
        if self._program is not None:
            self._running = asyncio.get_running_loop().create_task(self._run(self._program))

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Input for the program."""
        del datatype
        self.input.feed(data)

    def eof_received(self) -> bool:
        """The program may go on writing."""
        self.input.end()
        return True

    def signal_received(self, signal: str) -> None:
        """INT, TERM, HUP … sent by the client stop what runs."""
        if signal in {"INT", "TERM", "HUP", "QUIT", "KILL"}:
            self.interrupted()

    def pause_writing(self) -> None:
        """The client's window is used up."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has room again."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone."""
        del exc
        self._channel = None
        self.input.end()
        self._writable.set()
        if self._running is not None:
            self._running.cancel()

    # What the program uses

    async def writable(self) -> None:
        """Wait for room. Raises `BrokenPipeError` when the client has gone."""
        await self.connection.drained()
        await self._writable.wait()
        if self._channel is None:
            raise BrokenPipeError

    def send(self, data: bytes, datatype: int | None = None) -> None:
        """Send bytes now, room or not; for small answers."""
        if self._channel is not None and data and not self._channel.is_closing():
            self._channel.write(data, datatype)

    async def _run(self, program: Program) -> None:
        status = 255
        try:
            status = await program(self)
        except (EOFError, OSError, ValueError):
            status = 1
        except Exception as error:  # noqa: BLE001 (what an attacker types may raise anything: it ends this channel)
            self.connection.report(error)
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write_eof()
            self._channel.exit(status)

    def _pause(self) -> None:
        if not self._paused and self._channel is not None:
            self._paused = True
            self._channel.pause_reading()

    def _resume(self) -> None:
        if self._paused and self._channel is not None:
            self._paused = False
            self._channel.resume_reading()


def _bounded(columns: int, rows: int) -> tuple[int, int]:
    """A window size; 0 is what a client without a terminal says."""
    return (min(columns, 1000) or 80, min(rows, 1000) or 24)
