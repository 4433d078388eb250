"""HyperLogLog: PFADD, PFCOUNT, PFMERGE (hyperloglog.c; the estimator is Ertl's of 2017, 16384 registers of 6 bits)."""

from __future__ import annotations

import math
from typing import Any

from decnet.services.redis.call import Call, option
from decnet.services.redis.reply import OK, Refused
from decnet.services.redis.table import command

BITS = 14
REGISTERS = 1 << BITS
HEADER = b"HYLL\0\0\0\0"
DENSE = len(HEADER) + 8 + REGISTERS * 6 // 8
SEED = 0xADC83B19
NOT_ONE = "WRONGTYPE Key is not a valid HyperLogLog string value."
_MASK = 2**64 - 1
_M = 0xC6A4A7935BD1E995


def murmur(data: bytes) -> int:
    """MurmurHash64A."""
    h = SEED ^ (len(data) * _M & _MASK)
    whole = len(data) & ~7
    for at in range(0, whole, 8):
        k = int.from_bytes(data[at : at + 8], "little") * _M & _MASK
        k = (k ^ k >> 47) * _M & _MASK
        h = (h ^ k) * _M & _MASK
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 47) * _M & _MASK
    return h ^ h >> 47


def _registers(call: Call, key: bytes) -> list[int] | None:
    value = call.find(bytes, key)
    if value is None:
        return None
    if len(value) != DENSE or value[:5] != HEADER[:5]:
        raise Refused(NOT_ONE)
    return [four >> shift & 63 for four in _fours(value[16:]) for shift in (0, 6, 12, 18)]


def _fours(data: bytes) -> list[int]:
    """Four registers at a time: 24 bits."""
    return [int.from_bytes(data[at : at + 3], "little") for at in range(0, len(data), 3)]


def _keep(call: Call, key: bytes, registers: list[int]) -> None:
    packed = b"".join(
        (a | b << 6 | c << 12 | d << 18).to_bytes(3, "little")
        for a, b, c, d in zip(registers[::4], registers[1::4], registers[2::4], registers[3::4], strict=True)
    )
    call.state.dataset.room(DENSE)
    call.db.put(key, HEADER + bytes(7) + b"\x80" + packed, keep_ttl=True)


@command("pfadd")
def pfadd(call: Call) -> Any:
    old = _registers(call, call.key)
    registers = [0] * REGISTERS if old is None else old
    changed = old is None
    for element in call.args[2:]:
        h = murmur(element)
        index, rest = h & (REGISTERS - 1), h >> BITS | 1 << (64 - BITS)
        run = (rest & -rest).bit_length()
        if run > registers[index]:
            registers[index], changed = run, True
    if changed:
        _keep(call, call.key, registers)
    return int(changed)


def _merged(call: Call, keys: list[bytes]) -> list[int]:
    merged = [0] * REGISTERS
    for key in keys:
        registers = _registers(call, key)
        if registers is not None:
            merged = list(map(max, merged, registers))
    return merged


@command("pfcount")
def pfcount(call: Call) -> Any:
    return estimate(_merged(call, call.args[1:]))


@command("pfmerge")
def pfmerge(call: Call) -> Any:
    _keep(call, call.key, _merged(call, call.args[1:]))
    return OK


def estimate(registers: list[int]) -> int:
    """How many different elements set these registers."""
    counts = [0] * 64
    for register in registers:
        counts[register] += 1
    q = 64 - BITS
    z = REGISTERS * _tau((REGISTERS - counts[q + 1]) / REGISTERS)
    for j in range(q, 0, -1):
        z = 0.5 * (z + counts[j])
    z += REGISTERS * _sigma(counts[0] / REGISTERS)
    # llroundl() rounds halves away from zero.
    return math.floor(0.5 / math.log(2) * REGISTERS * REGISTERS / z + 0.5)


def _sigma(x: float) -> float:
    if x == 1.0:
        return math.inf
    y, z = 1.0, x
    while True:
        x *= x
        before = z
        z += x * y
        y += y
        if z == before:
            return z


def _tau(x: float) -> float:
    if x in {0.0, 1.0}:
        return 0.0
    y, z = 1.0, 1 - x
    while True:
        x = math.sqrt(x)
        before = z
        y *= 0.5
        z -= (1 - x) ** 2 * y
        if z == before:
            return z / 3


@command("pfselftest")
def pfselftest(call: Call) -> Any:  # noqa: ARG001
    return OK


@command("pfdebug")
def pfdebug(call: Call) -> Any:
    what, key = option(call.args[1]), call.args[2]
    registers = _registers(call, key)
    if registers is None:
        raise Refused("ERR The specified key does not exist")
    if what == "GETREG" and len(call.args) == 3:
        return registers
    if what == "ENCODING" and len(call.args) == 3:
        return b"dense"
    if what == "TODENSE" and len(call.args) == 3:
        return 0
    raise Refused(b"ERR Unknown PFDEBUG subcommand '%b'" % call.args[1][:128])
