"""A view of the machine in which there is nothing but the folder that events are written to.

The process moves into namespaces of its own: mounts (an empty read-only root), network (nothing but a loopback that
is down: it has the sockets it was handed, which stay in the namespaces they were made in), IPC, UTS and cgroups.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from decnet.decoy import mounts
from decnet.decoy.kernel import refused

_EVENTS, _SCRATCH = mounts.ROOT / "events", mounts.ROOT / "tmp"


def enter(folder: int, user: int) -> int:
    """Leave the host behind; the events folder (an open descriptor) comes along. Its new descriptor.

    The old one is closed: from a descriptor of the host's tree ``..`` leads up to the host's root. The new one is of
    a mount that is nowhere any more, and so its own top. What is left is ``/`` and a ``/tmp`` of ``user`` in memory.
    Needs CAP_SYS_ADMIN, and no second thread.

    Raises:
        MissingCapability: the kernel has no such namespace, or refuses.
    """
    path = Path(f"/proc/self/fd/{folder}").readlink()
    mounts.leave("mounts", "network", "IPC", "host name", "cgroups")
    socket.sethostname("localhost")
    mounts.memory("have an empty root", mounts.ROOT, "size=4k,nr_inodes=4,mode=0555")
    for place in (_EVENTS, _SCRATCH):
        place.mkdir(0o555)
    scratch = f"size=256k,nr_inodes=16,mode=0700,uid={user},gid={user}"
    mounts.memory("have a folder for passing files", _SCRATCH, scratch)
    events = _events(path, folder)
    os.close(folder)
    mounts.move_in(mounts.HARMLESS)
    return events


def _events(path: Path, folder: int) -> int:
    purpose = "see its events folder"
    mounts.bind(purpose, path, _EVENTS, mounts.HARMLESS)
    events = os.open(_EVENTS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not os.path.samestat(os.fstat(events), os.fstat(folder)):
        raise refused(purpose, OSError("another folder has taken its place"))
    mounts.detach(purpose, _EVENTS)
    return events
