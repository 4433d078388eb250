"""The programs at the kernel's tracepoints ``sys_enter`` and ``sys_exit``, for x86-64. Pure.

They pass over everything but the calls of processes that are called ``sshd…`` and belong to one pid namespace. What
they put into the ring is a `decnet.decoy.calls.Call`: a header of 48 bytes and up to 4 KiB of what was read, written or
run. A terminal never gives more at once; of bulk the beginning is enough.
"""

from __future__ import annotations

from collections.abc import Iterator

from decnet.decoy.calls import EXECVE_SLOTS, HEAD_BYTES, MOST_BYTES, Nr
from decnet.world.calls.assembler import (
    Ins,
    Label,
    Reg,
    Size,
    add,
    assemble,
    call,
    constant,
    jump,
    leave,
    load,
    map_address,
    move,
    store,
    when_at_most,
    when_equal,
    when_less,
    when_other,
    zero,
)

SCRATCH_BYTES = HEAD_BYTES + MOST_BYTES
_LOOKUP, _NOW, _COMM, _READ_USER, _READ_KERNEL, _READ_TEXT, _PID_IN, _OUTPUT = (
    1,
    5,
    16,
    112,
    113,
    114,
    120,
    130,
)
"""Helpers by number (include/uapi/linux/bpf.h)."""
_R0, _R1, _R2, _R3, _R4, _R5, _R6, _R7, _R8, _R9, _R10 = Reg
_DX, _SI, _DI, _ORIG_AX = 96, 104, 112, 120
"""Offsets in struct pt_regs (arch/x86/include/asm/ptrace.h)."""
_REGS_BYTES = 128
_NAME, _PIDS, _REGS, _KEY, _POINTER = -16, -24, -24 - _REGS_BYTES, -160, -168
"""Places on the stack."""
_SSHD = int.from_bytes(b"sshd", "little")
_WINDOW = 0x5414
"""TIOCSWINSZ: somebody tells a terminal how large it is."""
_PEER_BYTES, _WINDOW_BYTES = 28, 8
_FORKS = (Nr.CLONE, Nr.FORK, Nr.VFORK, Nr.CLONE3)
_Lines = Iterator[Ins | Label | tuple[Ins, Ins]]


def at_exit(device: int, inode: int, scratch: int, ring: int) -> bytes:
    """The program at ``sys_exit``: what calls brought. ``device`` and ``inode`` name the pid namespace."""

    def lines() -> _Lines:
        yield from _is_ours(device, inode)
        yield load(_R8, _R10, _REGS + _ORIG_AX)  # the call
        yield load(_R9, _R6, 8)  # what it returned
        yield when_less(_R9, 0, "out")
        for number in (Nr.READ, Nr.WRITE):
            yield when_equal(_R8, number, "bytes")
        for number in _FORKS:
            yield when_equal(_R8, number, "child")
        yield when_equal(_R8, Nr.DUP, "bare")
        yield when_equal(_R8, Nr.CLOSE, "bare")
        yield when_equal(_R8, Nr.GETPEERNAME, "peer")
        yield when_equal(_R8, Nr.IOCTL, "ioctl")
        yield jump("out")

        yield from _places()

        yield Label("tell")
        yield from _head(scratch)
        yield load(_R1, _R6, 8)
        yield store(_R7, 24, _R1)
        yield when_at_most(_R9, MOST_BYTES, "short")
        yield move(_R9, MOST_BYTES)
        yield Label("short")
        yield when_equal(_R9, 0, "send")
        yield move(_R1, _R7)
        yield add(_R1, HEAD_BYTES)
        yield move(_R2, _R9)
        yield move(_R3, _R8)
        yield call(_READ_USER)
        yield when_equal(_R0, 0, "send")
        yield move(_R9, 0)
        yield Label("send")
        yield store(_R7, 20, _R9, Size.WORD)
        yield move(_R3, _R9)
        yield add(_R3, HEAD_BYTES)
        yield from _send(ring)

    return assemble(lines())


def at_enter(device: int, inode: int, scratch: int, ring: int) -> bytes:
    """The program at ``sys_enter``: what is about to be run, with its first arguments, and who ends."""

    def lines() -> _Lines:
        yield load(_R9, _R1, 8)
        yield when_equal(_R9, Nr.EXECVE, "known")
        yield when_equal(_R9, Nr.EXIT_GROUP, "known")
        yield jump("out")
        yield Label("known")
        yield from _is_ours(device, inode)
        yield from _head(scratch)
        yield zero(_R7, 24)
        yield load(_R1, _R6, 8)
        yield move(_R9, 0)
        yield when_other(_R1, Nr.EXECVE, "send")
        starts = [HEAD_BYTES + sum(EXECVE_SLOTS[:number]) for number in range(len(EXECVE_SLOTS))]
        for offset in starts:  # what an earlier call left there is no argument of this one
            yield zero(_R7, offset)
        for number, (offset, length) in enumerate(zip(starts, EXECVE_SLOTS, strict=True)):
            yield from _argument(number, length, offset)
        yield move(_R9, sum(EXECVE_SLOTS))
        yield Label("send")
        yield store(_R7, 20, _R9, Size.WORD)
        yield move(_R3, _R9)
        yield add(_R3, HEAD_BYTES)
        yield from _send(ring)

    return assemble(lines())


def _places() -> _Lines:
    """Where each call has what it brought: r9 bytes at r8 of the process."""
    yield Label("bytes")
    yield load(_R8, _R10, _REGS + _SI)
    yield when_other(_R9, 0, "tell")
    yield jump("out")
    yield Label("child")
    yield when_equal(_R9, 0, "out")
    yield Label("bare")
    yield move(_R9, 0)
    yield jump("tell")
    yield Label("peer")
    yield load(_R8, _R10, _REGS + _SI)
    yield move(_R9, _PEER_BYTES)
    yield jump("tell")
    yield Label("ioctl")
    yield load(_R8, _R10, _REGS + _SI)
    yield when_other(_R8, _WINDOW, "out")
    yield load(_R8, _R10, _REGS + _DX)
    yield move(_R9, _WINDOW_BYTES)


def _is_ours(device: int, inode: int) -> _Lines:
    """Leave unless it is an sshd of the namespace. Then r6 is the context, and the registers are on the stack."""
    yield move(_R6, _R1)
    yield move(_R1, _R10)
    yield add(_R1, _NAME)
    yield move(_R2, 16)
    yield call(_COMM)
    yield load(_R1, _R10, _NAME, Size.WORD)
    yield when_other(_R1, _SSHD, "out")
    yield constant(_R1, device)
    yield constant(_R2, inode)
    yield move(_R3, _R10)
    yield add(_R3, _PIDS)
    yield move(_R4, 8)
    yield call(_PID_IN)
    yield when_other(_R0, 0, "out")
    yield move(_R1, _R10)
    yield add(_R1, _REGS)
    yield move(_R2, _REGS_BYTES)
    yield load(_R3, _R6, 0)
    yield call(_READ_KERNEL)
    yield when_other(_R0, 0, "out")


def _head(scratch: int) -> _Lines:
    """r7 is what is to be sent: time, process, call and its first and third argument are in it."""
    yield zero(_R10, _KEY)
    yield map_address(_R1, scratch)
    yield move(_R2, _R10)
    yield add(_R2, _KEY)
    yield call(_LOOKUP)
    yield when_equal(_R0, 0, "out")
    yield move(_R7, _R0)
    yield call(_NOW)
    yield store(_R7, 0, _R0)
    yield load(_R1, _R10, _PIDS + 4, Size.WORD)  # the thread group is what is called a process elsewhere
    yield store(_R7, 8, _R1, Size.WORD)
    yield load(_R1, _R10, _PIDS, Size.WORD)
    yield store(_R7, 12, _R1, Size.WORD)
    yield load(_R1, _R10, _REGS + _ORIG_AX)
    yield store(_R7, 16, _R1, Size.WORD)
    yield load(_R1, _R10, _REGS + _DI)
    yield store(_R7, 32, _R1)
    yield load(_R1, _R10, _REGS + _DX)
    yield store(_R7, 40, _R1)


def _argument(number: int, length: int, offset: int) -> _Lines:
    """The text that ``argv[number]`` points to, ended by a zero byte; nothing where there is none."""
    done = f"done{number}"
    yield move(_R1, _R10)
    yield add(_R1, _POINTER)
    yield move(_R2, 8)
    yield load(_R3, _R10, _REGS + _SI)
    yield add(_R3, number * 8)
    yield call(_READ_USER)
    yield when_other(_R0, 0, done)
    yield load(_R3, _R10, _POINTER)
    yield when_equal(_R3, 0, "arguments")
    yield move(_R1, _R7)
    yield add(_R1, offset)
    yield move(_R2, length)
    yield call(_READ_TEXT)
    yield Label(done)
    if number == len(EXECVE_SLOTS) - 1:
        yield Label("arguments")


def _send(ring: int) -> _Lines:
    """r3 bytes at r7."""
    yield map_address(_R1, ring)
    yield move(_R2, _R7)
    yield move(_R4, 0)
    yield call(_OUTPUT)
    yield Label("out")
    yield move(_R0, 0)
    yield leave()
