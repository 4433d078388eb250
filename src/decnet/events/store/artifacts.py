"""Content on disk, a file a digest: ``artifacts/SHA256`` in the folder of a network's events.

Services write no files. What an event has whole (a mail, a form, of up to 4,096 bytes) is put here when it is taken in,
if its digest says that it is what went over the wire; what is larger is known by its digest and size only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from decnet.events.store.record import Record

FOLDER = "artifacts"
MOST = 50_000
"""Files of one network: an attacker must not fill the disk with small ones."""
_WHERE = (("content", "sha256"), ("body", "body_sha256"))
_ESCAPE = re.compile(r"\\(?:([nrt])|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
_SHORT = {"n": b"\n", "r": b"\r", "t": b"\t"}
_DIGEST = re.compile(r"[0-9a-f]{64}")


def content(data: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """The digest and the content that an event has whole; None when it has none, or a part of it."""
    for name, digest in _WHERE:
        text, wanted = data.get(name), data.get(digest)
        if isinstance(text, str) and isinstance(wanted, str) and text:
            found = unescaped(text)
            if hashlib.sha256(found).hexdigest() == wanted:
                return wanted, found
    return None


def unescaped(text: str) -> bytes:
    """What `decnet.events.safe_text` may have been given. It does not escape its own sign, so the digest decides."""
    parts, end = [], 0
    for match in _ESCAPE.finditer(text):
        parts += [text[end : match.start()].encode("utf-8", "surrogatepass"), _byte(match)]
        end = match.end()
    return b"".join([*parts, text[end:].encode("utf-8", "surrogatepass")])


def _byte(match: re.Match[str]) -> bytes:
    short, byte, *wide = match.groups()
    if short:
        return _SHORT[short]
    if byte:
        return bytes.fromhex(byte)
    code = int(wide[0] or wide[1], 16)
    return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else match[0].encode()


class Cabinet:
    """The files of a network, within the open folder of its events. Everything it does is by descriptor, no link followed.

    What cannot be written is left: the event still has it.
    """

    def __init__(self, events: int) -> None:
        self._events = events
        self._folder = -1
        self._count = 0

    def keep(self, records: Iterable[Record]) -> None:
        """Write the content that these events have whole, what is there already not again."""
        for one in records:
            found = content(one.data) if "content" in one.data or "body" in one.data else None
            if found is not None:
                with contextlib.suppress(OSError):
                    self._write(*found)

    def remove(self, digests: Iterable[str]) -> None:
        """Remove files; those that are not there are passed over."""
        if not self._opened(make=False):
            return
        for digest in filter(_DIGEST.fullmatch, digests):
            with contextlib.suppress(OSError):
                os.unlink(digest, dir_fd=self._folder)
                self._count -= 1

    def close(self) -> None:
        """Let go of the folder."""
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def _write(self, digest: str, data: bytes) -> None:
        if not self._opened(make=True) or self._count >= MOST:
            return
        fresh = f".{digest}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with contextlib.suppress(FileNotFoundError):
            if os.stat(digest, dir_fd=self._folder, follow_symlinks=False).st_size == len(data):
                return
        handle = os.open(fresh, flags, 0o600, dir_fd=self._folder)
        try:
            written = os.write(handle, data)
        finally:
            os.close(handle)
        if written < len(data):
            os.unlink(fresh, dir_fd=self._folder)
            return
        os.rename(fresh, digest, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._count += 1

    def _opened(self, *, make: bool) -> bool:
        if self._folder >= 0:
            return True
        with contextlib.suppress(OSError):
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(FOLDER, 0o700, dir_fd=self._events)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            self._folder = os.open(FOLDER, flags, dir_fd=self._events)
            self._count = len(os.listdir(self._folder))  # noqa: PTH208 (by a descriptor)
        return self._folder >= 0
