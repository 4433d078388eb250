"""The file sink: JSON lines, appended by several processes at once, rotated by size and age.

Every line is one write() to a file opened with O_APPEND, so lines of several writers do not mix (write(2)). A writer
holds the folder as an open descriptor and nothing else: it needs no right to reach the folder by its path.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from decnet.events.schema import Event, EventType, now

NAME = "events.jsonl"
LEDGER = "rotated-away.log"
"""Which files rotation has taken away, a line each (see `Lost`): for a reader that was not there to see it."""
CHECK_SECONDS = 0.1
"""How often a writer looks whether its file was renamed or has grown too large."""
LATE_SECONDS = 0.5
"""A reader takes a file that was put aside this long ago for finished: who writes to it later writes again."""
_LEDGER_BYTES = 64 * 1024
_HEAD_BYTES = 64


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

    def __init__(self, folder: int, rotation: Rotation | None = None, name: str = NAME) -> None:
        self._folder = folder
        self._name = name
        self._rotation = rotation or Rotation()
        self._fd = -1
        self._checked = 0.0
        self._torn = False
        self.dropped = self._told = 0

    def write(self, event: Event) -> None:
        """Append one event. On a full disk it is dropped and counted; when there is room again, an event says so."""
        try:
            self.append(encode(event))
            lost = self.dropped - self._told
            if lost:
                data = {"error": "events were lost", "text": "the log could not be written", "dropped": lost}
                self.append(encode(Event.of(EventType.ERROR, data, ts=now(), network=event.network)))
                self._told += lost
        except OSError:
            return

    def append(self, line: bytes) -> None:
        """Append one line, newline included. Raises `OSError`; the line is then counted as dropped."""
        try:
            if self._fd < 0 or time.monotonic() - self._checked > CHECK_SECONDS:
                self._check()
            self._put(line)
            if time.monotonic() - self._checked > LATE_SECONDS and not self._is_current():
                self._check()  # held up, meanwhile the file was put aside and perhaps read to its end
                self._put(line)
        except OSError:
            self.dropped += 1
            raise

    def sync(self) -> None:
        """Wait until the disk has what was written. Raises `OSError`."""
        if self._fd >= 0:
            os.fdatasync(self._fd)

    def _put(self, line: bytes) -> None:
        data = b"\n" + line if self._torn else line
        written = os.write(self._fd, data)
        self._torn = written < len(data)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

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
            self._fd = self._open(self._name, os.O_APPEND | os.O_RDWR)
        if self._is_due():
            self._rotate()

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=self._folder)

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(
                os.fstat(self._fd), os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
            )
        except FileNotFoundError:
            return False

    def _is_due(self) -> bool:
        size = os.fstat(self._fd).st_size
        return size > self._rotation.bytes or (size > 0 and self._age() > self._rotation.seconds)

    def _age(self) -> float:
        """Seconds since the first line was written."""
        return seconds_since(head(self._fd))

    def _rotate(self) -> None:
        """Rename along the chain, unless another process is at it or was faster."""
        lock = self._open(lock_name(self._name), os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._is_current():
                self._write_off()
                for number in range(self._rotation.keep, 0, -1):
                    self._rename(number - 1, number)
            self.close()
            self._fd = self._open(self._name, os.O_APPEND | os.O_RDWR)
        except BlockingIOError:
            return
        finally:
            os.close(lock)

    def _write_off(self) -> None:
        """Note in the ledger which file goes with the next rename, if one does."""
        if self._name != NAME:
            return
        try:
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            oldest = os.open(rotated(self._rotation.keep), flags, dir_fd=self._folder)
        except FileNotFoundError:
            return
        with _closing(oldest):
            lost = Lost(head(oldest), os.fstat(oldest).st_size)
        ledger = self._open(LEDGER, os.O_RDWR | os.O_APPEND)
        with _closing(ledger):
            if os.fstat(ledger).st_size > _LEDGER_BYTES:
                kept = os.pread(ledger, _LEDGER_BYTES, _LEDGER_BYTES // 2).partition(b"\n")[2]
                os.close(self._open(LEDGER, os.O_RDWR | os.O_TRUNC))
                os.write(ledger, kept)
            os.write(ledger, msgspec.json.encode(lost) + b"\n")

    def _rename(self, old: int, new: int) -> None:
        try:
            os.rename(
                rotated(old, self._name),
                rotated(new, self._name),
                src_dir_fd=self._folder,
                dst_dir_fd=self._folder,
            )
        except FileNotFoundError:
            return


@dataclass(frozen=True, slots=True)
class Lost:
    """A file that rotation took away: the id of its first event, and its bytes."""

    head: str
    bytes: int


def rotated(number: int, name: str = NAME) -> str:
    """Name of the file ``number`` rotations old."""
    return f"{name}.{number}" if number else name


def lock_name(name: str = NAME) -> str:
    """Name of the file that is locked while files are renamed."""
    return "rotate.lock" if name == NAME else f".{name}.lock"


def head(file: int, offset: int = 0) -> str:
    """The id of the event whose line begins at ``offset``; empty where none does."""
    line = os.pread(file, _HEAD_BYTES, offset)
    start = line.find(b'"id":"') + 6
    found = line[start : start + 36]
    return found.decode("ascii", "replace") if start > 5 and len(found) == 36 else ""


def seconds_since(event: str) -> float:
    """How long ago an event was written: its id carries the time (RFC 9562 section 5.7); 0 where it is none."""
    try:
        return max(0.0, time.time() - int(event[:13].replace("-", ""), 16) / 1000)
    except ValueError:
        return 0.0


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)
