"""Doors to the state: where it is, a look at it, and the store that writes it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from decnet.errors import StateError
from decnet.state.model import About, Snapshot

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from decnet.state.writer import Store

DEFAULT = Path("/var/lib/decnet")
VARIABLE = "DECNET_STATE_DIR"
DATABASE = "state.db"
_MARK = ".made-by-decnet"
"""In a folder that was not there before us."""
_TRIES = 5

T = TypeVar("T")


def directory(argument: str | Path | None = None) -> Path:
    """The state folder: the argument, else DECNET_STATE_DIR, else /var/lib/decnet."""
    return Path(argument or os.environ.get(VARIABLE) or DEFAULT)


def read(folder: Path, network: str) -> Snapshot:
    """What is saved of a network. Writes nothing, makes no file. Raises `StateError`."""
    nothing = Snapshot(About(network))
    if not _exists(folder / DATABASE):
        return nothing
    from decnet.state.writer import snapshot  # noqa: PLC0415 (0.2 s, for those who have a state)

    return _read(folder, lambda connection: snapshot(connection, folder / DATABASE, network), nothing)


def networks(folder: Path) -> list[About]:
    """Every network that is saved. Writes nothing, makes no file. Raises `StateError`."""
    if not _exists(folder / DATABASE):
        return []
    from decnet.state.writer import names  # noqa: PLC0415 (as above)

    return _read(folder, names, [])


@contextmanager
def store(folder: Path, network: str) -> Iterator[Store]:
    """The store of a network whose `lock` is held. The database is made where there is none.

    When the last network was forgotten meanwhile, its files go with it. Raises `StateError`.
    """
    from decnet.state.database import guarded, writing  # noqa: PLC0415 (as above)
    from decnet.state.writer import Store  # noqa: PLC0415 (as above)

    path = folder / DATABASE
    with guarded(path):
        make_folder(folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Shared by all who write, so that nobody takes the file away from under another network's run.
        fcntl.flock(handle, fcntl.LOCK_SH)
        with writing(path) as connection:
            yield Store(connection, path, network)
        _tidy(folder, handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make the state folder, 0700, and mark it as ours to take away. Raises `OSError`."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        return
    (folder / _MARK).touch(mode=0o600)


def remove_folder(folder: Path) -> None:
    """Take away a state folder that we made, when nothing is in it any more."""
    with suppress(OSError):
        if [entry.name for entry in folder.iterdir()] == [_MARK]:
            (folder / _MARK).unlink()
            folder.rmdir()


def _tidy(folder: Path, handle: int) -> None:
    """Without any network, the database has nothing to say: remove its files, if nobody else writes."""
    if networks(folder):
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    if not networks(folder):
        for suffix in ("", "-wal", "-shm"):
            (folder / (DATABASE + suffix)).unlink(missing_ok=True)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise StateError(
            f"the state in {path} cannot be opened: {error.strerror}",
            hint="run as the user who applied (root), or name another folder in DECNET_STATE_DIR",
        ) from None


def _read(folder: Path, action: Callable[[Connection], T], nothing: T) -> T:
    """Read at rest: again, when the file changed while it was read (see ``immutable`` in `database`)."""
    from decnet.state.database import is_begun, reading  # noqa: PLC0415 (as above)

    path = folder / DATABASE
    for attempt in range(_TRIES):
        before = _stamp(path)
        try:
            with reading(path) as connection:
                result = nothing if is_begun(connection) else action(connection)
        except StateError:
            if attempt + 1 == _TRIES or _stamp(path) == before:
                raise
            continue
        if _stamp(path) == before:
            return result
    raise StateError(f"the state in {path} is being written all the time", hint="try again")


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
