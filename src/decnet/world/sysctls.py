"""The net.* settings of this thread's namespace, through /proc/sys.

The kernel keeps every namespace's ``/proc/sys/net`` under one name in one list, and goes through that list for each
path: with 1,000 namespaces a look at 8 settings of each takes 1.3 s, and with 4,000 sixteen times as long. The list
belongs to a mount of /proc. So this module has a mount of its own that nobody else sees, and takes a new one (0.3 ms)
before its list gets long. What a mount held of the kernel's memory goes with it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from decnet.errors import WorldError
from decnet.world import syscalls
from decnet.world.netlink import ONE_AT_A_TIME

_USES = 256
"""Of one mount: as long does the list get at most."""
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_FSOPEN_CLOEXEC, _FSCONFIG_CMD_CREATE, _FSMOUNT_CLOEXEC = 1, 6, 1


def read(key: str) -> str | None:
    """A setting of this thread's namespace with single spaces, None where the kernel has no such key."""
    try:
        fd = _open(key, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return " ".join(os.read(fd, 4096).decode().split())
    finally:
        os.close(fd)


def write(key: str, value: str) -> None:
    """Set a setting of this thread's namespace. Raises OSError."""
    fd = _open(key, os.O_WRONLY)
    try:
        with ONE_AT_A_TIME:
            os.write(fd, value.encode())
    finally:
        os.close(fd)


def _open(key: str, flags: int) -> int:
    parts = key.split(".")
    if parts[0] != "net" or not all(parts) or "/" in key:
        raise WorldError(
            f"sysctl {key!r} does not belong to a network namespace", hint="keys start with net."
        )
    with _proc.opened() as folder:
        return os.open("sys/" + "/".join(parts), flags | os.O_CLOEXEC, dir_fd=folder)


class _Proc:
    """A folder that is a mount of /proc; threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fd = -1
        self._left = 0

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        with self._lock:
            if self._left == 0:
                self._renew()
            self._left -= 1
            fd = os.dup(self._fd)  # another thread may renew it meanwhile
        try:
            yield fd
        finally:
            os.close(fd)

    def _renew(self) -> None:
        fresh = _mount()
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._left = fresh, _USES


def _mount() -> int:
    """A new mount of /proc; the one that is there where the machine allows no other (a container may not)."""
    try:
        context = syscalls.numbered(_FSOPEN, b"proc", _FSOPEN_CLOEXEC)
        try:
            syscalls.numbered(_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0)
            return syscalls.numbered(_FSMOUNT, context, _FSMOUNT_CLOEXEC, 0)
        finally:
            os.close(context)
    except OSError:
        return os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


_proc = _Proc()
