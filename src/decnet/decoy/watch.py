"""The watcher: whoever is told what this process listens on, keeps duplicates of it, and grants further sockets.

A socket belongs to the network namespace it was made in, and this process may make none at all: a service that needs
another one (the data connection of FTP, a TFTP transfer) asks the privileged side, within limits.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from decnet.control import receive
from decnet.decoy.protocol import Attendance, Grant, Notice
from decnet.services.incoming import LimitReached

DECOY_LIMIT = 16
"""Further sockets of one decoy at once."""
PROCESS_LIMIT = 64
"""Further sockets of all decoys of this process at once."""
GRANT_SECONDS = 5.0
"""How long a service waits for a further socket."""
PATIENCE_SECONDS = 10.0
"""How long a watcher may leave a packet unread before it is left."""
_AGAIN_SECONDS = 0.05
"""After ETOOMANYREFS: more descriptors of this user are on their way than it may have open (unix(7))."""

Name = tuple[str, str]
"""Decoy and service."""


@dataclass(frozen=True, slots=True)
class Listening:
    """What a running service listens on."""

    ports: tuple[tuple[int, str], ...]
    sockets: Sequence[socket.socket]


class Watch:
    """The one watcher there may be, and the further sockets that came from it."""

    def __init__(self, look: Callable[[Name], Listening | None]) -> None:
        self._look = look
        self._watcher: _Watcher | None = None
        self._numbers = itertools.count(1)
        self._asked: Counter[str] = Counter()
        self._granted: dict[str, list[socket.socket]] = {}

    def changed(self, name: Name) -> None:
        """A service started, stopped, or has other sockets."""
        if self._watcher is not None:
            self._watcher.tell(name)

    async def run(self, connection: socket.socket, running: Callable[[], Iterable[Name]]) -> None:
        """Serve a watcher until it leaves, is too slow, or another one comes. What is ``running`` is told first."""
        watcher = _Watcher(connection, self._look)
        if self._watcher is not None:
            self._watcher.leave()
        self._watcher = watcher
        try:
            await watcher.run(running())
        finally:
            if self._watcher is watcher:
                self._watcher = None

    async def more(self, decoy: str, service: str, proto: str, port: int) -> socket.socket:
        """A further socket for a service.

        Raises:
            LimitReached: this decoy, or this process, has all it may have.
            OSError: the privileged side refuses, does not answer, or is not there.
        """
        watcher = self._watcher
        if watcher is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        held = self._count()
        if held[decoy] >= DECOY_LIMIT or held.total() >= PROCESS_LIMIT:
            raise LimitReached("sockets")
        self._asked[decoy] += 1
        try:
            wanted = Notice("want", decoy, service, number=next(self._numbers), proto=proto, port=port)
            opened = await watcher.want(wanted)
        finally:
            self._asked[decoy] -= 1
        self._granted.setdefault(decoy, []).append(opened)
        return opened

    async def source(self, attendance: Attendance, what: str, since: str) -> socket.socket:
        """A source of messages about a custom service (see `Notice`). Raises `OSError`."""
        watcher = self._watcher
        if watcher is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        number, name = next(self._numbers), (attendance.decoy, attendance.service)
        wanted = Notice("want", *name, ports=attendance.ports, number=number, proto=what, since=since)
        return await watcher.want(wanted)

    def _count(self) -> Counter[str]:
        """Further sockets of each decoy, open or asked for."""
        still = {
            decoy: [one for one in sockets if one.fileno() >= 0] for decoy, sockets in self._granted.items()
        }
        self._granted = {decoy: sockets for decoy, sockets in still.items() if sockets}
        self._asked = +self._asked
        return self._asked + Counter({decoy: len(sockets) for decoy, sockets in self._granted.items()})


class _Watcher:
    """One connection. What is to be told are names, looked at when their turn comes: no queue grows with changes."""

    def __init__(self, connection: socket.socket, look: Callable[[Name], Listening | None]) -> None:
        self._connection = connection
        self._look = look
        self._names: dict[Name, None] = {}
        self._wanted: dict[int, Notice] = {}
        self._answers: dict[int, asyncio.Future[socket.socket]] = {}
        self._stir = asyncio.Event()

    def tell(self, name: Name) -> None:
        self._names[name] = None
        self._stir.set()

    def leave(self) -> None:
        """End the connection; what waits for it ends with it."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    async def run(self, running: Iterable[Name]) -> None:
        self._names.update(dict.fromkeys(running))
        telling = asyncio.create_task(self._tell_all())
        try:
            await self._hear()
        except (OSError, msgspec.DecodeError):
            return  # as good as gone
        finally:
            telling.cancel()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(
                        ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
                    )

    async def want(self, wanted: Notice) -> socket.socket:
        answer: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        self._wanted[wanted.number] = wanted
        self._answers[wanted.number] = answer
        self._stir.set()
        try:
            async with asyncio.timeout(GRANT_SECONDS):
                return await answer
        except (
            BaseException
        ):  # whatever ends this, a socket that came at the last moment is closed; raised again
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                answer.result().close()
            raise
        finally:
            self._wanted.pop(wanted.number, None)
            self._answers.pop(wanted.number, None)

    async def _tell_all(self) -> None:
        synced = False
        try:
            while True:
                if self._wanted:
                    await self._push(self._wanted.pop(next(iter(self._wanted))))
                elif self._names:
                    await self._tell(next(iter(self._names)))
                elif not synced:
                    synced = True
                    await self._push(Notice("synced"))
                else:
                    await self._stir.wait()
                    self._stir.clear()
        except OSError:  # TimeoutError is one
            self.leave()

    async def _tell(self, name: Name) -> None:
        del self._names[name]
        found = self._look(name)
        if found is None:
            await self._push(Notice("gone", *name))
        else:
            await self._push(Notice("sockets", *name, ports=found.ports), found.sockets)

    async def _push(self, notice: Notice, sockets: Sequence[socket.socket] = ()) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await _send(self._connection, msgspec.json.encode(notice), [one.fileno() for one in sockets])

    async def _hear(self) -> None:
        while packet := await receive(self._connection):
            message, descriptors = packet
            try:
                grant = msgspec.json.decode(message, type=Grant)
                self._settle(grant, descriptors)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)

    def _settle(self, grant: Grant, descriptors: list[int]) -> None:
        """Hand a socket to whoever waits for it; what nobody waits for any more stays in ``descriptors``."""
        answer = self._answers.get(grant.number)
        if answer is None or answer.done():
            return
        if grant.error or len(descriptors) != 1:
            answer.set_exception(OSError(errno.EACCES, grant.error or "a grant without its socket"))
            return
        opened = socket.socket(fileno=descriptors.pop())
        opened.setblocking(False)
        answer.set_result(opened)


async def _send(connection: socket.socket, message: bytes, descriptors: Sequence[int]) -> None:
    """Send one packet; waits while the other side does not read. Raises `OSError`."""
    while True:
        try:
            socket.send_fds(connection, [message], descriptors)
        except BlockingIOError:
            await _writable(connection)
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS:
                raise
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            return


async def _writable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(connection)
