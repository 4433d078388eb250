"""The event log as a queue: one reader's place in it, across rotations, restarts and what rotation took away.

A place is a file and an offset in it. A file is known by its inode and the id of its first event, for an inode is used
again. Files that are not read yet are kept open, so that rotation is noticed and what it takes can be counted.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from decnet.events.file import LATE_SECONDS, LEDGER, NAME, Lost, head, lock_name, rotated, seconds_since

_CHUNK = 256 * 1024
LINE_LIMIT = 4 * 1024 * 1024
"""Bytes after which a line without an end is given up: no event is as large."""
_LOCK_SECONDS = 1.0
_LEDGER_LIMIT = 1 << 20


class Place(msgspec.Struct, frozen=True):
    """What is saved of a reader: the file and offset up to which all is delivered, and what it came to so far."""

    inode: int = 0
    head: str = ""
    offset: int = 0
    last: str = ""
    """Id of the last event delivered."""
    sent: int = 0
    dropped: int = 0
    dropped_bytes: int = 0


class Mark(NamedTuple):
    """A place that reading has come to. ``lines`` counts what was read since the reader began."""

    file: int
    offset: int
    lines: int
    last: str


class Entry(NamedTuple):
    """A line of the log without its newline, and the mark behind it."""

    line: bytes
    mark: Mark


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is waiting: lines, bytes, and the seconds since the oldest of them was written."""

    events: int
    bytes: int
    oldest: float


@dataclass(slots=True)
class _File:
    fd: int
    inode: int
    head: str
    number: int = 0
    """Counts the files a reader has adopted, oldest first."""
    base: int = 0
    """Lines read before this file, once reading has come to it."""
    counted: int = 0
    """Offset up to which lines were counted, and how many there were: what `Spool.backlog` knows already."""
    lines: int = 0
    left_at: float = 0.0
    """When it was first seen that another file has taken its place; 0 while it is written to."""

    @property
    def size(self) -> int:
        return os.fstat(self.fd).st_size

    @property
    def gone(self) -> bool:
        return os.fstat(self.fd).st_nlink == 0

    @property
    def finished(self) -> bool:
        """Nobody writes to it any more: long enough ago that it was renamed (ctime), or that we saw it."""
        if not self.left_at:
            return False
        seen = time.monotonic() - self.left_at
        return seen > LATE_SECONDS or time.time() - os.fstat(self.fd).st_ctime > LATE_SECONDS


class Spool:
    """One reader of the event log in a folder. One thread reads; another may ask for `backlog` and `place`.

    Its methods raise `OSError` when the folder cannot be read.
    """

    def __init__(self, folder: int, place: Place | None = None, *, history: bool = True) -> None:
        """Go on from a saved place; without one, from the oldest event kept, or else from what comes next."""
        self._folder = folder
        self._files: list[_File] = []
        self._adopted = 0
        self._lock = threading.Lock()
        self._saved = place or Place()
        self._settled = self._at = Mark(0, 0, 0, self._saved.last)
        self._confirmed = 0
        """Lines that are accounted for, as delivered or not. Less than those settled after a file was given up."""
        self._rest = b""
        self._begin(place, history=history)

    def close(self) -> None:
        """Close every file."""
        with self._lock:
            for file in self._files:
                os.close(file.fd)
            self._files.clear()

    @property
    def place(self) -> Place:
        """Where delivery is, to be saved."""
        with self._lock:
            file = next((f for f in self._files if f.number == self._settled.file), None)
            if file is None:
                return self._saved
            file.head = file.head or head(file.fd)
            return msgspec.structs.replace(
                self._saved,
                inode=file.inode,
                head=file.head,
                offset=self._settled.offset,
                last=self._settled.last,
            )

    def read(self, events: int, size: int) -> list[Entry]:
        """The next lines, at most this many and about this many bytes; none when there are none yet."""
        found: list[Entry] = []
        with self._lock:
            self._look()
            while len(found) < events and size > 0 and self._fill():
                more = self._split(events - len(found), size)
                size -= sum(len(entry.line) for entry in more)
                found += more
        return found

    def settle(self, mark: Mark, delivered: int) -> None:
        """All up to a mark is done with: ``delivered`` lines of it; the others were no events, and count as dropped."""
        with self._lock:
            lines = mark.lines - self._confirmed
            self._count_in(sent=delivered, dropped=max(0, lines - delivered))
            self._confirmed = mark.lines
            if mark.lines > self._settled.lines or mark.file > self._settled.file:
                self._settled = mark
            while self._files and self._files[0].number < self._settled.file:
                os.close(self._files.pop(0).fd)

    def rewind(self) -> None:
        """Read again from what was settled last. What was given up meanwhile cannot be: it is dropped."""
        with self._lock:
            self._count_in(dropped=max(0, self._settled.lines - self._confirmed))
            self._confirmed = max(self._confirmed, self._settled.lines)
            self._at = self._settled
            self._rest = b""

    def look(self) -> None:
        """Notice what was rotated, without reading."""
        with self._lock:
            self._look()

    def backlog(self) -> Backlog:
        """What is not settled yet. Counts each byte of the log once, however often it is asked."""
        with self._lock:
            number, offset, done, _ = self._settled
            files = [replace(f, fd=os.dup(f.fd)) for f in self._files if f.number >= number]
        events = size = 0
        oldest = 0.0
        for file in files:
            with _closing(file.fd):
                start = offset if file.number == number else 0
                end = file.size
                if end > start and not size:
                    oldest = seconds_since(head(file.fd, start))
                size += max(0, end - start)
                total = file.lines + _lines(file.fd, file.counted, end)
                events += total - (done - file.base if file.number == number else 0)
                self._remember(file.number, end, total)
        return Backlog(max(0, events) if size else 0, size, oldest)

    def _remember(self, number: int, counted: int, lines: int) -> None:
        with self._lock:
            for file in self._files:
                if file.number == number and file.counted <= counted:
                    file.counted, file.lines = counted, lines

    # What follows is called with the lock held, or before anybody else has the object.

    def _begin(self, place: Place | None, *, history: bool) -> None:
        chain, _ = self._chain()
        if place is None and not history:
            self._adopt(chain[-1:], chain, chain[-1].size if chain else 0)
        elif place is None or not place.inode:
            self._adopt(chain, chain)
        else:
            known = next((i for i, file in enumerate(chain) if _same(file, place)), None)
            if known is None:
                self._count_missing(place, chain)
                self._adopt([file for file in chain if not file.head or file.head > place.head], chain)
            else:
                self._adopt(chain[known:], chain, min(place.offset, chain[known].size))

    def _adopt(self, files: list[_File], out_of: list[_File], offset: int = 0) -> None:
        """Put files at the end of the queue and close the others; of the very first, ``offset`` bytes are done."""
        for file in out_of:
            if file not in files:
                os.close(file.fd)
        first = not self._files
        for file in files:
            file.number = self._adopted
            self._adopted += 1
        self._files += files
        if first and files:
            files[0].counted, files[0].base = offset, self._at.lines
            self._settled = self._at = Mark(files[0].number, offset, self._at.lines, self._at.last)

    def _chain(self, until: _File | None = None) -> tuple[list[_File], bool]:
        """The files there are, oldest first: those after ``until``, and whether that is among them.

        One number may have no file: who renames without our lock has put it aside, and the next is not there yet.
        """
        found: list[_File] = []
        number = missing = 0
        with _renaming_held(self._folder):
            while missing < 2:
                file = _open(self._folder, rotated(number))
                number += 1
                if file is None:
                    missing += 1
                elif until is not None and file.inode == until.inode:
                    os.close(file.fd)
                    return found[::-1], True
                elif found and file.inode == found[-1].inode:  # it was renamed between two looks
                    os.close(file.fd)
                else:
                    found.append(file)
        return found[::-1], False

    def _look(self) -> None:
        """Notice new files, and files that rotation has taken away."""
        newest = self._files[-1] if self._files else None
        try:
            current = os.stat(NAME, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        if newest is None or current.st_ino != newest.inode:
            fresh, found = self._chain(newest)
            if (
                newest is not None and not found
            ):  # somebody else renamed or removed it; older ones are read already
                newest.head = newest.head or head(newest.fd)
                new = [file for file in fresh if not file.head or file.head > newest.head]
            else:
                new = fresh
            self._adopt(new, fresh)
        for file in self._files[:-1]:
            file.left_at = file.left_at or time.monotonic()
        while len(self._files) > 1 and self._files[0].gone:
            self._give_up(self._files[0], self._files[1])

    def _give_up(self, file: _File, following: _File) -> None:
        """Let go of a file that has no name any more: the log's bound holds for readers, too."""
        if self._at.file == file.number:
            offset = self._at.offset
            self._count_in(
                dropped=_lines(file.fd, offset, file.size), dropped_bytes=max(0, file.size - offset)
            )
            following.base = self._at.lines
            self._at = Mark(following.number, 0, self._at.lines, self._at.last)
            self._rest = b""
        if self._settled.file == file.number:
            self._settled = Mark(following.number, 0, following.base, self._settled.last)
        os.close(file.fd)
        self._files.remove(file)

    def _count_in(self, *, sent: int = 0, dropped: int = 0, dropped_bytes: int = 0) -> None:
        self._saved = msgspec.structs.replace(
            self._saved,
            sent=self._saved.sent + sent,
            dropped=self._saved.dropped + dropped,
            dropped_bytes=self._saved.dropped_bytes + dropped_bytes,
        )

    def _count_missing(self, place: Place, chain: list[_File]) -> None:
        """Count what went while nobody looked, by the ledger: bytes only, for the lines are gone."""
        oldest = next((file.head for file in chain if file.head), "~")
        for lost in _ledger(self._folder):
            if lost.head == place.head:
                self._count_in(dropped_bytes=max(0, lost.bytes - place.offset))
            elif place.head < lost.head < oldest:
                self._count_in(dropped_bytes=lost.bytes)

    def _fill(self) -> bool:
        """Whether there is a whole line in hand, after reading on if there was none."""
        while b"\n" not in self._rest and self._files:
            position = next(i for i, file in enumerate(self._files) if file.number == self._at.file)
            file = self._files[position]
            finished = position + 1 < len(self._files) and file.finished
            chunk = os.pread(file.fd, _CHUNK, self._at.offset + len(self._rest))
            self._rest += chunk
            if b"\n" in chunk:
                break
            if len(self._rest) > LINE_LIMIT or (finished and not chunk and self._rest):
                self._skip(len(self._rest))
            elif not chunk and not finished:
                return False
            elif not chunk:
                following = self._files[position + 1]
                following.base = self._at.lines
                self._at = Mark(following.number, 0, self._at.lines, self._at.last)
        return bool(self._files)

    def _skip(self, size: int) -> None:
        """Pass over what is no line: a torn event."""
        number, offset, lines, last = self._at
        self._at = Mark(number, offset + size, lines + 1, last)
        self._rest = b""

    def _split(self, events: int, size: int) -> list[Entry]:
        number, offset, lines, last = self._at
        found: list[Entry] = []
        begin = 0
        while len(found) < events and size > 0 and (end := self._rest.find(b"\n", begin)) >= 0:
            line = self._rest[begin:end]
            begin, lines, size = end + 1, lines + 1, size - len(line)
            last = line[7:43].decode("ascii", "replace") if line.startswith(b'{"id":"') else last
            found.append(Entry(line, Mark(number, offset + begin, lines, last)))
        self._rest = self._rest[begin:]
        self._at = Mark(number, offset + begin, lines, last)
        return found


def _same(file: _File, place: Place) -> bool:
    return file.inode == place.inode and (file.head == place.head or not place.head)


def _open(folder: int, name: str) -> _File | None:
    """A file of the log, or None when there is none of this name. A link or a pipe in its place is none."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        return None
    return _File(fd, status.st_ino, head(fd))


def _lines(fd: int, start: int, end: int) -> int:
    """Line ends between two offsets."""
    count = 0
    while start < end and (chunk := os.pread(fd, min(_CHUNK, end - start), start)):
        count += chunk.count(b"\n")
        start += len(chunk)
    return count


def _ledger(folder: int) -> Iterator[Lost]:
    """What the ledger says; a line that says nothing is passed over."""
    file = _open(folder, LEDGER)
    if file is None:
        return
    with _closing(file.fd):
        lines = os.pread(file.fd, _LEDGER_LIMIT, 0).splitlines()
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError):
            yield msgspec.json.decode(line, type=Lost)


@contextlib.contextmanager
def _renaming_held(folder: int) -> Iterator[None]:
    """Keep writers from renaming while the chain is walked; not for ever, whoever else may hold the lock."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        lock = os.open(lock_name(), flags, 0o600, dir_fd=folder)
    except OSError:  # a full disk, a folder for reading only: the walk is as good as it can be
        yield
        return
    with _closing(lock):
        deadline = time.monotonic() + _LOCK_SECONDS
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.005)
        yield


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)
