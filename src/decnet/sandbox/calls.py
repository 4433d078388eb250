"""The system calls that a sandboxed program cannot make: all else it can, it is any program, and runs others.

It has no capability and gets none, so the kernel refuses most of these to it anyway. They are the doors that were left
open before: what reaches the kernel's own machinery, other processes, or namespaces in which it would be root.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

from decnet.decoy.seccomp import Rule, Where

_FORBIDDEN = (
    # mounts and roots
    *("mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount"),
    *("fspick", "mount_setattr", "swapon", "swapoff", "quotactl", "name_to_handle_at", "open_by_handle_at"),
    # namespaces
    *("unshare", "setns"),
    # other processes
    *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "process_madvise"),
    # the kernel's machinery
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("keyctl", "add_key", "request_key", "fanotify_init", "lookup_dcookie", "syslog", "vmsplice"),
    *("move_pages", "migrate_pages", "mbind", "set_mempolicy", "get_mempolicy"),
    # the machine
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "acct"),
    *("iopl", "ioperm", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname"),
    *("setdomainname", "vhangup", "nfsservctl", "modify_ldt"),
)
_CLONE_NEW = (0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000)
"""Mounts, cgroups, host name, IPC, users, processes, network: each bit has a rule."""
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
"""Typing into a terminal, or asking it to."""
_ALL = (1 << 64) - 1
_FAMILIES = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK}
"""Netlink, for the list of its own addresses."""
_MOST_FAMILIES = 64
"""The kernel knows 46 of them."""


def rules() -> Iterator[Rule]:
    """Everything that is not let through."""
    yield from (Rule(name, errno.EPERM) for name in _FORBIDDEN)
    yield Rule(
        "clone3", errno.ENOSYS
    )  # its arguments are where a filter sees nothing: the C library falls back
    for flag in _CLONE_NEW:
        yield Rule("clone", errno.EPERM, (Where(0, flag, flag),))
    for request in (_TIOCSTI, _TIOCLINUX):
        yield Rule("ioctl", errno.EPERM, (Where(1, request),))
    for family in range(_MOST_FAMILIES):
        if family not in _FAMILIES:
            yield Rule("socket", errno.EAFNOSUPPORT, (Where(0, family),))
    yield Rule("socket", errno.EPERM, (Where(0, socket.AF_INET), Where(1, socket.SOCK_RAW, 0xF)))
    yield Rule("socket", errno.EPERM, (Where(0, socket.AF_INET6), Where(1, socket.SOCK_RAW, 0xF)))
