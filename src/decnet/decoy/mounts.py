"""Namespaces of one's own and what is mounted in them: the tools that views of the machine are put together with."""

from __future__ import annotations

import os
from pathlib import Path

from decnet.decoy.kernel import call

NAMESPACES = {
    "mounts": 0x0002_0000,
    "network": 0x4000_0000,
    "IPC": 0x0800_0000,
    "host name": 0x0400_0000,
    "cgroups": 0x0200_0000,
    "processes": 0x2000_0000,
}
"""CLONE_NEW… of unshare(2)."""
RDONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8
_REMOUNT, _BIND, _REC, _PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
_DETACH = 2
HARMLESS = NOSUID | NODEV | NOEXEC
ROOT = Path("/proc")
"""Where a new root is put together: a folder that every machine has, and that is not needed after it is covered."""


def leave(*names: str) -> None:
    """Move into namespaces of one's own; what is mounted from then on, nobody else sees. Raises `MissingCapability`."""
    for name in names:
        call(f"have {name} of its own", "unshare", NAMESPACES[name])
        if name == "mounts":
            call("keep its mounts to itself", "mount", "none", "/", None, _REC | _PRIVATE, None)


def memory(purpose: str, where: Path, options: str, flags: int = HARMLESS) -> None:
    """A file system in memory."""
    call(purpose, "mount", "tmpfs", where, "tmpfs", flags, options)


def bind(purpose: str, source: Path, where: Path, flags: int) -> None:
    """Have what is at ``source`` at ``where`` too, without what is mounted in it."""
    call(purpose, "mount", source, where, None, _BIND, None)
    call(purpose, "mount", None, where, None, _REMOUNT | _BIND | flags, None)


def processes(where: Path) -> None:
    """The processes of this namespace that this user may look at."""
    call("see its processes", "mount", "proc", where, "proc", HARMLESS, "hidepid=2")


def detach(purpose: str, where: Path | str) -> None:
    """Take a mount away."""
    call(purpose, "umount2", where, _DETACH)


def move_in(flags: int) -> None:
    """Have `ROOT` as root, with these flags, and nothing of what was there before.

    pivot_root(2), the form for which no folder for the old root is needed: it is stacked on the new one, and goes.
    """
    os.chdir(ROOT)
    call("leave the host's root", "pivot_root", ".", ".")
    detach("leave the host's root", ".")
    os.chdir("/")
    call("have a read-only root", "mount", None, "/", None, _REMOUNT | RDONLY | flags, None)
