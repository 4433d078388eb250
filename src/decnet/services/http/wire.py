"""Reading requests off a connection, within bounds and with the leniency of the server that is claimed.

The grammar is RFC 9112; what differs between servers (bare LF, runs of spaces, folded fields, line limits) comes from
`Rules`. A stricter parser than the real server's would give the decoy away as surely as a laxer one.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass

from decnet.services.http.message import Body, Head, Refused

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes of a body that are read; the rest is left and the connection closed."""
SAMPLE = 64 * 1024
"""Bytes of a body that are kept: forms and JSON are parsed from these."""
READ = 16 * 1024
PIPELINED_REST = 0.001
"""Seconds for which a client that did not wait for its answer lets others go first."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(r"HTTP/(\d)\.(\d)")


class Closed(Exception):  # noqa: N818 (how a conversation ends, not a fault)
    """The peer closed, between requests or within one."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a server takes and how much of it. Sizes in bytes, times in seconds, 0 is no limit.

    ``idle`` is the wait for a next request, ``head`` for the rest of one; ``requests`` the most on one connection.
    """

    line: int
    field: int
    fields: int = 0
    header: int = 0
    body: int = 0
    idle: float = 5
    head: float = 20
    requests: int = 0
    blank: int = 100
    """Empty lines skipped before a request line (RFC 9112 section 2.2 asks for one at least)."""
    line_status: int = 414
    field_status: int = 400
    bare_lf: bool = True
    spaces: bool = False
    folding: bool = False
    no_colon: bool = False
    """A line without a colon is skipped."""
    space_before_colon: bool = False
    simple: bool = True
    """HTTP/0.9 is served."""
    methods: str = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    major: int = 9
    """The highest major version that is served; above it the answer is 505."""


class Wire:
    """One connection's incoming bytes."""

    def __init__(self, reader: asyncio.StreamReader, rules: Rules) -> None:
        self._reader = reader
        self._rules = rules
        self._buffer = bytearray()

    async def wait(self) -> None:
        """Return when the first byte of a request is there. Raises `Closed`."""
        if self._buffer:
            await asyncio.sleep(PIPELINED_REST)
        else:
            await self._more()

    async def head(self) -> Head:
        """The next request's head. Raises `Refused` or `Closed`."""
        rules = self._rules
        line = b""
        for _ in range(rules.blank + 1):
            line = await self._line(rules.line, rules.line_status, "line-too-long")
            if line.strip(b"\r\n"):
                break
        method, target, version = parse_request_line(self._ended(line), rules)
        if version < (1, 0):
            return Head(method, target, version)
        return Head(method, target, version, tuple(await self._fields()))

    async def _fields(self) -> list[tuple[str, str]]:
        rules = self._rules
        fields: list[tuple[str, str]] = []
        total = 0
        while True:
            raw = await self._line(rules.field, rules.field_status, "field-too-long")
            total += len(raw)
            if rules.header and total > rules.header:
                raise Refused(rules.field_status, "field-too-long")
            line = self._ended(raw)
            if not line:
                return fields
            if "\0" in line or "\r" in line:
                raise Refused(400, "field", line)
            if line[0] in " \t":
                if not (rules.folding and fields):
                    raise Refused(400, "field", line)
                name, value = fields[-1]
                fields[-1] = (name, f"{value} {line.strip()}")
                continue
            parsed = _field(line, rules)
            if parsed is not None:
                fields.append(parsed)
            if rules.fields and len(fields) > rules.fields:
                raise Refused(400, "too-many-fields")

    def _ended(self, line: bytes) -> str:
        if line.endswith(b"\r\n"):
            return line[:-2].decode("latin-1")
        if not self._rules.bare_lf:
            raise Refused(400, "line")
        return line[:-1].decode("latin-1")

    async def body(self, head: Head) -> Body:
        """The request's body, read to its end. Raises `Refused` or `Closed`."""
        sink = _Sink()
        if head.get("transfer-encoding"):
            await self._chunks(sink)
        else:
            left = int(head.get("content-length") or 0)
            if left > BODY_LIMIT:
                raise Refused(413, "body")
            await self._take(left, sink)
        return sink.body()

    async def _chunks(self, sink: _Sink) -> None:
        """RFC 9112 section 7.1; trailers are read and dropped."""
        while True:
            line = (await self._line(self._rules.field, 400, "chunk")).split(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", line):
                raise Refused(400, "chunk")
            size = int(line, 16)
            if not size:
                break
            if sink.size + size > BODY_LIMIT:
                raise Refused(413, "body")
            await self._take(size, sink)
            await self._line(2, 400, "chunk")
        for _ in range(100):
            if not (await self._line(self._rules.field, 400, "chunk")).strip(b"\r\n"):
                return
        raise Refused(400, "chunk")

    async def _take(self, count: int, sink: _Sink) -> None:
        while count:
            if not self._buffer:
                await self._more()
            taken = bytes(self._buffer[:count])
            del self._buffer[: len(taken)]
            sink.add(taken)
            count -= len(taken)

    async def _line(self, limit: int, status: int, key: str) -> bytes:
        """Bytes up to and with the next LF. Raises `Refused` when none comes within ``limit`` bytes."""
        seen = 0
        while (end := self._buffer.find(b"\n", seen)) < 0:
            seen = len(self._buffer)
            if seen > limit:
                raise Refused(status, key)
            await self._more()
        if end > limit + 1:
            raise Refused(status, key)
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    async def _more(self) -> None:
        data = await self._reader.read(READ)
        if not data:
            raise Closed
        self._buffer += data


class _Sink:
    """Where a body goes: hashed whole, kept in part."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self._hash.update(data)
        self._kept += data[: SAMPLE - len(self._kept)]

    def body(self) -> Body:
        return Body(bytes(self._kept), self.size, self._hash.hexdigest() if self.size else "")


def parse_request_line(line: str, rules: Rules) -> tuple[str, str, tuple[int, int]]:
    """Method, target and version; version (0, 9) for a line without one. Raises `Refused`."""
    words = line.split() if rules.spaces else line.split(" ")
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in line):
        raise Refused(400, "line", line)
    if not re.fullmatch(rules.methods, words[0]):
        raise Refused(400, "method", line)
    if len(words) == 2 and rules.simple and words[0] == "GET" and words[1]:
        return words[0], words[1], (0, 9)
    if len(words) != 3 or not words[1]:
        raise Refused(400, "line", line)
    version = _VERSION.fullmatch(words[2])
    if version is None:
        raise Refused(400, "protocol", words[2])
    major, minor = int(version[1]), int(version[2])
    if major > rules.major:
        if not words[1].startswith(("/", "http:", "https:")):
            raise Refused(400, "target", words[1])
        raise Refused(505, "version")
    if major < 1:
        raise Refused(400, "protocol", words[2])
    return words[0], words[1], (major, minor)


def _field(line: str, rules: Rules) -> tuple[str, str] | None:
    name, colon, value = line.partition(":")
    if not colon and rules.no_colon and " " not in line:
        return None
    if rules.space_before_colon:
        name = name.rstrip(" \t")
    if not colon or not _TOKEN.fullmatch(name):
        raise Refused(400, "field", line)
    return name, value.strip(" \t")
