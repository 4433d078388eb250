"""Giving up privilege, for good, before the first byte of an attacker is read."""

from __future__ import annotations

import ctypes
import os
import resource

_PR_SET_NO_NEW_PRIVS = 38
_PR_CAPBSET_DROP = 24
_LAST_CAPABILITY = 63
"""capabilities(7): the bounding set is dropped bit by bit; bits that the kernel does not know answer EINVAL."""


def drop(user: int) -> None:
    """Become ``user`` (and the group of the same number), with no groups, no capabilities and no way back.

    Does nothing more than `no_new_privs` when the process is not root: there is nothing to give up.

    Raises:
        OSError: the kernel refused; the process must not go on.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        for capability in range(_LAST_CAPABILITY + 1):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
