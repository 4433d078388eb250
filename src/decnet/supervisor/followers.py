"""Sources for the processes that tell of custom services: what they print, and the packets at their ports.

Both are moved on unread. A packet socket could send past every packet filter, so it stays here, and only what it hears
is handed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from decnet.decoy.protocol import STREAMS, Notice
from decnet.world import namespaces, sandboxes, wire

LINK = "eth0"
KINDS = (*STREAMS, "packets", "calls", "files")
_LEAST_SECONDS = 0.5
"""A source is asked for again at the earliest after this."""
_MOST = 4096
_AT_ONCE = 64
_RATE, _REST_SECONDS = 4000, 0.25
"""Packets of one service a second; what is above that waits in the kernel, and is lost there."""
_Name = tuple[str, str, str]


class _Source(Protocol):
    def close(self) -> None: ...


class Followers:
    """The sources of one network, by decoy, service and kind: a new one takes the place of the old."""

    def __init__(self, network: str, run_dir: Path) -> None:
        self._network = network
        self._run_dir = run_dir
        self._open: dict[_Name, tuple[int, _Source | None]] = {}
        self._asked: dict[_Name, float] = {}

    def open(self, pid: int, notice: Notice) -> socket.socket:
        """A source for a process: each message is one of what is asked for. Raises `OSError`."""
        name = (notice.decoy, notice.service, notice.proto)
        now = time.monotonic()
        if now - self._asked.get(name, -_LEAST_SECONDS) < _LEAST_SECONDS or len(self._asked) >= _MOST:
            self._asked = {one: at for one, at in self._asked.items() if now - at < _LEAST_SECONDS}
            raise OSError(errno.EAGAIN, "too many at once")
        self._asked[name] = now
        self._drop(name)
        if notice.proto in STREAMS:
            fd = sandboxes.follow(self._run_dir, *name, notice.since)
            if fd is not None:  # whoever asked has it alone: what is printed does not come by here
                self._open[name] = pid, None
                return socket.socket(fileno=fd)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._open[name] = pid, self._begin(notice, ours)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        return theirs

    def end(self, pid: int) -> bool:
        """A process has ended: so do its sources. Whether it had any."""
        own = [name for name, (owner, _) in self._open.items() if owner == pid]
        for name in own:
            self._drop(name)
        return bool(own)

    @property
    def logs(self) -> bool:
        """Whether a custom service of the engine's is followed."""
        kinds = (*STREAMS, "calls")
        return any(kind in kinds and source is not None for (_, _, kind), (_, source) in self._open.items())

    def due(self) -> tuple[str, ...]:
        """Decoys whose services of high interaction are to be made anew by now; each is told once."""
        found = []
        for (decoy, _, _), (_, source) in self._open.items():
            at = getattr(source, "due", None)
            if at is not None and at <= datetime.now(UTC):
                source.due = None  # type: ignore[union-attr]  # one that has a time
                found.append(decoy)
        return tuple(found)

    def close(self) -> None:
        """End all."""
        for name in list(self._open):
            self._drop(name)

    def _begin(self, notice: Notice, out: socket.socket) -> _Source:
        if notice.proto in STREAMS:
            from decnet.world.docker.logs import Pump  # noqa: PLC0415 (loads the SDK: most do without)

            since = _seconds(notice.since)
            return Pump(self._network, notice.decoy, notice.service, notice.proto, since, out)
        if notice.proto in ("calls", "files"):
            from decnet.world.docker import heard  # noqa: PLC0415 (as above)

            begin = heard.Ears if notice.proto == "calls" else heard.Takings
            return begin(self._network, notice.decoy, notice.service, out)
        fd = os.open(namespaces.path(self._network, notice.decoy), os.O_RDONLY | os.O_CLOEXEC)
        try:
            return _Relay(wire.hearing(fd, LINK, notice.ports), out)
        finally:
            os.close(fd)

    def _drop(self, name: _Name) -> None:
        _, source = self._open.pop(name, (0, None))
        if source is not None:
            source.close()


class _Relay:
    """Hands on what a packet socket hears; what nobody takes in time is lost."""

    def __init__(self, heard: socket.socket, out: socket.socket) -> None:
        self._heard, self._out = heard, out
        self._loop = asyncio.get_running_loop()
        self._left, self._second = _RATE, 0.0
        self._timer: asyncio.TimerHandle | None = None
        out.setblocking(False)
        self._loop.add_reader(heard, self._read)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._heard.fileno() >= 0:
            self._loop.remove_reader(self._heard)
            self._heard.close()
            self._out.close()

    def _read(self) -> None:
        if self._loop.time() - self._second > 1:
            self._left, self._second = _RATE, self._loop.time()
        for _ in range(_AT_ONCE):
            if self._left <= 0:
                self._loop.remove_reader(self._heard)
                self._timer = self._loop.call_later(_REST_SECONDS, self._resume)
                return
            try:
                packet = self._heard.recv(wire.HEAD_BYTES)
            except BlockingIOError:
                return
            except OSError:  # its interface has gone
                self.close()
                return
            self._left -= 1
            if not self._hand(packet):
                return

    def _hand(self, packet: bytes) -> bool:
        with contextlib.suppress(BlockingIOError):
            try:
                self._out.send(packet)
            except BlockingIOError:
                raise
            except OSError:  # nobody is there any more
                self.close()
                return False
        return True

    def _resume(self) -> None:
        self._loop.add_reader(self._heard, self._read)


def _seconds(stamp: str) -> float:
    """The time that lines are wanted from, a little before it: whoever asks knows those that it has. 0 is all."""
    try:
        return max(0.0, datetime.fromisoformat(stamp[:19] + "+00:00").timestamp() - 1)
    except ValueError:
        return 0.0
