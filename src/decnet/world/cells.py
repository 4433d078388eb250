"""Which container a decoy process belongs in: written down beside its control socket, for whoever starts it.

The supervisor restarts decoy processes and knows nothing of Docker: a process id of the container is all it needs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from decnet.errors import WorldError
from decnet.world import bounds

_START_TIME = 19
"""Field of /proc/PID/stat after the name: two processes of one number began at two times (proc_pid_stat(5))."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A decoy's container by its first process, which began at ``since`` (clock ticks since boot)."""

    decoy: str
    pid: int
    since: int


class Doors(NamedTuple):
    """Open descriptors: of the container's process namespace, and of the ``cgroup.procs`` of each of its cgroups."""

    namespace: int
    groups: tuple[int, ...]


def put(run_dir: Path, number: int, decoy: str, pid: int) -> None:
    """Write down that process ``number`` belongs in the container of this process. Raises `OSError`."""
    cell = Cell(decoy, pid, _since(pid))
    if of(run_dir, number) != cell:
        path = _path(run_dir, number)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(cell))
        fresh.rename(path)


def of(run_dir: Path, number: int) -> Cell | None:
    """The cell of a process; None of one that runs on the host."""
    try:
        return msgspec.json.decode(_path(run_dir, number).read_bytes(), type=Cell)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def are_there(run_dir: Path) -> bool:
    """Whether any process of a network belongs in a container."""
    return any(run_dir.glob("process-*.cell"))


def forget(run_dir: Path, decoy: str) -> None:
    """The decoy has no container any more: what lies beside its process's control socket goes."""
    with contextlib.suppress(FileNotFoundError):
        for path in run_dir.glob("process-*.cell"):
            number = int(path.stem.removeprefix("process-"))
            cell = of(run_dir, number)
            if cell and cell.decoy == decoy:
                for one in run_dir.glob(f"{path.stem}.*"):
                    one.unlink(missing_ok=True)


@contextlib.contextmanager
def opened(cell: Cell) -> Iterator[Doors]:
    """What a process needs to move in. Raises `WorldError` when the container does not run any more."""
    with contextlib.ExitStack() as stack:
        try:
            namespace = _open(stack, Path(f"/proc/{cell.pid}/ns/pid"), os.O_RDONLY)
            groups = [
                _open(stack, group / "cgroup.procs", os.O_WRONLY) for group in bounds.groups_of(cell.pid)
            ]
            runs = _since(cell.pid) == cell.since
        except OSError:
            runs = False
        if not runs:
            raise WorldError(
                f"the container of {cell.decoy} does not run any more",
                hint="decnet status; decnet apply FILE",
            )
        yield Doors(namespace, tuple(groups))


def _path(run_dir: Path, number: int) -> Path:
    return run_dir / f"process-{number}.cell"


def _open(stack: contextlib.ExitStack, path: Path, flags: int) -> int:
    fd = os.open(path, flags | os.O_CLOEXEC)
    stack.callback(os.close, fd)
    return fd


def _since(pid: int) -> int:
    """Raises `OSError` when there is no such process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_START_TIME])
