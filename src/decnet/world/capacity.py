"""What this machine has to give, read from /proc: numbers only, judged by `decnet.engine.forecast`. Needs no privilege."""

from __future__ import annotations

import resource
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from decnet.spec.resources import Resource
from decnet.world.check import missing_kinds

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Capacity:
    """What is left at one moment. ``None`` is what could not be read: a container hides some of it."""

    memory: int | None = None
    """Bytes that can be had without swapping: MemAvailable, and what the cgroup leaves of it."""
    open_files: int | None = None
    """Descriptors that a process started from here may have."""
    system_files: int | None = None
    """Open files that the kernel has room for beside those of now."""
    processes: int | None = None
    """Processes and threads that may still be started."""
    namespaces: int | None = None
    """Network namespaces that may be there at once (user.max_net_namespaces)."""
    neighbours: int | None = None
    """Entries that the IPv4 neighbour table takes, those of all namespaces together (gc_thresh3)."""
    missing: tuple[str, ...] = ()
    """Kinds of interface that are needed and that the kernel cannot make."""


def look(needed: Iterable[Resource] = ()) -> Capacity:
    """Ask the kernel. Which kinds of interface it lacks for ``needed`` is found out by root only."""
    return Capacity(
        memory=_least(_available(), _cgroup_left("memory.max", "memory.current")),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        system_files=_system_files(),
        processes=_least(_number("sys/kernel/threads-max"), _cgroup_left("pids.max", "pids.current")),
        namespaces=_number("sys/user/max_net_namespaces"),
        neighbours=_number("sys/net/ipv4/neigh/default/gc_thresh3"),
        missing=_missing(needed),
    )


def _missing(needed: Iterable[Resource]) -> tuple[str, ...]:
    try:
        return tuple(missing_kinds(needed))
    except PermissionError:
        return ()


def _available() -> int | None:
    for line in (_text(_PROC / "meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024
    return None


def _system_files() -> int | None:
    words = (_text(_PROC / "sys/fs/file-nr") or "").split()
    return int(words[2]) - int(words[0]) if len(words) == 3 else None


def _cgroup_left(most: str, now: str) -> int | None:
    """What the cgroups (v2) that we are in leave; None without a bound."""
    own = next(
        (line[3:] for line in (_text(_PROC / "self/cgroup") or "").splitlines() if line.startswith("0::")), ""
    )
    left: int | None = None
    folder = _CGROUP / own.strip("/")
    for place in (folder, *folder.parents):
        if not place.is_relative_to(_CGROUP):
            break
        bound, used = _text(place / most), _text(place / now)
        if bound and used and bound.isdigit():
            left = _least(left, int(bound) - int(used))
    return left


def _number(name: str) -> int | None:
    text = _text(_PROC / name)
    return int(text) if text and text.isdigit() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def _least(*numbers: int | None) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
