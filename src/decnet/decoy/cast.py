"""Recordings of terminals, as asciicast v2 (docs.asciinema.org/manual/asciicast/v2): a header, then a line an event."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import os
import time
from typing import NamedTuple

import msgspec

from decnet.decoy.artifacts import Room

FOLDER = "recordings"
"""Below the folder of events; made by the privileged side."""
_LARGEST = 16 << 20
"""Bytes of one recording; what comes after is not in it."""
_ENCODE = msgspec.json.Encoder().encode


class Kept(NamedTuple):
    """A recording that has ended."""

    path: str
    size: int
    sha256: str
    duration: float
    cut: bool


class Cast:
    """One terminal's recording, in a file that only the network's user reads. ``start`` is CLOCK_MONOTONIC."""

    def __init__(self, folder: int, name: str, columns: int, rows: int, start: float, room: Room) -> None:
        """Raises `OSError` when the file cannot be made: a full disk, or no such folder."""
        self.path = f"{FOLDER}/{name}.cast"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(self.path, flags, 0o600, dir_fd=folder)
        self.size = columns, rows
        self._start, self._last, self._room = start, start, room
        self._bytes, self._cut, self._sum = 0, False, hashlib.sha256()
        self._decoders = {kind: codecs.getincrementaldecoder("utf-8")("replace") for kind in "io"}
        begun = int(time.time() - max(0.0, time.monotonic() - start))
        self._write({"version": 2, "width": columns, "height": rows, "timestamp": begun})

    def add(self, kind: str, data: bytes, at: float) -> None:
        """``o``, ``i`` or ``r``. Whatever the disk says, the session goes on."""
        decoder = self._decoders.get(kind)
        text = decoder.decode(data) if decoder else data.decode("ascii", "replace")
        self._last = max(self._last, at)
        if text:
            self._write([round(max(0.0, at - self._start), 6), kind, text])

    def close(self) -> Kept:
        """The end of it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        return Kept(
            self.path, self._bytes, self._sum.hexdigest(), round(self._last - self._start, 3), self._cut
        )

    def _write(self, entry: object) -> None:
        line = _ENCODE(entry) + b"\n"
        if (
            self._cut
            or self._fd < 0
            or self._bytes + len(line) > min(_LARGEST, self._bytes + self._room.left)
        ):
            self._cut = True
            return
        with contextlib.suppress(OSError):
            if os.write(self._fd, line) != len(line):
                self._cut = True
            self._bytes += len(line)
            self._room.left -= len(line)
            self._sum.update(line)
