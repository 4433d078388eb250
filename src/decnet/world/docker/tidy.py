"""Take away what an engine puts into the root of every container, from outside: also where that root is read only.

A copy of the mount, which nobody else sees, can be written to (open_tree(2), mount_setattr(2), Linux 5.12): the one in
the container stays as it is.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct

from decnet.world import namespaces, syscalls

_OPEN_TREE, _MOUNT_SETATTR = 428, 442
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_OPEN_TREE_CLONE = 1
_MOUNT_ATTR_RDONLY = 1
_CLONE_FS, _CLONE_NEWNS = 0x200, 0x2_0000
_MARK = ".dockerenv"
_SYSTEM = "usr"


def tidy(pid: int) -> None:
    """Do so in the container of this process. Where the kernel cannot, what is there stays. 0.5 ms."""
    with contextlib.suppress(OSError):
        _sweep(namespaces.in_thread(lambda: _copied(pid)))


def _copied(pid: int) -> int:
    """A copy of the mount of a container's root, open. For a thread that ends with it.

    That root is the thread's from here on: it does nothing else there, least of all load a module, which would be a
    visitor's.
    """
    inside = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.named("unshare", _CLONE_FS)
        syscalls.named("setns", inside, _CLONE_NEWNS)
        return syscalls.numbered(_OPEN_TREE, _AT_FDCWD, b"/", _OPEN_TREE_CLONE | os.O_CLOEXEC)
    finally:
        os.close(inside)


def _sweep(root: int) -> None:
    try:
        writable = struct.pack("=4Q", 0, _MOUNT_ATTR_RDONLY, 0, 0)
        room = ctypes.create_string_buffer(writable, len(writable))
        syscalls.numbered(_MOUNT_SETATTR, root, b"", _AT_EMPTY_PATH, room, len(writable))
        before = os.stat(".", dir_fd=root)
        os.unlink(_MARK, dir_fd=root)
        os.utime(".", ns=(before.st_atime_ns, _changed(root, before)), dir_fd=root)
    finally:
        os.close(root)


def _changed(root: int, before: os.stat_result) -> int:
    """When the root was last changed: the day that the system was installed."""
    try:
        return os.stat(_SYSTEM, dir_fd=root, follow_symlinks=False).st_mtime_ns
    except OSError:
        return before.st_mtime_ns
