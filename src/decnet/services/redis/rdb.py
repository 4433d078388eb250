"""Values as redis serialises them (RDB version 10, in its plain encodings), for DUMP, RESTORE and replicas."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from decnet.services.redis.dataset import Database, Set, SortedSet
from decnet.services.redis.request import integer

VERSION = 10
CHECKED = 256 * 1024
"""Bytes up to which a payload is checksummed: it takes 60 ns a byte."""
COUNT_LIMIT = 1 << 20
_POLYNOMIAL = 0x95AC9329AC4BC9B5
"""CRC-64-Jones, reflected."""


def _table() -> list[int]:
    rows = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        rows.append(crc)
    return rows


_CRC = _table()


def crc64(data: bytes) -> int:
    """The checksum at the end of a payload."""
    crc = 0
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def dump(value: Any) -> bytes | None:
    """What DUMP answers; None for what has no plain encoding (streams) or is larger than `CHECKED`."""
    body = _body(value)
    if body is None or len(body[1]) > CHECKED:
        return None
    payload = bytes([body[0]]) + body[1] + struct.pack("<H", VERSION)
    return payload + struct.pack("<Q", crc64(payload))


def snapshot(databases: Iterable[Database], version: str) -> bytes:
    """A whole RDB file; its checksum is zero, which says that there is none."""
    parts = [b"REDIS%04d" % VERSION]
    for name, told in ((b"redis-ver", version.encode()), (b"redis-bits", b"64")):
        parts += [b"\xfa", _string(name), _string(told)]
    for database in databases:
        keys = list(database.present())
        if keys:
            parts += [
                b"\xfe",
                _length(database.number),
                b"\xfb",
                _length(len(keys)),
                _length(len(database.expires)),
            ]
        for key in keys:
            body = _body(database.values[key])
            if body is not None:
                if key in database.expires:
                    parts.append(b"\xfc" + struct.pack("<q", database.expires[key]))
                parts += [bytes([body[0]]), _string(key), body[1]]
    return b"".join(parts) + b"\xff" + bytes(8)


def _body(value: Any) -> tuple[int, bytes] | None:
    if isinstance(value, bytes):
        return 0, _string(value)
    if isinstance(value, list):
        return 1, _length(len(value)) + b"".join(map(_string, value))
    if isinstance(value, Set):
        return 2, _length(len(value)) + b"".join(map(_string, value))
    if isinstance(value, SortedSet):
        pairs = (_string(member) + struct.pack("<d", score) for score, member in value.order)
        return 5, _length(len(value)) + b"".join(pairs)
    if isinstance(value, dict):
        return 4, _length(len(value)) + b"".join(_string(k) + _string(v) for k, v in value.items())
    return None


def _length(size: int) -> bytes:
    if size < 64:
        return bytes([size])
    if size < 16384:
        return struct.pack(">H", 0x4000 | size)
    return b"\x80" + struct.pack(">I", size)


def _string(text: bytes) -> bytes:
    number = integer(text) if len(text) <= 11 else None
    if number is not None:
        for mark, form, bits in ((0xC0, "<b", 7), (0xC1, "<h", 15), (0xC2, "<i", 31)):
            if -(1 << bits) <= number < 1 << bits:
                return bytes([mark]) + struct.pack(form, number)
    return _length(len(text)) + text


def checks(payload: bytes) -> bool:
    """Is the end of a DUMP payload right: a version that is not newer, and the checksum."""
    if len(payload) < 10 or len(payload) > CHECKED + 16:
        return False
    version, crc = struct.unpack("<HQ", payload[-10:])
    return bool(version <= VERSION and crc == crc64(payload[:-8]))


def load(payload: bytes) -> Any:
    """The value of a payload whose end was checked. Raises `ValueError` for bad data and for packed encodings."""
    reader = _Reader(payload[1:-10])
    make = _LOAD.get(payload[0])
    if make is None:
        raise ValueError(payload[0])
    value = make(reader)
    if reader.data or (not value and value != b""):
        raise ValueError("bytes left")
    return value


class _Reader:
    """Takes lengths and strings off the front."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, size: int) -> bytes:
        if size > len(self.data):
            raise ValueError(size)
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def length(self) -> tuple[int, bool]:
        """A length, and whether it is the mark of a packed string instead."""
        first = self.take(1)[0]
        kind, low = first >> 6, first & 63
        if kind == 0:
            return low, False
        if kind == 1:
            return low << 8 | self.take(1)[0], False
        if kind == 3:
            return low, True
        return int.from_bytes(self.take(4 if first == 0x80 else 8), "big"), False

    def string(self) -> bytes:
        size, packed = self.length()
        if not packed:
            return self.take(size)
        if size in {0, 1, 2}:
            return b"%d" % int.from_bytes(self.take(1 << size), "little", signed=True)
        if size != 3:
            raise ValueError(size)
        (compressed, _), (plain, _) = self.length(), self.length()
        return expand(self.take(compressed), plain)

    def strings(self, each: int = 1) -> Iterator[bytes]:
        size, packed = self.length()
        if packed or size > COUNT_LIMIT:
            raise ValueError(size)
        for _ in range(size * each):
            yield self.string()

    def scores(self) -> Iterator[tuple[bytes, float]]:
        size, packed = self.length()
        if packed or size > COUNT_LIMIT:
            raise ValueError(size)
        for _ in range(size):
            member = self.string()
            score = struct.unpack("<d", self.take(8))[0]
            if math.isnan(score):  # sorts nowhere
                raise ValueError(score)
            yield member, score


def _hash(reader: _Reader) -> dict[bytes, bytes]:
    words = list(reader.strings(2))
    return dict(zip(words[::2], words[1::2], strict=True))


_LOAD: dict[int, Callable[[_Reader], Any]] = {
    0: _Reader.string,
    1: lambda reader: list(reader.strings()),
    2: lambda reader: Set(dict.fromkeys(reader.strings())),
    4: _hash,
    5: lambda reader: SortedSet(reader.scores()),
}


def expand(data: bytes, size: int) -> bytes:
    """LZF, as redis packs strings. Raises `ValueError`."""
    out, at = bytearray(), 0
    if size > CHECKED * 4:
        raise ValueError(size)
    try:
        while at < len(data) and len(out) <= size:
            control = data[at]
            at += 1
            if control < 32:
                out += data[at : at + control + 1]
                at += control + 1
                continue
            run = control >> 5
            if run == 7:
                run += data[at]
                at += 1
            start = len(out) - ((control & 31) << 8) - data[at] - 1
            at += 1
            if start < 0:
                raise ValueError(start)
            for place in range(start, start + run + 2):
                out.append(out[place])
    except IndexError:
        raise ValueError("torn") from None
    if len(out) != size:
        raise ValueError(len(out))
    return bytes(out)
