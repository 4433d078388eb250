"""A carrier to the standard output of whoever keeps the network in the foreground, which lends it to the shipper."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Sequence

from decnet.events.sinks.carrier import MOST_EVENTS, Encode, Stopped

_TURN_MILLISECONDS = 500
_CHUNK = select.PIPE_BUF
"""What a pipe that can be written to takes whole, without blocking (pipe(7))."""


class Outlet:
    """Where standard output is now: nowhere, until somebody lends it. Threads share it."""

    def __init__(self) -> None:
        self._fd = -1
        self._lock = threading.Lock()

    def lend(self, fd: int) -> None:
        """Write to this descriptor from now on; a duplicate is kept."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
            self._fd = os.dup(fd)

    def borrow(self) -> int:
        """A duplicate for the caller to close. Raises `OSError` while there is none."""
        with self._lock:
            if self._fd < 0:
                raise OSError("nobody keeps the network in the foreground (decnet supervise)")
            return os.dup(self._fd)


class StdoutCarrier:
    """Lines go to a pipe, a terminal, a journal. It is slow as its reader is, and holds up nobody but itself."""

    settling = 0.0
    most = MOST_EVENTS

    def __init__(self, outlet: Outlet, encode: Encode, stop: threading.Event) -> None:
        self._outlet = outlet
        self._encode = encode
        self._stop = stop
        self._fd = -1

    def open(self) -> None:
        """Take what is lent now."""
        self._fd = self._outlet.borrow()

    def encode(self, line: bytes) -> bytes | None:
        """The event, and the end of its line."""
        found = self._encode(line)
        return None if found is None else found + b"\n"

    def send(self, batch: Sequence[bytes]) -> int:
        """Write whole lines, in pieces that do not block for long. Raises `Stopped` between two lines only."""
        for line in batch:
            rest = memoryview(line)
            while rest:
                self._wait(begun=len(rest) < len(line))
                rest = rest[os.write(self._fd, rest[:_CHUNK]) :]
        return 0

    def _wait(self, *, begun: bool) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        turns = 4 if begun else 1  # a line that is begun is ended, if its reader reads at all
        while not poll.poll(_TURN_MILLISECONDS):
            turns -= self._stop.is_set()
            if turns <= 0:
                raise Stopped

    def arrived(self, position: int) -> bool:  # noqa: ARG002 (what is written has arrived)
        """Always; notices that its reader has gone."""
        poll = select.poll()
        poll.register(self._fd, 0)
        if any(events & (select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0)):
            raise BrokenPipeError("nobody reads it any more")
        return True

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
