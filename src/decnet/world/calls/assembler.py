"""A minimal assembler of eBPF: what the two programs of this package need of it (the kernel's instruction-set.rst)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple


class Reg(IntEnum):
    """r0 is what a call returns, r1 to r5 its arguments, r6 to r9 survive it, r10 is the end of the stack."""

    R0 = 0
    R1 = 1
    R2 = 2
    R3 = 3
    R4 = 4
    R5 = 5
    R6 = 6
    R7 = 7
    R8 = 8
    R9 = 9
    R10 = 10


class Size(IntEnum):
    """Bits of an opcode that say how much is loaded or stored."""

    WORD = 0x00
    DOUBLE = 0x18


class Ins(NamedTuple):
    """One instruction of eight bytes. ``target`` is the label that a jump goes to."""

    code: int
    dst: int = 0
    src: int = 0
    offset: int = 0
    value: int = 0
    target: str = ""


class Label(NamedTuple):
    """A place to jump to."""

    name: str


def move(dst: Reg, src: Reg | int) -> Ins:
    """``dst = src``."""
    return Ins(0xBF, dst, src) if isinstance(src, Reg) else Ins(0xB7, dst, value=src)


def add(dst: Reg, value: int) -> Ins:
    """``dst += value``."""
    return Ins(0x07, dst, value=value)


def load(dst: Reg, src: Reg, offset: int, size: Size = Size.DOUBLE) -> Ins:
    """``dst = *(src + offset)``."""
    return Ins(0x61 | size, dst, src, offset)


def store(dst: Reg, offset: int, src: Reg, size: Size = Size.DOUBLE) -> Ins:
    """``*(dst + offset) = src``."""
    return Ins(0x63 | size, dst, src, offset)


def zero(dst: Reg, offset: int) -> Ins:
    """Eight bytes of nothing at ``dst + offset``."""
    return Ins(0x7A, dst, 0, offset)


def call(function: int) -> Ins:
    """A helper of the kernel."""
    return Ins(0x85, value=function)


def leave() -> Ins:
    """The end."""
    return Ins(0x95)


def jump(target: str) -> Ins:
    """Always."""
    return Ins(0x05, target=target)


def when_equal(reg: Reg, value: int, target: str) -> Ins:
    """Jump when all 64 bits are ``value``."""
    return Ins(0x15, reg, value=value, target=target)


def when_other(reg: Reg, value: int, target: str) -> Ins:
    """Jump when they are not."""
    return Ins(0x55, reg, value=value, target=target)


def when_less(reg: Reg, value: int, target: str) -> Ins:
    """Jump when it is less, both taken as signed."""
    return Ins(0xC5, reg, value=value, target=target)


def when_at_most(reg: Reg, value: int, target: str) -> Ins:
    """Jump when it is not more, both taken as unsigned."""
    return Ins(0xB5, reg, value=value, target=target)


def map_address(dst: Reg, fd: int) -> tuple[Ins, Ins]:
    """``dst`` = the map with this descriptor."""
    return Ins(0x18, dst, 1, value=fd), Ins(0)


def constant(dst: Reg, value: int) -> tuple[Ins, Ins]:
    """``dst`` = 64 bits."""
    return Ins(0x18, dst, value=_signed(value)), Ins(0, value=_signed(value >> 32))


def assemble(lines: Iterable[Ins | Label | tuple[Ins, Ins]]) -> bytes:
    """The program as the kernel takes it."""
    flat: list[Ins] = []
    places: dict[str, int] = {}
    for line in lines:
        if isinstance(line, Label):
            places[line.name] = len(flat)
        elif isinstance(line, Ins):
            flat.append(line)
        else:
            flat.extend(line)
    return b"".join(_encoded(one, at, places) for at, one in enumerate(flat))


def _encoded(one: Ins, at: int, places: dict[str, int]) -> bytes:
    offset = places[one.target] - at - 1 if one.target else one.offset
    return struct.pack("<BBhi", one.code, one.src << 4 | one.dst, offset, one.value)


def _signed(value: int) -> int:
    low = value & 0xFFFFFFFF
    return low - (1 << 32) if low >= 1 << 31 else low
