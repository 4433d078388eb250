"""One writer per network: flock(2) on a file, which the kernel releases whatever happens to its holder."""

from __future__ import annotations

import fcntl
import getpass
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from decnet.errors import LockHeld, StateError
from decnet.state.access import make_folder, remove_folder

_POLL_SECONDS = 0.1
REPAIR = "repair"
"""The command that the supervisor runs: nobody asked for it, so nobody is turned away because of it."""
_REPAIR_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock. ``since`` is ISO 8601, UTC."""

    pid: int
    user: str
    command: str
    since: str

    def __str__(self) -> str:
        return f"pid {self.pid} (user {self.user}, {self.command}, since {self.since})"


def is_held(folder: Path, network: str) -> bool:
    """Whether somebody holds a network's lock now; takes nothing, waits for nothing (proc_locks(5))."""
    try:
        found = (folder / f"{network}.lock").stat()
    except OSError:
        return False
    mark = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    held = re.compile(rf"^\d+: FLOCK .* {mark} ", re.MULTILINE)  # whoever waits has an arrow after the number
    return bool(held.search(Path("/proc/locks").read_text()))


@contextmanager
def lock(
    folder: Path,
    network: str,
    command: str,
    timeout: float = 0.0,
    waiting: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Hold a network's lock. ``timeout`` in seconds; ``waiting`` is told once who holds it, before the wait.

    For a repair it waits in any case, unless it is one itself.

    Raises `LockHeld` with the holder when the time is over, `StateError` when the folder cannot be used.
    """
    path = folder / f"{network}.lock"
    try:
        make_folder(folder)
        handle = _acquire(path, network, timeout, waiting, patient=command != REPAIR)
    except OSError as error:
        raise StateError(
            f"cannot lock {path}: {error.strerror}",
            hint="run as root, or name another folder in DECNET_STATE_DIR",
        ) from None
    try:
        _sign(handle, command)
        yield
    finally:
        # The file goes while it is still locked; whoever waits on it notices that its name is gone.
        path.unlink(missing_ok=True)
        remove_folder(folder)
        os.close(handle)


def _acquire(
    path: Path, network: str, timeout: float, waiting: Callable[[str], None], *, patient: bool
) -> int:
    began = time.monotonic()
    told = False
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, path):
                return handle
            os.close(handle)
            continue
        except BlockingIOError:
            holder = _holder(handle)
            message = f"network {network} is locked by {holder or 'another command'}"
            os.close(handle)
        repairing = patient and holder is not None and holder.command == REPAIR
        deadline = began + (max(timeout, _REPAIR_SECONDS) if repairing else timeout)
        if time.monotonic() >= deadline:
            raise LockHeld(message, hint="wait for it, or give --lock-timeout SECONDS")
        if not told:
            waiting(message)
            told = True
        time.sleep(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))


def _is_at(handle: int, path: Path) -> bool:
    """Whether the locked file is still the one that others find by its name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _sign(handle: int, command: str) -> None:
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    os.ftruncate(handle, 0)
    os.pwrite(handle, msgspec.json.encode(Holder(os.getpid(), _user(), command, since)), 0)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _holder(handle: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(handle, 4096, 0), type=Holder)
    except (msgspec.MsgspecError, OSError):
        return None
