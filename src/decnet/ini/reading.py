"""Reading files that may be anything: bounded, never blocking, text or a problem."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from decnet.errors import Problem, Span
from decnet.ini.lexer import split_lines
from decnet.ini.names import escape, visible

MAX_BYTES = 16 * 1024 * 1024
MAX_LINES = 500_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Unreadable(Exception):  # noqa: N818 (never leaves the package)
    """A file cannot be used; ``problem`` says why."""

    def __init__(self, code: str, message: str, span: Span, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(code, message, span, hint)


def read_text(path: Path, where: Span, limit: int = MAX_BYTES) -> str:
    """The text of a regular file: UTF-8 (a BOM is dropped), no control characters but tab and line ends.

    ``where`` is the place to blame when the file cannot be opened; a wrong byte is shown where it stands.
    Raises `Unreadable`.
    """
    data = _read(path, where, limit)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("bad-encoding", f"{visible(str(path))} is UTF-16", where, "save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _undecodable(path, data, error) from None
    if text.count("\n") + text.count("\r") > MAX_LINES:
        raise Unreadable("too-large", f"{visible(str(path))} has more than {MAX_LINES} lines", where)
    control = _CONTROL.search(text)
    if control:
        span = _place(path, text, control.start())
        message = f"the character {escape(control[0])} does not belong in a text file"
        raise Unreadable("bad-encoding", message, span, "remove it, or give the right file")
    return text


def _read(path: Path, where: Span, limit: int) -> bytes:
    name = visible(str(path))
    try:
        # Non-blocking: a FIFO without a writer must not hold us, nor a terminal become ours.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        raise Unreadable("unreadable", f"there is no file {name}", where) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unreadable("unreadable", f"cannot open {name}: {reason}", where) from None
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "no regular file"
            raise Unreadable("unreadable", f"{name} is {kind}", where)
        data = _all(handle, limit)
    except OSError as error:
        raise Unreadable("unreadable", f"cannot read {name}: {error.strerror}", where) from None
    finally:
        os.close(handle)
    if len(data) > limit:
        amount = f"{limit // 1024 // 1024} MB" if limit >= 1024 * 1024 else f"{limit // 1024} KB"
        raise Unreadable("too-large", f"{name} is larger than {amount}", where)
    return data


def _all(handle: int, limit: int) -> bytes:
    """What an open file holds, one byte past the limit at most. A short read is no end: /proc has such files."""
    chunks: list[bytes] = []
    left = limit + 1
    while left and (chunk := os.read(handle, left)):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _undecodable(path: Path, data: bytes, error: UnicodeDecodeError) -> Unreadable:
    text = data[: error.start].decode("utf-8-sig")
    rest = data[error.start :].split(b"\n", 1)[0].decode("utf-8", "backslashreplace")
    span = _place(path, text + rest, len(text))
    message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
    return Unreadable("bad-encoding", message, span, "save the file as UTF-8")


def _place(path: Path, text: str, at: int) -> Span:
    before = split_lines(text[:at])
    line = before[-1] + split_lines(text[at : at + 500])[0]
    return Span(str(path), len(before), len(before[-1]) + 1, 1, line if len(line) < 2000 else "")
