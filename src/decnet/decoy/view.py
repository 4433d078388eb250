"""A view of the machine in which there is nothing but the folder that events are written to.

The process moves into namespaces of its own: mounts (an empty read-only root), network (nothing but a loopback that
is down: it has the sockets it was handed, which stay in the namespaces they were made in), IPC, UTS and cgroups.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from decnet.decoy.kernel import call, refused

_NAMESPACES = {
    "mounts": 0x0002_0000,
    "network": 0x4000_0000,
    "IPC": 0x0800_0000,
    "host name": 0x0400_0000,
    "cgroups": 0x0200_0000,
}
"""CLONE_NEW… of unshare(2)."""
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_HARMLESS = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
_ROOT = Path("/proc")
"""Where the new root is put together: a folder that every machine has, and that is not needed after it is covered."""
_EVENTS, _SCRATCH = _ROOT / "events", _ROOT / "tmp"


def enter(folder: int, user: int) -> int:
    """Leave the host behind; the events folder (an open descriptor) comes along. Its new descriptor.

    The old one is closed: from a descriptor of the host's tree ``..`` leads up to the host's root. The new one is of
    a mount that is nowhere any more, and so its own top. What is left is ``/`` and a ``/tmp`` of ``user`` in memory.
    Needs CAP_SYS_ADMIN, and no second thread.

    Raises:
        MissingCapability: the kernel has no such namespace, or refuses.
    """
    path = Path(f"/proc/self/fd/{folder}").readlink()
    for name, flag in _NAMESPACES.items():
        call(f"have {name} of its own", "unshare", flag)
    socket.sethostname("localhost")
    call("keep its mounts to itself", "mount", "none", "/", None, _MS_REC | _MS_PRIVATE, None)
    _mount("have an empty root", _ROOT, "size=4k,nr_inodes=4,mode=0555")
    for place in (_EVENTS, _SCRATCH):
        place.mkdir(0o555)
    scratch = f"size=256k,nr_inodes=16,mode=0700,uid={user},gid={user}"
    _mount("have a folder for passing files", _SCRATCH, scratch)
    events = _events(path, folder)
    os.close(folder)
    _pivot()
    call("have a read-only root", "mount", None, "/", None, _MS_REMOUNT | _MS_RDONLY | _HARMLESS, None)
    return events


def _mount(purpose: str, where: Path, options: str) -> None:
    call(purpose, "mount", "tmpfs", where, "tmpfs", _HARMLESS, options)


def _events(path: Path, folder: int) -> int:
    purpose = "see its events folder"
    call(purpose, "mount", path, _EVENTS, None, _MS_BIND, None)
    call(purpose, "mount", None, _EVENTS, None, _MS_REMOUNT | _MS_BIND | _HARMLESS, None)
    events = os.open(_EVENTS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not os.path.samestat(os.fstat(events), os.fstat(folder)):
        raise refused(purpose, OSError("another folder has taken its place"))
    call(purpose, "umount2", _EVENTS, _MNT_DETACH)
    return events


def _pivot() -> None:
    """pivot_root(2), the form for which no folder for the old root is needed: it is stacked on the new one, and goes."""
    os.chdir(_ROOT)
    call("leave the host's root", "pivot_root", ".", ".")
    call("leave the host's root", "umount2", ".", _MNT_DETACH)
    os.chdir("/")
