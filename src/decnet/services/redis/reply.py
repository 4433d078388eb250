"""What a command answers, and its bytes in RESP2 and RESP3 (redis.io/docs/reference/protocol-spec).

A reply is a plain value where one fits: ``bytes`` (bulk string), ``int``, ``float`` (double), ``list`` (array), ``dict``
(map), ``None`` (null), and the classes below for what Python has no value for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

CRLF = b"\r\n"


class Status(bytes):
    """A simple string."""

    __slots__ = ()


class Error(bytes):
    """An error reply: a code, a space, a text."""

    __slots__ = ()


class Raw(bytes):
    """Bytes that are encoded already."""

    __slots__ = ()


class Verbatim(bytes):
    """A text of many lines: a verbatim string in RESP3, a bulk string in RESP2."""

    __slots__ = ()


class Members(list[Any]):
    """A set in RESP3, an array in RESP2."""

    __slots__ = ()


class Push(list[Any]):
    """Data that nobody asked for on this line: a push in RESP3, an array in RESP2."""

    __slots__ = ()


class Replies(list[Any]):
    """Several replies to one command, one after another (SUBSCRIBE)."""

    __slots__ = ()


class NoArray:
    """The null array of RESP2 (``*-1``); a null in RESP3."""


class NoReply:
    """Nothing is sent."""


OK = Status(b"OK")
QUEUED = Status(b"QUEUED")
NO_ARRAY = NoArray()
NO_REPLY = NoReply()


class Refused(Exception):  # noqa: N818 (what the client is told, not a fault)
    """A command ends in this error reply."""

    def __init__(self, text: str | bytes) -> None:
        super().__init__(text)
        self.reply = Error(text.encode() if isinstance(text, str) else text)


class OutputLimit(Exception):  # noqa: N818
    """Replies grew past what one connection may hold; the connection is closed, as redis does past its own limit."""


class Encoder:
    """Collects the bytes of replies for one connection. ``size`` is what was collected since the last `take`."""

    __slots__ = ("limit", "parts", "resp3", "size")

    def __init__(self, limit: int) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.limit = limit
        self.resp3 = False

    def take(self) -> bytes:
        """All bytes so far; starts anew."""
        data = b"".join(self.parts)
        self.parts.clear()
        self.size = 0
        return data

    def add(self, value: Any) -> None:  # noqa: C901, PLR0912 (one branch a type of the protocol)
        """Encode one reply. Raises `OutputLimit`."""
        kind = type(value)
        if kind is bytes:
            self._put(b"$%d\r\n%b\r\n" % (len(value), value))
        elif kind is Status:
            self._put(b"+%b\r\n" % value)
        elif kind is int:
            self._put(b":%d\r\n" % value)
        elif value is None:
            self._put(b"_\r\n" if self.resp3 else b"$-1\r\n")
        elif kind is list or kind is tuple:
            self._sequence(b"*", value)
        elif kind is Error:
            self._put(b"-%b\r\n" % _one_line(value))
        elif kind is Raw:
            self._put(value)
        elif kind is dict:
            self._map(value)
        elif kind is float:
            self._double(value)
        elif kind is str:
            self.add(value.encode())
        elif kind is bool:
            self._put((b"#t\r\n" if value else b"#f\r\n") if self.resp3 else b":%d\r\n" % value)
        elif kind is Members:
            self._sequence(b"~" if self.resp3 else b"*", value)
        elif kind is Push:
            self._sequence(b">" if self.resp3 else b"*", value)
        elif kind is Verbatim:
            self._verbatim(value)
        elif kind is Replies:
            for item in value:
                self.add(item)
        elif kind is NoArray:
            self._put(b"_\r\n" if self.resp3 else b"*-1\r\n")
        elif kind is not NoReply:
            raise TypeError(f"no encoding for {kind.__name__}")

    def _put(self, data: bytes) -> None:
        self.parts.append(data)
        self.size += len(data)
        if self.size > self.limit:
            raise OutputLimit

    def _sequence(self, mark: bytes, items: Any) -> None:
        self._put(b"%b%d\r\n" % (mark, len(items)))
        for item in items:
            self.add(item)

    def _map(self, items: dict[Any, Any]) -> None:
        self._put(b"%%%d\r\n" % len(items) if self.resp3 else b"*%d\r\n" % (2 * len(items)))
        for key, item in items.items():
            self.add(key)
            self.add(item)

    def _double(self, value: float) -> None:
        text = double(value)
        self._put(b",%b\r\n" % text if self.resp3 else b"$%d\r\n%b\r\n" % (len(text), text))

    def _verbatim(self, text: bytes) -> None:
        if self.resp3:
            self._put(b"=%d\r\ntxt:%b\r\n" % (len(text) + 4, text))
        else:
            self._put(b"$%d\r\n%b\r\n" % (len(text), text))


def double(value: float) -> bytes:
    """A double as redis 7.0 and before print it (C's ``%.17g``)."""
    return b"%.17g" % value


def pairs(items: Iterable[tuple[Any, Any]]) -> list[Any]:
    """Pairs as one flat list."""
    return [part for pair in items for part in pair]


def _one_line(text: bytes) -> bytes:
    return text.replace(b"\r", b" ").replace(b"\n", b" ")
