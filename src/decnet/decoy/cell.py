"""Moving into a container: its cgroups, whose limits hold from then on, and its process namespace.

When the container ends, the kernel kills what is in its process namespace, this process too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from decnet.decoy.kernel import call

_CLONE_NEWPID = 0x2000_0000


def enter(namespace: int, groups: Iterable[int]) -> None:
    """Go on as a child of the container's first process; the process that calls this ends, and never returns.

    ``namespace`` is an open descriptor of the process namespace, ``groups`` of ``cgroup.procs`` files; all are closed.
    Needs CAP_SYS_ADMIN, and no second thread.

    Raises:
        MissingCapability: the kernel refuses.
    """
    for group in groups:
        os.write(group, b"0")
        os.close(group)
    call("join the processes of its container", "setns", namespace, _CLONE_NEWPID)
    os.close(namespace)
    if os.fork():  # a process stays where it is: only what it forks is in there (setns(2))
        os._exit(0)
    os.setsid()
