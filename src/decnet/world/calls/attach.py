"""The programs brought to the kernel by bpf(2), and let go of again."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from decnet.errors import WorldError
from decnet.world import bpf
from decnet.world.calls import program

_MAP_CREATE, _PROG_LOAD, _RAW_TRACEPOINT_OPEN = 0, 5, 17
_RINGBUF, _PERCPU_ARRAY = 27, 6
_RAW_TRACEPOINT = 17
RING_BYTES = 2 << 20


class Hearing(NamedTuple):
    """Descriptors: of the ring, and of the programs, which work as long as somebody has theirs."""

    ring: int
    programs: tuple[int, int]

    def close(self) -> None:
        for fd in (self.ring, *self.programs):
            os.close(fd)


def hear(pid: int) -> Hearing:
    """Hear what the sshd in the pid namespace of a process does. Raises `WorldError` where this kernel does not let us."""
    try:
        space = Path(f"/proc/{pid}/ns/pid").stat()
    except OSError as error:
        raise WorldError(f"process {pid} has gone", hint="plan and apply again") from error
    try:
        return _attach(space.st_dev, space.st_ino)
    except OSError as error:
        raise WorldError(
            f"sessions cannot be recorded here: bpf: {error.strerror}",
            hint="needs Linux 5.8 or later on x86-64, root, and no lockdown of the kernel; or say `interaction = medium`",
        ) from error


def check() -> None:
    """Raise `WorldError` that says why nothing can be heard on this machine, if that is so."""
    hear(os.getpid()).close()


def _attach(device: int, inode: int) -> Hearing:
    if platform.machine() != "x86_64":
        raise OSError(0, "not on this kind of processor")
    with contextlib.ExitStack() as stack:
        scratch = _owned(stack, _map(_PERCPU_ARRAY, 4, program.SCRATCH_BYTES, 1))
        ring = _map(_RINGBUF, 0, 0, RING_BYTES)
        own = stack.enter_context(_kept_or_closed())
        own.append(ring)
        device = _kernels(device)
        for name, made in (
            (b"sys_exit", program.at_exit(device, inode, scratch, ring)),
            (b"sys_enter", program.at_enter(device, inode, scratch, ring)),
        ):
            loaded = _owned(stack, _load(made))
            own.append(_open(name, loaded))
        found = Hearing(own[0], (own[1], own[2]))
        own.clear()
        return found


def _kernels(device: int) -> int:
    """A device number as the kernel has it inside: twelve bits for the major, twenty for the minor."""
    return os.major(device) << 20 | os.minor(device)


def _owned(stack: contextlib.ExitStack, fd: int) -> int:
    stack.callback(os.close, fd)
    return fd


@contextlib.contextmanager
def _kept_or_closed() -> Iterator[list[int]]:
    """Descriptors that are closed in the end, unless they were taken out."""
    own: list[int] = []
    try:
        yield own
    finally:
        for fd in own:
            os.close(fd)


def _map(kind: int, key: int, value: int, entries: int) -> int:
    return bpf.call(_MAP_CREATE, struct.pack("<IIIII", kind, key, value, entries, 0))


def _load(code: bytes) -> int:
    held, granted = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    return bpf.call(
        _PROG_LOAD,
        struct.pack(
            "<IIQQIIQII",
            _RAW_TRACEPOINT,
            len(code) // 8,
            ctypes.addressof(held),
            ctypes.addressof(granted),  # helpers that read memory are for programs that say so
            0,
            0,
            0,
            0,
            0,
        ),
    )


def _open(name: bytes, loaded: int) -> int:
    held = ctypes.create_string_buffer(name)
    return bpf.call(_RAW_TRACEPOINT_OPEN, struct.pack("<QII", ctypes.addressof(held), loaded, 0))
