"""Which TCP/IP personality an interface has, and whether this machine can give it one. Loads no pyroute2.

Two filters of the clsact queueing discipline carry it: by name they tell which version of the program they mean, by class
id which value, so one dump shows drift.
"""

from __future__ import annotations

import errno
import functools

from decnet.stack import shipped
from decnet.world import bpf, namespaces
from decnet.world.netlink import EGRESS, INGRESS, NetlinkError, Socket, probe_filters

ENDS = (("inbound", INGRESS), ("outbound", EGRESS))
_LOOPBACK = 1
_UNKNOWN = (errno.ENOENT, errno.EOPNOTSUPP)
"""What a kernel says of a kind that it has not."""


_REFUSALS = {
    errno.EPERM: "bpf(2) is not permitted: no CAP_BPF in the first user namespace, a seccomp filter, or lockdown",
    errno.ENOSYS: "kernel has no CONFIG_BPF_SYSCALL",
}


def attached(kernel: Socket, index: int) -> str:
    """The class id, hex, of the personality on an interface; empty without one, or one that is not whole or of this version."""
    version = shipped().version
    try:
        seen = [kernel.filters(index, end) for _, end in ENDS]
    except NetlinkError as error:
        if error.errno in (*_UNKNOWN, errno.EINVAL):
            return ""
        raise
    ids = {
        one.class_id if one.name == bpf.program_name(name, version) else 0
        for (name, _), found in zip(ENDS, seen, strict=True)
        for one in found
    }
    return f"{ids.pop():08x}" if len(ids) == 1 and 0 not in ids and all(seen) else ""


@functools.cache
def obstacle() -> str:
    """Why this machine cannot give an interface a personality, for a person; empty when it can. 10 ms, once a process.

    Raises PermissionError without CAP_SYS_ADMIN.
    """
    lacking = namespaces.in_new(_lacking)
    if lacking:
        return lacking
    try:
        loaded = bpf.find(shipped()) or bpf.load(shipped())
    except bpf.BpfError as error:
        return _REFUSALS.get(error.errno or 0) or f"the kernel took no program: {error.strerror}"
    loaded.close()
    return ""


def _lacking() -> str:
    with Socket() as kernel:
        clsact, program = kernel.attempt(*probe_filters(_LOOPBACK))
    if clsact and clsact.errno in _UNKNOWN:
        return "kernel has no CONFIG_NET_SCH_INGRESS"
    if program and program.errno in _UNKNOWN:
        return "kernel has no CONFIG_NET_CLS_BPF"
    return ""
