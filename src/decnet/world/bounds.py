"""What a decoy process may take of the machine: resource limits, and a cgroup of its own where it has bounds.

The cgroup is ``decnet/NETWORK:NUMBER`` below the root of the hierarchy that has the controller: the unified one
(cgroup v2), or the controller's own (v1). What is there is found out by looking; a machine may have both.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from decnet.errors import WorldError
from decnet.services.limits import Bounds

_OPEN_FILES = 1 << 16
_FILE_SIZE = 1 << 27
"""No file a decoy process writes gets larger, its log included; event files are put aside at half of this."""
_SHARE_OF_MEMORY = 2
"""A process without a bound of its own may have one part in this of the machine's memory."""
_OWN = 7 / 8
"""The part of a bound on memory that a process may map for itself; the rest is for what the kernel and libraries take.
So it is refused more memory, which ends one session, before the cgroup has the kernel end the process."""
_PARENT = "decnet"
_PERIOD = 100_000
"""Microseconds over which a share of a processor is measured: the kernel's own default."""
_EMPTY_SECONDS = 2.0
"""How long the kernel may take to see that the last process has left a cgroup."""
_CONTROLLERS = ("memory", "cpu", "pids")
_ESCAPED = re.compile(r"\\([0-7]{3})")


class Hierarchy(NamedTuple):
    path: Path
    unified: bool


def limits(bounds: Bounds) -> tuple[tuple[int, int], ...]:
    """Resource limits of a process: RLIMIT_… and the most of it."""
    return (
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_FSIZE, _FILE_SIZE),
        (resource.RLIMIT_DATA, _memory(bounds)),
    )


def limit(pid: int, bounds: Bounds) -> None:
    """Set the resource limits of a process that is still ours. What the machine does not let us set stays as it is."""
    for kind, most in limits(bounds):
        with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
            resource.prlimit(pid, kind, (most, most))


def put(network: str, number: int, pid: int, bounds: Bounds) -> None:
    """Bound a running process, anew where it is bound already. Raises `WorldError`."""
    _limit_memory(network, number, pid, bounds)
    for procs in prepared(network, str(number), bounds):
        with _explained(procs):
            procs.write_text(str(pid))


def prepared(network: str, name: str, bounds: Bounds) -> Iterator[Path]:
    """Have a cgroup of these bounds in each hierarchy that has a controller for one of them; its ``cgroup.procs``.

    Raises `WorldError`.
    """
    found = hierarchies(Path("/proc/self/mountinfo").read_text())
    for controller, asked in _asked(bounds).items():
        hierarchy = found.get(controller)
        group = hierarchy.path / _PARENT / f"{network}:{name}" if hierarchy else None
        if group is None or hierarchy is None or (not asked and not group.exists()):
            continue
        with _explained(group / controller):
            _make(hierarchy, controller, group)
            for file, value in values(controller, bounds, unified=hierarchy.unified):
                (group / file).write_text(value)
        yield group / "cgroup.procs"


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        network, _, name = path.parent.name.partition(":")
        what = f"decoy process {name}" if name.isdecimal() else name
        raise WorldError(
            f"cannot bound {what} of {network}: {error.strerror}", hint=f"look at {path.parent}"
        ) from error


def missing(bounds: Bounds) -> list[str]:
    """What these bounds need and this machine does not have, by name. Memory is bounded without a cgroup too."""
    found = hierarchies(Path("/proc/self/mountinfo").read_text())
    asked = _asked(bounds)
    return [name for name in ("cpu", "pids") if asked[name] and name not in found]


def forget(network: str) -> None:
    """Remove the cgroups of a network's processes, which have ended."""
    for hierarchy in set(hierarchies(Path("/proc/self/mountinfo").read_text()).values()):
        parent = hierarchy.path / _PARENT
        with contextlib.suppress(OSError):  # not there, or others are in it
            for group in parent.iterdir():
                if group.name.startswith(f"{network}:"):
                    _remove(group)
            parent.rmdir()


def release(network: str, name: str) -> None:
    """Remove the cgroups of this name, whose processes have ended."""
    for hierarchy in set(hierarchies(Path("/proc/self/mountinfo").read_text()).values()):
        group = hierarchy.path / _PARENT / f"{network}:{name}"
        if group.exists():
            _remove(group)


def _remove(group: Path) -> None:
    deadline = time.monotonic() + _EMPTY_SECONDS
    while True:
        try:
            group.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                return
            time.sleep(0.01)
        else:
            return


def _memory(bounds: Bounds) -> int:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(bounds.memory * _OWN) or machine // _SHARE_OF_MEMORY


def _limit_memory(network: str, number: int, pid: int, bounds: Bounds) -> None:
    """Of a process that has become another user's already, only CAP_SYS_RESOURCE changes the limits."""
    try:
        (line,) = (
            line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "data size" in line
        )
        if str(_memory(bounds)) not in line.split():
            resource.prlimit(pid, resource.RLIMIT_DATA, (_memory(bounds), _memory(bounds)))
    except (FileNotFoundError, ProcessLookupError):  # it ended: the next one is started with its bounds
        return
    except PermissionError:
        raise WorldError(
            f"the memory of decoy process {number} of {network} cannot be changed while it runs",
            hint=f"that needs CAP_SYS_RESOURCE; or end it, and apply again: kill {pid}",
        ) from None


def _asked(bounds: Bounds) -> Mapping[str, bool]:
    return {"memory": bounds.memory > 0, "cpu": bounds.cpu > 0, "pids": bounds.pids > 0}


def values(controller: str, bounds: Bounds, *, unified: bool) -> Iterator[tuple[str, str]]:
    """The files of a controller and what goes into them, in order (kernel: admin-guide/cgroup-v2, cgroup-v1)."""
    quota = int(bounds.cpu * _PERIOD)
    match controller, unified:
        case "memory", True:
            yield "memory.max", str(bounds.memory or "max")
        case "memory", False:
            yield "memory.limit_in_bytes", str(bounds.memory or -1)
        case "cpu", True:
            yield "cpu.max", f"{quota or 'max'} {_PERIOD}"
        case "cpu", False:
            yield "cpu.cfs_period_us", str(_PERIOD)
            yield "cpu.cfs_quota_us", str(quota or -1)
        case _:
            yield "pids.max", str(bounds.pids or "max")


def _make(hierarchy: Hierarchy, controller: str, group: Path) -> None:
    group.mkdir(mode=0o755, parents=True, exist_ok=True)
    if hierarchy.unified:
        for above in (hierarchy.path, group.parent):
            (above / "cgroup.subtree_control").write_text(f"+{controller}")


def groups_of(pid: int) -> tuple[Path, ...]:
    """The cgroups that a process is in, of every hierarchy that can be used here. Raises `OSError`."""
    own = dict(_memberships(Path(f"/proc/{pid}/cgroup").read_text()))
    found = []
    for hierarchy, names in _usable():
        paths = (own[name] for name in ([""] if hierarchy.unified else names) if name in own)
        found += [hierarchy.path / path.lstrip("/") for path in paths][:1]
    return tuple(found)


@lru_cache(maxsize=1)
def _usable() -> tuple[tuple[Hierarchy, Sequence[str]], ...]:
    """Asked once: the list of mounts has some of each container, and takes the longer to read the more there are."""
    return tuple(_mounted(Path("/proc/self/mountinfo").read_text()))


def _memberships(text: str) -> Iterator[tuple[str, str]]:
    """Controller (empty: the unified hierarchy) → path of the cgroup in its hierarchy: cgroups(7)."""
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        yield from ((controller, path) for controller in controllers.split(","))


def hierarchies(mountinfo: str) -> dict[str, Hierarchy]:
    """Controller → where it can be used: proc_pid_mountinfo(5)."""
    return {
        name: hierarchy for hierarchy, names in _mounted(mountinfo) for name in names if name in _CONTROLLERS
    }


def _mounted(mountinfo: str) -> Iterator[tuple[Hierarchy, Sequence[str]]]:
    """Every hierarchy that can be written to, with its controllers."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind not in {"cgroup", "cgroup2"}:
            continue
        path = Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4]))
        if not os.access(path, os.W_OK):
            continue
        unified = kind == "cgroup2"
        try:
            names = (path / "cgroup.controllers").read_text().split() if unified else options.split(",")
        except OSError:
            continue
        yield Hierarchy(path, unified=unified), names
