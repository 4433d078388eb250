"""The socket of an accepted connection: read in small helpings, counted, and not faster than is good for others."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

READ_AT_ONCE = 16 * 1024
"""Bytes taken from one socket before others have their turn. asyncio would take 256 KiB, and parsers work on them for
milliseconds."""
BYTES_PER_SECOND = 32 * 1024 * 1024
"""Read from all visitors of one service together who send faster than it reads. A disk of a small server takes as much."""
_AHEAD_SECONDS = 0.01
_DEAR_SECONDS = 0.001
_SHARE = 4
"""Bytes that kept the process busy for longer than `_DEAR_SECONDS` are followed by a rest, so that of `_SHARE` times
the time they took others have the most."""

Rest = Callable[[int, float], None]
"""Leaves a descriptor unread for so many seconds."""


class LimitReached(ConnectionAbortedError):  # noqa: N818 (no fault of anybody's)
    """A visitor, or the decoy for it, took all that it is granted. ``limit`` is which: ``bytes``, ``sockets``.

    A connection error, so that a transport which meets it ends as one whose peer is gone.
    """

    def __init__(self, limit: str) -> None:
        super().__init__(f"limit: {limit}")
        self.limit = limit


class Pace:
    """How fast the visitors of one service are read."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._free_at = 0.0

    def took(self, descriptor: int, received: int) -> None:
        """So many bytes came, and more may wait."""
        now = time.monotonic()
        self._free_at = max(self._free_at, now) + received / BYTES_PER_SECOND
        if self._free_at - now > _AHEAD_SECONDS:
            self._rest(descriptor, self._free_at - now)

    def spent(self, descriptor: int, seconds: float) -> None:
        """What came kept the process busy for so long."""
        if seconds > _DEAR_SECONDS:
            self._rest(descriptor, seconds * (_SHARE - 1))


class Incoming(socket.socket):
    """An accepted connection, non-blocking.

    Whoever holds it, a transport or a library, reads through `recv` or `recv_into`; past ``most`` bytes both raise
    `LimitReached` and ``exceeded`` is set.
    """

    __slots__ = ("_pace", "_taken", "exceeded", "most")

    def __init__(self, accepted: socket.socket, most: int, pace: Pace | None = None) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self.setblocking(False)
        self.most = most
        self.exceeded = False
        self._pace = pace
        self._taken = 0

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """As socket.recv(). Raises `LimitReached`."""
        data = super().recv(min(bufsize, READ_AT_ONCE), flags)
        self._count(len(data), flags)
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As socket.recv_into(). Raises `LimitReached`."""
        room = nbytes or memoryview(buffer).nbytes
        count = super().recv_into(buffer, min(room, READ_AT_ONCE), flags)
        self._count(count, flags)
        return count

    def spent(self, seconds: float) -> None:
        """What was read last kept the process busy for so long."""
        if self._pace is not None and self.fileno() >= 0:
            self._pace.spent(self.fileno(), seconds)

    def _count(self, received: int, flags: int) -> None:
        if flags & socket.MSG_PEEK:
            return
        self._taken += received
        if self._taken > self.most:
            self.exceeded = True
            raise LimitReached("bytes")
        if received == READ_AT_ONCE and self._pace is not None:
            self._pace.took(self.fileno(), received)
