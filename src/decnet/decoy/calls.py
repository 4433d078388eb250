"""One system call of an sshd, as the programs of `decnet.world.calls` put it into their ring. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

HEAD_BYTES = 48
MOST_BYTES = 4096
EXECVE_SLOTS = (256, 256, 3584)
"""Room for the first three arguments of a program: a shell, ``-c``, and what it is told."""
_HEAD = struct.Struct("<QIIIIqqq")


class Nr(IntEnum):
    """Numbers of system calls on x86-64 (arch/x86/entry/syscalls/syscall_64.tbl)."""

    READ = 0
    WRITE = 1
    CLOSE = 3
    IOCTL = 16
    DUP = 32
    GETPEERNAME = 52
    CLONE = 56
    FORK = 57
    VFORK = 58
    EXECVE = 59
    EXIT_GROUP = 231
    CLONE3 = 435


@dataclass(frozen=True, slots=True)
class Call:
    """``pid`` is that of the container's own namespace, ``time`` in seconds of CLOCK_MONOTONIC.

    ``data`` is what was read or written (``result`` bytes of which it has the first 4,096), the peer's address, the
    size of a window, or the arguments of a program.
    """

    nr: int
    pid: int
    fd: int
    result: int
    data: bytes
    time: float

    @property
    def arguments(self) -> tuple[bytes, ...]:
        """The first arguments of a program that is run."""
        found, start = [], 0
        for length in EXECVE_SLOTS:
            text, _, _ = self.data[start : start + length].partition(b"\0")
            found.append(text)
            start += length
        while found and not found[-1]:
            found.pop()
        return tuple(found)


def decode(record: bytes) -> Call | None:
    """What a record of the ring says; None when it is none."""
    if len(record) < HEAD_BYTES:
        return None
    nanoseconds, pid, _, number, length, result, first, _ = _HEAD.unpack_from(record)
    return Call(
        number, pid, first & 0xFFFFFFFF, result, record[HEAD_BYTES : HEAD_BYTES + length], nanoseconds / 1e9
    )
