"""Files that a visitor left behind, as the engine hands them over: kept by the digest of their content, once each.

They come as archives of one file (tar), in pieces, each after its path. Links, devices and folders are passed over;
nothing is followed, and nothing is run.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from decnet.events import event_id

FOLDER = "artifacts"
"""Below the folder of events; made by the privileged side."""
PATH, PIECE, END = b"P", b"D", b"E"
"""What a message begins with: the path of a file that comes, a piece of its archive, its end."""
LARGEST = 32 << 20
_SLACK = 1 << 20


class Upload(NamedTuple):
    """A file that was found. ``artifact`` is where it is kept below the events folder; empty where it is not."""

    path: bytes
    size: int
    sha256: str
    mode: int
    artifact: str


@dataclass(slots=True)
class Room:
    """Bytes that one service may still have kept: a visitor must not fill the disk of the host."""

    left: int = 1 << 30


class Artifacts:
    """Takes what comes from one source, message by message."""

    def __init__(self, folder: int, room: Room) -> None:
        self._folder, self.room = folder, room
        self._path = b""
        self._held = bytearray()

    def take(self, message: bytes) -> Iterator[Upload]:
        """A file, when a message was the last of it."""
        kind, rest = message[:1], message[1:]
        if kind == PATH:
            self._path, self._held = rest, bytearray()
        elif kind == PIECE and len(self._held) + len(rest) <= LARGEST + _SLACK:
            self._held += rest
        elif kind == END:
            held, self._held = bytes(self._held), bytearray()
            with contextlib.suppress(tarfile.TarError, EOFError, ValueError, OSError):
                yield from self._found(held)

    def _found(self, held: bytes) -> Iterator[Upload]:
        with tarfile.open(fileobj=io.BytesIO(held), mode="r:") as archive:
            member = archive.next()
            if member is None or not member.isreg() or member.size > LARGEST:
                return
            content = archive.extractfile(member)
            data = content.read() if content else b""
        digest = hashlib.sha256(data).hexdigest()
        yield Upload(self._path, len(data), digest, member.mode & 0o7777, self._kept(digest, data))

    def _kept(self, digest: str, data: bytes) -> str:
        """Whole under its name, or not at all."""
        path, beside = f"{FOLDER}/{digest}", f"{FOLDER}/.{event_id()}"
        with contextlib.suppress(OSError):
            os.stat(path, dir_fd=self._folder, follow_symlinks=False)
            return path
        if len(data) > self.room.left:
            return ""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            fd = os.open(beside, flags, 0o600, dir_fd=self._folder)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(fd, view) :]
            finally:
                os.close(fd)
            os.replace(beside, path, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError:  # a full disk
            return ""
        self.room.left -= len(data)
        return path
