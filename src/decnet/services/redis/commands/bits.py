"""Strings as arrays of bits: SETBIT, BITCOUNT, BITPOS, BITOP, BITFIELD."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option
from decnet.services.redis.reply import Refused
from decnet.services.redis.table import command

STRING_LIMIT = 512 * 1024 * 1024
BIT_OFFSET = "ERR bit offset is not an integer or out of range"


def _offset(text: bytes) -> int:
    offset = number(text, BIT_OFFSET)
    if not 0 <= offset < STRING_LIMIT * 8:
        raise Refused(BIT_OFFSET)
    return offset


@command("setbit")
def setbit(call: Call) -> Any:
    offset = _offset(call.args[2])
    if call.args[3] not in {b"0", b"1"}:
        raise Refused("ERR bit is not an integer or out of range")
    value = call.find(bytes) or b""
    size = offset // 8 + 1
    call.state.dataset.room(max(0, size - len(value)))
    bits = bytearray(value.ljust(size, b"\0"))
    mask = 0x80 >> offset % 8
    old = 1 if bits[offset // 8] & mask else 0
    if call.args[3] == b"1":
        bits[offset // 8] |= mask
    else:
        bits[offset // 8] &= ~mask
    call.db.put(call.key, bytes(bits), keep_ttl=True)
    return old


@command("getbit")
def getbit(call: Call) -> Any:
    offset = _offset(call.args[2])
    value = call.find(bytes) or b""
    return 1 if offset // 8 < len(value) and value[offset // 8] & (0x80 >> offset % 8) else 0


def _span(call: Call, start: int, end: int, size: int) -> tuple[int, int]:
    """Bits from ``start`` to before ``end`` that a command's words mean; equal when there are none."""
    unit = "BIT" if option(call.args[-1]) == "BIT" else "BYTE"
    total = size * (8 if unit == "BIT" else 1)
    if start < 0 and end < 0 and start > end:
        return 0, 0
    start = max(0, start + total if start < 0 else start)
    end = min(total - 1, max(0, end + total if end < 0 else end))
    if start > end:
        return 0, 0
    return (start, end + 1) if unit == "BIT" else (start * 8, end * 8 + 8)


def _bits(value: bytes, start: int, end: int) -> int:
    """The bits from ``start`` to before ``end`` as one number."""
    cut = int.from_bytes(value[start // 8 : (end + 7) // 8], "big") >> (-end % 8)
    return cut & ((1 << (end - start)) - 1)


@command("bitcount")
def bitcount(call: Call) -> Any:
    args = call.args
    if len(args) not in {2, 4, 5}:
        raise Refused(SYNTAX)
    if len(args) == 2:
        return int.from_bytes(call.find(bytes) or b"", "big").bit_count()
    start, end = call.integer(2), call.integer(3)
    if len(args) == 5 and option(args[4]) not in {"BYTE", "BIT"}:
        raise Refused(SYNTAX)
    value = call.find(bytes) or b""
    return _bits(value, *_span(call, start, end, len(value))).bit_count()


@command("bitpos")
def bitpos(call: Call) -> Any:
    args = call.args
    wanted = call.integer(2)
    if wanted not in {0, 1}:
        raise Refused("ERR The bit argument must be 1 or 0.")
    if len(args) > 6:
        raise Refused(SYNTAX)
    if len(args) == 6 and option(args[5]) not in {"BYTE", "BIT"}:
        raise Refused(SYNTAX)
    start = call.integer(3) if len(args) > 3 else 0
    end = call.integer(4) if len(args) > 4 else -1
    value = call.find(bytes)
    if value is None:
        return -1 if wanted else 0
    first, last = _span(call, start, end, len(value))
    if first == last:
        return -1
    bits, width = _bits(value, first, last), last - first
    if not wanted:
        bits ^= (1 << width) - 1
    if bits:
        return first + width - bits.bit_length()
    return -1 if wanted or len(args) > 4 else last


@command("bitop")
def bitop(call: Call) -> Any:
    what, target, keys = option(call.args[1]), call.args[2], call.args[3:]
    if what not in {"AND", "OR", "XOR", "NOT"}:
        raise Refused(SYNTAX)
    if what == "NOT" and len(keys) != 1:
        raise Refused("ERR BITOP NOT must be called with a single source key.")
    values = [call.find(bytes, key) or b"" for key in keys]
    size = max(map(len, values))
    numbers = [int.from_bytes(value.ljust(size, b"\0"), "big") for value in values]
    result = numbers[0]
    for other in numbers[1:]:
        result = result & other if what == "AND" else result | other if what == "OR" else result ^ other
    if what == "NOT":
        result ^= (1 << size * 8) - 1
    if not size:
        call.db.delete(target)
        return 0
    call.state.dataset.room(size)
    call.db.put(target, result.to_bytes(size, "big"))
    return size


BAD_TYPE = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
_TYPE = re.compile(rb"([iu])([1-9][0-9]?)")


@dataclass(frozen=True, slots=True)
class _Step:
    """One subcommand of BITFIELD."""

    name: str
    signed: bool
    bits: int
    offset: int
    amount: int
    overflow: str


@command("bitfield", "bitfield_ro")
def bitfield(call: Call) -> Any:
    steps = _steps(call)
    if call.spec.name == "bitfield_ro" and any(step.name != "GET" for step in steps):
        raise Refused("ERR BITFIELD_RO only supports the GET subcommand")
    value = call.find(bytes) or b""
    writing = [step for step in steps if step.name != "GET"]
    if writing:
        size = max(len(value), *((step.offset + step.bits + 7) // 8 for step in writing))
        call.state.dataset.room(size - len(value))
        value = value.ljust(size, b"\0")
    field = bytearray(value)
    replies = [_step(field, step) for step in steps]
    if writing:
        call.db.put(call.key, bytes(field), keep_ttl=True)
    return replies


def _steps(call: Call) -> list[_Step]:
    args, at, overflow = call.args, 2, "WRAP"
    steps: list[_Step] = []
    while at < len(args):
        word, left = option(args[at]), len(args) - at - 1
        if word == "OVERFLOW" and left >= 1:
            overflow = option(args[at + 1])
            if overflow not in {"WRAP", "SAT", "FAIL"}:
                raise Refused("ERR Invalid OVERFLOW type specified")
            at += 2
            continue
        if not ((word == "GET" and left >= 2) or (word in {"SET", "INCRBY"} and left >= 3)):
            raise Refused(SYNTAX)
        kind = _TYPE.fullmatch(args[at + 1])
        bits = int(kind[2]) if kind else 0
        if kind is None or bits > (64 if kind[1] == b"i" else 63):
            raise Refused(BAD_TYPE)
        text = args[at + 2]
        times = bits if text[:1] == b"#" else 1
        offset = number(text.removeprefix(b"#"), BIT_OFFSET) * times
        if offset < 0 or offset + bits > STRING_LIMIT * 8:
            raise Refused(BIT_OFFSET)
        amount = 0 if word == "GET" else number(args[at + 3])
        steps.append(_Step(word, kind[1] == b"i", bits, offset, amount, overflow))
        at += 3 if word == "GET" else 4
    return steps


def _step(field: bytearray, step: _Step) -> int | None:
    start, end = step.offset, step.offset + step.bits
    padded = bytes(field[start // 8 : (end + 7) // 8]).ljust((end + 7) // 8 - start // 8, b"\0")
    raw = int.from_bytes(padded, "big")
    shift = -end % 8
    mask = (1 << step.bits) - 1
    old = raw >> shift & mask
    if step.signed and old >> (step.bits - 1):
        old -= 1 << step.bits
    if step.name == "GET":
        return old
    low, high = (-(1 << step.bits - 1), (1 << step.bits - 1) - 1) if step.signed else (0, mask)
    new = step.amount + (old if step.name == "INCRBY" else 0)
    if not low <= new <= high:
        if step.overflow == "FAIL":
            return None
        new = max(low, min(high, new)) if step.overflow == "SAT" else new & mask
        if step.overflow == "WRAP" and step.signed and new >> (step.bits - 1):
            new -= 1 << step.bits
    raw = raw & ~(mask << shift) | (new & mask) << shift
    field[start // 8 : (end + 7) // 8] = raw.to_bytes(len(padded), "big")
    return new if step.name == "INCRBY" else old
