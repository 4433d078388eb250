"""Events that the privileged side writes: into the log of the decoy processes, as their user.

The folder of a network's events belongs to the user that serves attackers, who could have put anything in it. So root
writes there as that user, who can do no more than it could before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from decnet.decoy import artifacts, cast
from decnet.errors import WorldError
from decnet.events import Event, FileSink
from decnet.world import names, spawn

SHELVES = (cast.FOLDER, artifacts.FOLDER)


def write(network: str, events_dir: Path, events: Iterable[Event]) -> None:
    """Append events to a network's log. Raises `WorldError` when the folder cannot be used.

    Not beside other threads: the user that it writes as is the whole process's.
    """
    with spawn.events_folder(events_dir, names.uid(network)) as folder, _as_user(names.uid(network)):
        sink = FileSink(folder)
        for event in events:
            sink.write(event)
        sink.close()
        if sink.dropped:
            raise WorldError(f"{sink.dropped} events could not be written to {events_dir}")


def shelves(network: str, events_dir: Path) -> None:
    """Make the folders beside the log that what visitors did and left is kept in. Raises `WorldError`.

    Beside other threads: a folder is made and given away without becoming its user, and no link is followed.
    """
    with spawn.events_folder(events_dir, names.uid(network)) as folder:
        for name in SHELVES:
            try:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=folder)
                fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                try:
                    if os.geteuid() == 0:
                        os.fchown(fd, names.uid(network), -1)
                finally:
                    os.close(fd)
            except OSError as error:
                raise WorldError(f"cannot keep anything in {events_dir / name}: {error.strerror}") from error


@contextmanager
def _as_user(uid: int) -> Iterator[None]:
    """The effective user and group of the block (setresuid(2)): what it opens, it opens as that user."""
    if os.geteuid() != 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([])
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
