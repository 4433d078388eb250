"""Moving into a container: its process namespace, and its cgroups, whose limits hold from then on.

When the container ends, the kernel kills what is in its process namespace, and so what was forked there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from decnet.decoy.kernel import call, refused

_CLONE_NEWPID = 0x2000_0000


def fork(home: int, namespace: int) -> int:
    """Fork a process into a container; the answer is that of `os.fork`, here and there.

    ``home`` and ``namespace`` are open descriptors of this process's process namespace and of the container's. Who calls
    setns(2) stays where it is: what it forks from then on is elsewhere. Needs CAP_SYS_ADMIN, and no second thread.

    Raises:
        MissingCapability: the kernel refuses, or the container has ended.
    """
    call("join the processes of its container", "setns", namespace, _CLONE_NEWPID)
    pid = -1
    try:
        pid = os.fork()
    except OSError as error:
        raise refused("start among the processes of its container", error) from error
    finally:
        if pid != 0:
            call("fork the next one elsewhere", "setns", home, _CLONE_NEWPID)
    return pid


def join(groups: Iterable[int]) -> None:
    """Move this process into cgroups: open descriptors of their ``cgroup.procs``, which are closed. Raises OSError."""
    for group in groups:
        os.write(group, b"0")
        os.close(group)
