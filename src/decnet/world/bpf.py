"""The personality programs in the kernel: loaded once, shared by every decoy, found again by name (bpf(2)).

Nothing is pinned: the filters hold the programs, the programs hold the maps, and all goes with the last filter. A later
command finds the programs by their names, which carry the version of the object, and the maps through the programs. Two
commands that begin at once may load two copies; each works, since a filter and its value are put together.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from decnet.stack import Object, linked, shipped

_CALLS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "armv7l": 386, "ppc64le": 361, "s390x": 351}
_MAP_CREATE, _MAP_UPDATE, _MAP_DELETE, _PROG_LOAD = 0, 2, 3, 5
_PROG_NEXT, _PROG_OPEN, _MAP_OPEN, _INFO = 11, 13, 14, 15
_SCHED_CLS = 3
_NOT_YET = 1
"""BPF_NOEXIST."""
_LOGS = (1 << 16, 1 << 24)
"""Bytes for what the verifier says. Before Linux 6.4 it keeps the beginning of what is longer, and the reason is at the end."""
_LAST_LINES = 3
_libc = ctypes.CDLL(None, use_errno=True)


class BpfError(OSError):
    """The kernel took no program, no map or no value: errno, and the last words of its verifier."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Descriptors of the two programs and of the maps that both of them use. They are this process's until `close`."""

    inbound: int
    outbound: int
    personalities: int

    def close(self) -> None:
        """Let go of them; what is attached stays."""
        for fd in (self.inbound, self.outbound, self.personalities):
            os.close(fd)

    def put(self, key: bytes, value: bytes) -> None:
        """See that a value is there; one that is there already goes on counting. Raises `BpfError`."""
        try:
            _element(_MAP_UPDATE, self.personalities, key, value, _NOT_YET)
        except BpfError as error:
            if error.errno != errno.EEXIST:
                raise

    def drop(self, key: bytes) -> None:
        """Take a value away; there is none is fine."""
        with contextlib.suppress(BpfError):
            _element(_MAP_DELETE, self.personalities, key)


def program_name(direction: str, version: str) -> str:
    """What the kernel calls a program, and netlink a filter; 15 characters at most, and no word about us."""
    return f"{direction[:3]}_{version}"


class Programs:
    """This process's hold on the programs. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None

    def loaded(self) -> Loaded:
        """The programs, found in the kernel or else loaded: 8 ms once. Raises `BpfError`."""
        with self._lock:
            if self._loaded is None:
                image = shipped()
                self._loaded = find(image) or load(image)
            return self._loaded


def find(image: Object) -> Loaded | None:
    """The programs of this object that are in the kernel already, with maps that belong to both."""
    found: dict[tuple[int, ...], dict[str, int]] = {}
    wanted = {program_name(name, image.version): name for name in image.programs}
    keep: set[int] = set()
    try:
        for fd in _programs():
            name, maps = _program_info(fd)
            if name in wanted:
                # only `inbound` has further maps of its own: that of `outbound` is what both know
                key = _map_named(maps, "personalities")
                if key is not None:
                    own = found.setdefault((key,), {})
                    own[wanted[name]] = os.dup(fd)
                    keep.add(own[wanted[name]])
                    if own.keys() == set(image.programs):
                        map_fd = call(_MAP_OPEN, struct.pack("=I8x", key))
                        keep -= set(own.values())
                        return Loaded(own["inbound"], own["outbound"], map_fd)
    except BpfError:
        return None
    finally:
        for fd in keep:
            os.close(fd)
    return None


def load(image: Object) -> Loaded:
    """Load the programs with maps of their own. Raises `BpfError` with what the verifier said."""
    maps = {name: _create(name, shape) for name, shape in image.maps.items()}
    programs: dict[str, int] = {}
    try:
        for name, program in image.programs.items():
            code = linked(program, maps)
            programs[name] = _load(code, image.terms, program_name(name, image.version))
    except BpfError:
        for fd in (*programs.values(), *maps.values()):
            os.close(fd)
        raise
    for name, fd in maps.items():
        if name != "personalities":
            os.close(fd)  # the programs hold it
    return Loaded(programs["inbound"], programs["outbound"], maps["personalities"])


def _create(name: str, shape: tuple[int, ...]) -> int:
    return call(_MAP_CREATE, struct.pack("=5I2I16s", *shape, 0, 0, name.encode()[:15]))


def _load(code: bytes, terms: bytes, name: str) -> int:
    """Without a log first: it is only worth its memory when something is refused."""
    try:
        return _load_once(code, terms, name, None)
    except BpfError as error:
        if error.errno in (errno.EPERM, errno.ENOSYS):
            raise
        refused = error
    said = ""
    for size in _LOGS:
        log = ctypes.create_string_buffer(size)
        try:
            return _load_once(code, terms, name, log)
        except BpfError as error:
            words = log.value.decode(errors="replace").split("\n")
            said = "; ".join([word.strip() for word in words if word.strip()][-_LAST_LINES:])
            if error.errno != errno.ENOSPC:
                break
    raise BpfError(refused.errno, f"the verifier refused it: {said or refused.strerror}")


def _load_once(code: bytes, terms: bytes, name: str, log: ctypes.Array[ctypes.c_char] | None) -> int:
    instructions, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(terms)
    attributes = struct.pack(
        "=2I2Q2IQ2I16s",
        _SCHED_CLS,
        len(code) // 8,
        ctypes.addressof(instructions),
        ctypes.addressof(licence),
        1 if log else 0,
        len(log) if log else 0,
        ctypes.addressof(log) if log else 0,
        0,
        0,
        name.encode(),
    )
    return call(_PROG_LOAD, attributes)


def _element(command: int, fd: int, key: bytes, value: bytes = b"", flags: int = 0) -> None:
    key_room = ctypes.create_string_buffer(key, len(key))
    value_room = ctypes.create_string_buffer(value, max(len(value), 1))
    addresses = (ctypes.addressof(key_room), ctypes.addressof(value_room))
    call(command, struct.pack("=I4x3Q", fd, *addresses, flags))


def _programs() -> Iterator[int]:
    """A descriptor of each program in the kernel, closed when the next is asked for."""
    number = 0
    while True:
        try:
            number = _next(_PROG_NEXT, number)
        except BpfError as error:
            if error.errno == errno.ENOENT:
                return
            raise
        try:
            fd = call(_PROG_OPEN, struct.pack("=I8x", number))
        except BpfError as error:
            if error.errno == errno.ENOENT:  # gone since
                continue
            raise
        try:
            yield fd
        finally:
            os.close(fd)


def _next(command: int, number: int) -> int:
    room = ctypes.create_string_buffer(struct.pack("=3I", number, 0, 0), 12)
    _raw(command, room)
    return int(struct.unpack_from("=I", room, 4)[0])


def _program_info(fd: int) -> tuple[str, tuple[int, ...]]:
    """Name of a program and the ids of its maps (struct bpf_prog_info)."""
    ids = (ctypes.c_uint32 * 16)()
    info = bytearray(128)
    struct.pack_into("=IQ", info, 52, len(ids), ctypes.addressof(ids))
    room = ctypes.create_string_buffer(bytes(info), len(info))
    call(_INFO, struct.pack("=2IQ", fd, len(info), ctypes.addressof(room)))
    count = min(int(struct.unpack_from("=I", room, 52)[0]), len(ids))
    return room.raw[64:80].rstrip(b"\0").decode(errors="replace"), tuple(ids[:count])


def _map_named(ids: tuple[int, ...], name: str) -> int | None:
    for number in ids:
        fd = call(_MAP_OPEN, struct.pack("=I8x", number))
        try:
            room = ctypes.create_string_buffer(80)
            call(_INFO, struct.pack("=2IQ", fd, 80, ctypes.addressof(room)))
        finally:
            os.close(fd)
        if room.raw[24:40].rstrip(b"\0").decode(errors="replace") == name:
            return number
    return None


def call(command: int, attributes: bytes) -> int:
    """bpf(2); a descriptor it gives is closed on exec. Raises `BpfError`."""
    return _raw(command, ctypes.create_string_buffer(attributes, len(attributes)))


def _raw(command: int, room: ctypes.Array[ctypes.c_char]) -> int:
    number = _CALLS.get(platform.machine())
    if number is None:
        raise BpfError(errno.ENOSYS, f"no way is known to call bpf(2) on {platform.machine()}")
    result = int(_libc.syscall(number, command, room, len(room)))
    if result < 0:
        code = ctypes.get_errno()
        raise BpfError(code, os.strerror(code))
    return result
