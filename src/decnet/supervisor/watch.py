"""The watch on one decoy process: what it tells of its sockets, what it wants, and that it is still there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from decnet.decoy.protocol import PACKET_LIMIT, Grant, Notice, Request
from decnet.supervisor.broker import Broker
from decnet.supervisor.followers import KINDS, Followers
from decnet.supervisor.kept import Keeper
from decnet.world import spawn

_DESCRIPTORS = 128
_AT_ONCE = 64
"""Notices taken from one process before others have their turn."""
_NOTICES = msgspec.json.Decoder(Notice)
_HANDSHAKE_SECONDS = 1.0


class Presence:
    """A connection to a process that ends when the process does. ``ended`` is called with this once, then."""

    def __init__(self, connection: socket.socket, ended: Callable[[Any], None]) -> None:
        self.pid = spawn.peer(connection)
        self._connection = connection
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        connection.setblocking(False)
        self._loop.add_reader(connection, self._read)

    def close(self) -> None:
        """Look no more; the process goes on."""
        if self._connection.fileno() >= 0:
            self._loop.remove_reader(self._connection)
            self._connection.close()

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                message, descriptors, flags, _ = socket.recv_fds(self._connection, PACKET_LIMIT, _DESCRIPTORS)
            except BlockingIOError:
                return
            except OSError:
                message, descriptors, flags = b"", [], 0
            with _owned(descriptors):
                if not message:
                    self.close()
                    self._ended(self)
                    return
                if not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                    self._take(message, descriptors)

    def _take(self, message: bytes, descriptors: list[int]) -> None:
        """What it says is of no matter; `Watch` listens."""


class Watch(Presence):
    """One decoy process, which tells what it serves and asks for what it needs."""

    def __init__(
        self,
        number: int,
        connection: socket.socket,
        keeper: Keeper,
        broker: Broker,
        followers: Followers,
        ended: Callable[[Any], None],
    ) -> None:
        super().__init__(connection, ended)
        self.number = number
        self._keeper = keeper
        self._broker = broker
        self._followers = followers

    def _take(self, message: bytes, descriptors: list[int]) -> None:
        try:
            notice = _NOTICES.decode(message)
        except msgspec.DecodeError:  # it serves attackers: it may say anything
            return
        match notice.op:
            case "sockets":
                sockets = list(_sockets(descriptors))
                self._keeper.keep(self.pid, notice.decoy, notice.service, sockets)
            case "gone":
                self._keeper.drop(notice.decoy, notice.service, self.pid)
            case "want":
                self._grant(notice)

    def _grant(self, notice: Notice) -> None:
        follows = notice.proto in KINDS  # of custom services nobody has shown a socket
        if not follows and not self._keeper.is_served(self.pid, notice.decoy):
            self._answer(Grant(notice.number, "it does not serve that decoy"))
            return
        try:
            if follows:
                granted = self._followers.open(self.pid, notice)
            else:
                granted = self._broker.open(notice.decoy, notice.proto, notice.port)
        except OSError as error:
            self._answer(Grant(notice.number, error.strerror or str(error)))
            return
        with granted:
            self._answer(Grant(notice.number), granted.fileno())

    def _answer(self, grant: Grant, *fds: int) -> None:
        with contextlib.suppress(OSError):  # a process that does not read does without
            socket.send_fds(self._connection, [msgspec.json.encode(grant)], fds)


def begin(run_dir: Path, number: int) -> socket.socket | None:
    """A connection on which a decoy process tells what it serves; None when it does not run or does not answer."""
    connection = connected(run_dir, spawn.control_path(run_dir, number).name)
    if connection is not None:
        try:
            connection.send(msgspec.json.encode(Request("watch")))
        except OSError:
            connection.close()
            return None
    return connection


def connected(run_dir: Path, name: str) -> socket.socket | None:
    """A connection to a process's control socket; None when nobody listens there, or is too busy to."""
    try:
        return spawn.connected(run_dir, name, _HANDSHAKE_SECONDS)
    except OSError:
        return None


@contextlib.contextmanager
def _owned(descriptors: list[int]) -> Iterator[None]:
    """Close every descriptor that nobody took: whoever takes one sets it to -1."""
    try:
        yield
    finally:
        for descriptor in descriptors:
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)


def _sockets(descriptors: list[int]) -> Iterator[socket.socket]:
    for place, descriptor in enumerate(descriptors):
        try:
            one = socket.socket(fileno=descriptor)
        except OSError:  # no socket at all
            continue
        descriptors[place] = -1
        yield one
