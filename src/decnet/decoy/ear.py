"""Tells of a service of high interaction: a real sshd, heard by its system calls, and what its visitors left behind.

What is heard comes from the kernel by a ring that this process reads itself; the supervisor only hands it over. So a
supervisor that is started again costs nothing of a recording.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from decnet.decoy.artifacts import Artifacts, Room, Upload
from decnet.decoy.calls import decode
from decnet.decoy.cast import Cast
from decnet.decoy.flows import Flow
from decnet.decoy.ring import Ring
from decnet.decoy.sshd import Attempt, Connection, Left, Ran, Shown, Sshd, Terminal, Told
from decnet.events import EventType, event_id

RING_BYTES = 2 << 20
_DESCRIPTORS = 3
_NAME_BYTES = 64
_AT_ONCE = 64
"""Records taken before other work of the loop has its turn."""
_MOST_CASTS = 256
_SETTLE_SECONDS = 0.3
"""What a session wrote last is on the file system by then."""
_TAKE_SECONDS = 30.0
_GONE_SECONDS = 2.0
_PIECE = 64 * 1024
Ask = Callable[[str], Awaitable[socket.socket]]
Tell = Callable[[EventType, dict[str, Any], Flow | None, tuple[str, int]], None]


class Ear:
    """One sshd's, as long as its witness attends it. ``folder`` is that of the events."""

    def __init__(self, folder: int, ask: Ask, tell: Tell, flow: Callable[[str, int], Flow | None]) -> None:
        self._folder, self._ask, self._tell, self._flow = folder, ask, tell, flow
        self._loop = asyncio.get_running_loop()
        self._room = Room()
        self._place = b""
        self._ring: Ring | None = None
        self._sshd = Sshd()
        self._casts: dict[Terminal, Cast] = {}
        self._sessions: dict[Connection, Flow | None] = {}
        self._taking = asyncio.Lock()
        self._later: asyncio.Task[None] | None = None
        self._owed = False
        """Whether a session has ended since the last look at what was left."""

    async def listen(self, source: socket.socket) -> None:
        """Take rings as they come: one for each time that the container starts. Ends with the source."""
        source.setblocking(False)
        while True:
            await _readable(self._loop, source)
            try:
                place, descriptors, _, _ = socket.recv_fds(source, _NAME_BYTES, _DESCRIPTORS)
            except BlockingIOError:
                continue
            if not place:
                return
            self._put(place, descriptors)

    async def take(self) -> None:
        """Have what visitors left behind brought, and tell of it. Whatever goes wrong, it is over in half a minute."""
        with contextlib.suppress(OSError):  # TimeoutError is one
            async with asyncio.timeout(_TAKE_SECONDS), self._taking:
                with await self._ask("files") as source:
                    source.setblocking(False)
                    found = Artifacts(self._folder, self._room)
                    while message := await self._loop.sock_recv(source, _PIECE):
                        for upload in found.take(message):
                            self._tell_upload(upload)

    def gone(self, address: str, port: int) -> None:
        """A visitor's connection is over on the wire: its sshd may have been killed before it could say so."""
        for one in self._sessions:
            if (one.address, one.port) == (address, port):
                self._loop.call_later(_GONE_SECONDS, self._end, one)

    def close(self) -> None:
        """Hear no more; what is being recorded ends."""
        if self._later is not None:
            self._later.cancel()
        self._drop()

    def _put(self, place: bytes, descriptors: list[int]) -> None:
        """A ring for another namespace than before takes its place; of the same there is one already."""
        if len(descriptors) != _DESCRIPTORS or (place == self._place and self._ring is not None):
            for fd in descriptors:
                os.close(fd)
            return
        self._drop()
        ring, *programs = descriptors
        self._ring, self._place = Ring(ring, RING_BYTES, tuple(programs)), place
        self._loop.add_reader(ring, self._hear)

    def _drop(self) -> None:
        if self._ring is not None:
            self._hear_all()
            self._loop.remove_reader(self._ring.fileno())
            self._ring.close()
            self._ring = None
        for told in self._sshd.end_all():
            self._note(told)
        self._sshd = Sshd()

    def _hear(self) -> None:
        if self._ring is None:
            return
        for record in self._ring.take(_AT_ONCE):
            self._see(record)

    def _hear_all(self) -> None:
        if self._ring is not None:
            for record in self._ring.take(RING_BYTES):
                self._see(record)

    def _see(self, record: bytes) -> None:
        call = decode(record)
        if call is not None:
            for told in self._sshd.see(call):
                self._note(told)

    def _note(self, told: Told) -> None:
        match told:
            case Attempt(connection, data):
                self._say(EventType.AUTH, connection, data)
            case Ran(connection, command, via):
                data = {"command": command, "user": connection.user, "via": via}
                self._say(EventType.COMMAND, connection, data)
            case Shown(terminal, kind, data, at):
                self._record(terminal, kind, data, at)
            case Left(connection):
                self._end(connection)

    def _record(self, terminal: Terminal, kind: str, data: bytes, at: float) -> None:
        kept = self._casts.get(terminal)
        if kept is None:
            if len(self._casts) >= _MOST_CASTS:
                return
            flow = self._flow_of(terminal.connection)
            name = f"{flow.session if flow and flow.session else event_id()}-{terminal.number}"
            try:
                kept = Cast(self._folder, name, terminal.columns, terminal.rows, at, self._room)
            except OSError:
                return
            self._casts[terminal] = kept
        elif kind != "r" or kept.size != (terminal.columns, terminal.rows):
            kept.add(kind, data, at)
        kept.size = terminal.columns, terminal.rows

    def _end(self, connection: Connection) -> None:
        for terminal in [one for one in self._casts if one.connection is connection]:
            kept = self._casts.pop(terminal).close()
            data = {
                "operation": "recording",
                "user": connection.user,
                "artifact": kept.path,
                "size": kept.size,
                "sha256": kept.sha256,
                "duration": kept.duration,
                **({"cut": True} if kept.cut else {}),
            }
            self._say(EventType.REQUEST, connection, data)
        known = self._sessions.pop(connection, None) is not None
        if known and connection.entered:
            self._owed = True
            if self._later is None or self._later.done():
                self._later = self._loop.create_task(self._take_soon())

    async def _take_soon(self) -> None:
        """Once for all sessions that ended meanwhile."""
        while self._owed:
            await asyncio.sleep(_SETTLE_SECONDS)
            self._owed = False
            await self.take()

    def _flow_of(self, connection: Connection) -> Flow | None:
        """The flow of a connection: looked up while it is open, told of until the end."""
        if self._sessions.get(connection) is None and connection.port:
            self._sessions[connection] = self._flow(connection.address, connection.port)
        return self._sessions.get(connection)

    def _say(self, kind: EventType, connection: Connection, data: dict[str, Any]) -> None:
        self._tell(kind, data, self._flow_of(connection), (connection.address, connection.port))

    def _tell_upload(self, upload: Upload) -> None:
        data = {
            "path": upload.path,
            "sha256": upload.sha256,
            "size": upload.size,
            "mode": f"{upload.mode:04o}",
            **({"artifact": upload.artifact} if upload.artifact else {}),
        }
        self._tell(EventType.UPLOAD, data, None, ("", 0))


async def _readable(loop: asyncio.AbstractEventLoop, source: socket.socket) -> None:
    ready = asyncio.Event()
    loop.add_reader(source, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(source)
