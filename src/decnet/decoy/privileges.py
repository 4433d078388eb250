"""Giving up privilege, for good, before the first byte of an attacker is read."""

from __future__ import annotations

import ctypes
import os
import resource

from decnet.decoy.kernel import LIBC, call, refused
from decnet.errors import MissingCapability

_PR_SET_DUMPABLE = 4
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_GET_NO_NEW_PRIVS = 39
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_LAST_CAPABILITY = 63
"""capabilities(7): the bounding set is dropped bit by bit; bits that the kernel does not know answer EINVAL."""
_CAPABILITY_VERSION_3 = 0x20080522
_THREADS = 16_384
"""RLIMIT_NPROC counts all of a user: the threads of all decoy processes of a network together."""
_NOTHING = (
    resource.RLIMIT_CORE,
    resource.RLIMIT_MEMLOCK,
    resource.RLIMIT_MSGQUEUE,
    resource.RLIMIT_NICE,
    resource.RLIMIT_RTPRIO,
)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


_Sets = ctypes.c_uint32 * 6
"""Effective, permitted, inheritable of the lower 32 capabilities, then of the upper ones (capset(2))."""


def drop(user: int) -> None:
    """Become ``user`` (and the group of the same number), with no groups, no capabilities and no way back.

    A process that is not root keeps its user: it has none to become. Looks at what came of it before it returns.

    Raises:
        MissingCapability: the kernel refused a step, or did not do it; the process must not go on.
    """
    root = os.geteuid() == 0
    if root:
        for capability in range(_LAST_CAPABILITY + 1):
            LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        _bound()
        try:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        except OSError as error:
            raise refused(f"become user {user}", error) from error
    LIBC.prctl(
        _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0
    )  # EINVAL before Linux 4.3, which has no such set
    _set_capabilities()
    call("forbid new privileges", "prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("forbid others to trace it", "prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.umask(0o077)
    _verify(user if root else os.getuid(), bounding=root)


def _bound() -> None:
    """Resources that nothing in here needs."""
    try:
        for kind in _NOTHING:
            resource.setrlimit(kind, (0, 0))
        resource.setrlimit(resource.RLIMIT_NPROC, (_THREADS, _THREADS))
    except (OSError, ValueError) as error:
        raise refused("limit its resources", OSError(str(error))) from error


def _set_capabilities() -> None:
    header = _Header(_CAPABILITY_VERSION_3, 0)
    if LIBC.capset(ctypes.byref(header), ctypes.byref(_Sets())) != 0:
        code = ctypes.get_errno()
        raise refused("empty its capabilities", OSError(code, os.strerror(code)))


def _verify(user: int, *, bounding: bool) -> None:
    header, sets = _Header(_CAPABILITY_VERSION_3, 0), _Sets()
    LIBC.capget(ctypes.byref(header), ctypes.byref(sets))
    kept = any(sets) or (
        bounding
        and any(LIBC.prctl(_PR_CAPBSET_READ, bit, 0, 0, 0) == 1 for bit in range(_LAST_CAPABILITY + 1))
    )
    foreign = os.getresuid() != (user,) * 3 or (bounding and os.getgroups())
    if kept or foreign or LIBC.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1:
        raise MissingCapability(
            "its privileges are not gone, whatever the kernel said",
            hint="look at /proc/self/status and at the container around it",
        )
