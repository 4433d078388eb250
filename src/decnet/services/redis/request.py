"""Bytes from a client become requests: inline commands and RESP arrays, as networking.c of redis reads them.

Memory is bounded whatever arrives: of one request at most `REQUEST_LIMIT` bytes are kept, the rest is counted and dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ARRAY = ord("*")
INLINE_LIMIT = 64 * 1024
"""PROTO_INLINE_MAX_SIZE: bytes of a line (a command, a count) without its end."""
COUNT_LIMIT = 2**31 - 1
BULK_LIMIT = 512 * 1024 * 1024
"""proto-max-bulk-len's default."""
UNAUTHENTICATED_COUNT = 10
UNAUTHENTICATED_BULK = 16 * 1024
REQUEST_LIMIT = 1024 * 1024
"""Bytes kept of one request, each argument counted with `ARGUMENT_COST` more."""
ARGUMENT_COST = 64


class ProtocolError(Exception):
    """The bytes are no request: the connection is told so and closed."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.reply = b"ERR Protocol error: " + text


@dataclass(slots=True)
class Request:
    """One command with its arguments. ``dropped`` is the number of bytes that were not kept."""

    args: list[bytes] = field(default_factory=list)
    dropped: int = 0


class Parser:
    """An incremental parser. `feed` it bytes, then call `next` until it gives None."""

    __slots__ = ("_buffer", "_bulk", "_kept", "_left", "_position", "_request", "_skip", "trusted")

    def __init__(self) -> None:
        self.trusted = True
        """False while the client has yet to authenticate: then arrays are held short."""
        self._buffer = bytearray()
        self._position = 0
        self._request: Request | None = None
        self._left = 0
        self._bulk = -1
        self._skip = 0
        self._kept = 0

    @property
    def pending(self) -> int:
        """Bytes that wait for the rest of their request."""
        return len(self._buffer) - self._position + self._kept

    def feed(self, data: bytes) -> None:
        """More bytes from the client."""
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        self._buffer += data

    def next(self) -> Request | None:
        """The next complete request, or None until there are more bytes. Raises `ProtocolError`."""
        while True:
            if self._request is None:
                if self._position >= len(self._buffer):
                    return None
                if self._buffer[self._position] != ARRAY:
                    found = self._inline()
                    if found is None or found.args:
                        return found
                    continue
                if not self._count():
                    return None
            done, request = self._arguments()
            if done:
                return request

    def _arguments(self) -> tuple[bool, Request | None]:
        """Read on in an array; whether to stop here, and the request if it is complete."""
        while self._left > 0:
            if not self._argument():
                return True, None
        request, self._request, self._kept = self._request, None, 0
        if self._left < 0 or request is None or not (request.args or request.dropped):
            return False, None
        if not request.args:
            request.args.append(b"")  # even the name was too long to be kept
        return True, request

    def _inline(self) -> Request | None:
        buffer, start = self._buffer, self._position
        end = buffer.find(b"\n", start)
        # The real parser looks for the end with strchr(): a zero byte hides all that follows.
        if end < 0 or buffer.find(b"\0", start, end) >= 0:
            if len(buffer) - start > INLINE_LIMIT:
                raise ProtocolError(b"too big inline request")
            return None
        self._position = end + 1
        line = bytes(buffer[start:end])
        args = split(line.removesuffix(b"\r"))
        if args is None:
            raise ProtocolError(b"unbalanced quotes in request")
        return Request(args)

    def _line(self, too_big: bytes) -> bytes | None:
        buffer, start = self._buffer, self._position
        end = buffer.find(b"\r", start)
        if end < 0:
            if len(buffer) - start > INLINE_LIMIT:
                raise ProtocolError(too_big)
            return None
        if end + 2 > len(buffer):
            return None
        self._position = end + 2
        return bytes(buffer[start:end])

    def _count(self) -> bool:
        line = self._line(b"too big mbulk count string")
        if line is None:
            return False
        count = integer(line[1:])
        if count is None or count > COUNT_LIMIT:
            raise ProtocolError(b"invalid multibulk length")
        if count > UNAUTHENTICATED_COUNT and not self.trusted:
            raise ProtocolError(b"unauthenticated multibulk length")
        self._left = count
        self._request = Request()
        return True

    def _argument(self) -> bool:
        if self._bulk < 0 and not self._bulk_header():
            return False
        if self._skip:
            return self._drop()
        buffer, start = self._buffer, self._position
        end = start + self._bulk
        if len(buffer) < end + 2:
            return False
        request = self._request
        if request is not None:
            request.args.append(bytes(buffer[start:end]))
        self._position = end + 2
        self._bulk = -1
        self._left -= 1
        return True

    def _bulk_header(self) -> bool:
        line = self._line(b"too big bulk count string")
        if line is None:
            return False
        if line[:1] != b"$":
            raise ProtocolError(b"expected '$', got '%b'" % line[:1])
        size = integer(line[1:])
        if size is None or not 0 <= size <= BULK_LIMIT:
            raise ProtocolError(b"invalid bulk length")
        if size > UNAUTHENTICATED_BULK and not self.trusted:
            raise ProtocolError(b"unauthenticated bulk length")
        self._bulk = size
        if self._kept + size + ARGUMENT_COST > REQUEST_LIMIT:
            self._skip = size + 2
            if self._request is not None:
                self._request.dropped += size + 1
        else:
            self._kept += size + ARGUMENT_COST
        return True

    def _drop(self) -> bool:
        taken = min(self._skip, len(self._buffer) - self._position)
        self._position += taken
        self._skip -= taken
        if self._skip:
            return False
        self._bulk = -1
        self._left -= 1
        return True


def integer(text: bytes) -> int | None:
    """A 64-bit integer as redis' string2ll reads it: no sign but ``-``, no zeros in front, no blanks."""
    value = _SMALL.get(text)
    if value is not None:
        return value
    if _INTEGER.fullmatch(text) is None:
        return None
    value = int(text)
    return value if -(2**63) <= value < 2**63 else None


_SMALL = {b"%d" % value: value for value in range(1024)}
"""Nearly all counts and sizes of requests."""
_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")
_BLANK = b" \t\n\v\f\r"
_PLAIN = re.compile(rb"[^\s\"'\0]+")
_ESCAPES = {0x6E: 10, 0x72: 13, 0x74: 9, 0x62: 8, 0x61: 7}
_HEX = re.compile(rb"\\x([0-9a-fA-F]{2})")


def split(line: bytes) -> list[bytes] | None:
    """The words of an inline command (sdssplitargs of redis); None when quotes do not balance."""
    words: list[bytes] = []
    at, end = 0, len(line)
    while True:
        while at < end and line[at] in _BLANK:
            at += 1
        if at >= end:
            return words
        word = bytearray()
        while at < end and line[at] not in _BLANK:
            quote = line[at]
            if quote not in b"\"'":
                plain = _PLAIN.match(line, at)
                if plain is None:
                    return words
                word += plain[0]
                at = plain.end()
                continue
            closed = _quoted(line, at + 1, quote, word)
            if closed < 0 or (closed < end and line[closed] not in _BLANK):
                return None
            at = closed
        words.append(bytes(word))


def _quoted(line: bytes, at: int, quote: int, word: bytearray) -> int:
    """Append what stands between quotes; the place after the closing one, or -1."""
    while at < len(line):
        byte = line[at]
        if byte == quote:
            return at + 1
        following = line[at + 1] if at + 1 < len(line) else -1
        if byte == 0x5C and quote == 0x22 and following >= 0:
            escaped = _HEX.match(line, at)
            if escaped:
                word.append(int(escaped[1], 16))
                at += 4
                continue
            word.append(_ESCAPES.get(following, following))
            at += 2
        elif byte == 0x5C and following == 0x27:
            word.append(0x27)
            at += 2
        else:
            word.append(byte)
            at += 1
    return -1
