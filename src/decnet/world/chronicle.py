"""Events that the privileged side writes: into the log of the decoy processes, as their user.

The folder of a network's events belongs to the user that serves attackers, who could have put anything in it. So root
writes there as that user, who can do no more than it could before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from decnet.errors import WorldError
from decnet.events import Event, FileSink
from decnet.world import names, spawn


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
