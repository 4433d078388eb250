"""The file sink: JSON lines, appended by several processes at once, rotated by size and age.

Every line is one write() to a file opened with O_APPEND, so lines of several writers do not mix (write(2)). A writer
holds the folder as an open descriptor and nothing else: it needs no right to reach the folder by its path.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass

import msgspec

from decnet.events.schema import Event

NAME = "events.jsonl"
_LOCK = "rotate.lock"
_CHECK_SECONDS = 1.0
"""How often a writer looks whether its file was renamed or has grown too large."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is put aside (``bytes`` written, or ``seconds`` after its first line), and how many are kept."""

    bytes: int = 64 * 1024 * 1024
    seconds: float = 7 * 86400
    keep: int = 10


def encode(event: Event) -> bytes:
    """One event as its line."""
    return msgspec.json.encode(event) + b"\n"


class FileSink:
    """Appends events to ``events.jsonl`` in a folder. A write never raises: what could not be kept is counted."""

    def __init__(self, folder: int, rotation: Rotation | None = None) -> None:
        self._folder = folder
        self._rotation = rotation or Rotation()
        self._fd = -1
        self._checked = 0.0
        self._torn = False
        self.dropped = 0

    def write(self, event: Event) -> None:
        """Append one event. On a full disk it is dropped and counted."""
        line = encode(event)
        if self._torn:
            line = b"\n" + line
        try:
            if self._fd < 0 or time.monotonic() - self._checked > _CHECK_SECONDS:
                self._check()
            written = os.write(self._fd, line)
        except OSError:
            self.dropped += 1
            return
        self._torn = written < len(line)
        self.dropped += self._torn

    def close(self) -> None:
        """Close the file; the next write opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _check(self) -> None:
        self._checked = time.monotonic()
        if self._fd >= 0 and not self._is_current():
            self.close()
        if self._fd < 0:
            self._fd = self._open(NAME, os.O_APPEND | os.O_RDWR)
        if self._is_due():
            self._rotate()

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=self._folder)

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(
                os.fstat(self._fd), os.stat(NAME, dir_fd=self._folder, follow_symlinks=False)
            )
        except FileNotFoundError:
            return False

    def _is_due(self) -> bool:
        size = os.fstat(self._fd).st_size
        return size > self._rotation.bytes or (size > 0 and self._age() > self._rotation.seconds)

    def _age(self) -> float:
        """Seconds since the first line was written: its id carries the time (RFC 9562 section 5.7)."""
        head = os.pread(self._fd, 64, 0)
        start = head.find(b'"id":"') + 6
        digits = head[start : start + 13].replace(b"-", b"")
        try:
            return time.time() - int(digits, 16) / 1000
        except ValueError:
            return 0.0

    def _rotate(self) -> None:
        """Rename along the chain, unless another process is at it or was faster."""
        lock = self._open(_LOCK, os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._is_current():
                for number in range(self._rotation.keep, 0, -1):
                    self._rename(number - 1, number)
            self.close()
            self._fd = self._open(NAME, os.O_APPEND | os.O_RDWR)
        except BlockingIOError:
            return
        finally:
            os.close(lock)

    def _rename(self, old: int, new: int) -> None:
        try:
            os.rename(rotated(old), rotated(new), src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except FileNotFoundError:
            return


def rotated(number: int) -> str:
    """Name of the file ``number`` rotations old."""
    return f"{NAME}.{number}" if number else NAME
