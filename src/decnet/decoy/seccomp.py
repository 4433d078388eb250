"""The system calls that a process can make, by libseccomp; of a decoy process, once it serves: an allow-list.

What is not on it fails with EPERM, and the process goes on. What libraries try before something older fails with
ENOSYS, so that they fall back. Files can be looked for: there are none (`decnet.decoy.view`), and a library that is
told so goes on, where one that is forbidden to look may not. The names of calls are resolved by libseccomp, for
whatever processor it runs on.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from decnet.errors import MissingCapability

_LIBRARY = "libseccomp.so.2"
_ALLOW = 0x7FFF_0000
_ERRNO = 0x0005_0000
_BAD_ARCHITECTURE, _ALL_THREADS, _TREE = 2, 4, 8
"""SCMP_FLTATR_…: what a call by another architecture's numbers gets, whether threads are bound too, how to search."""
_MASKED_EQUAL = 7
_UNKNOWN = -1
_WORD = 0xFFFF_FFFF
"""Arguments of type int: what the upper half of their register holds is not defined."""

_PROT_EXEC = 4
_CLONE_THREAD = 0x0001_0000
_CLONE_NEW = 0x7E02_0000
_MSG_FASTOPEN = 0x2000_0000
_AT_FDCWD = -100 & _WORD
_FIONREAD, _FIONBIO, _FIONCLEX, _FIOCLEX = 0x541B, 0x5421, 0x5450, 0x5451
_PR_SET_NAME = 15

ALWAYS = (
    # memory and threads
    *("brk", "munmap", "mremap", "madvise", "futex", "set_robust_list", "rseq", "sched_yield", "exit"),
    *("exit_group", "sched_getaffinity", "restart_syscall", "rt_sigreturn", "rt_sigprocmask", "sigaltstack"),
    "rt_sigaction",
    # time, chance, and who it is
    *("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom"),
    *(
        "getpid",
        "gettid",
        "getresuid",
        "getresgid",
        "getuid",
        "geteuid",
        "getgid",
        "getegid",
        "getrusage",
        "times",
        "uname",
    ),
    # descriptors it has
    *("read", "readv", "pread64", "write", "writev", "close", "lseek", "fstat", "flock", "fdatasync"),
    *("poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_ctl"),
    # sockets it was handed, and what they accept
    *("accept", "accept4", "recvfrom", "recvmsg", "shutdown", "getsockname", "getpeername", "getsockopt"),
    # paths: into the empty root
    *("open", "stat", "lstat", "newfstatat", "access", "faccessat", "readlink", "readlinkat", "getcwd"),
    "unlink",
)
"""Harmless whatever their arguments."""
ABSENT = ("clone3", "openat2", "faccessat2", "statx", "close_range")
"""ENOSYS: the C library falls back to calls whose arguments a filter can see."""
SOCKET_OPTIONS = (
    *((socket.SOL_SOCKET, option) for option in (socket.SO_SNDBUF, socket.SO_RCVBUF)),
    *((socket.SOL_SOCKET, option) for option in (socket.SO_KEEPALIVE, socket.SO_LINGER)),
    *((socket.IPPROTO_TCP, option) for option in (socket.TCP_NODELAY, socket.TCP_CORK, socket.TCP_QUICKACK)),
    *((socket.IPPROTO_TCP, option) for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL)),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
)
FCNTL = (*(fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL),)
IOCTL = (_FIONREAD, _FIONBIO, _FIONCLEX, _FIOCLEX)


class _Compare(ctypes.Structure):
    """struct scmp_arg_cmp: argument number, operator, and a value, or a mask and a value."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


class Where(NamedTuple):
    """A condition on one argument: what of it the mask lets through is this value."""

    argument: int
    value: int
    mask: int = _WORD


class Rule(NamedTuple):
    """A call that gets its own answer: an error number, or 0 to let it through, where all conditions hold."""

    call: str
    answer: int
    where: tuple[Where, ...] = ()


def rules(events: int, process: int) -> tuple[Rule, ...]:
    """Everything that is not answered by EPERM, in the process that `own` is of."""
    return (*COMMON, *own(events, process))


def own(events: int, process: int) -> Iterator[Rule]:
    """What each process has for itself.

    ``events`` is the descriptor of the one folder of the host, ``process`` its own number.
    """
    yield Rule("openat", 0, (Where(0, events),))
    for name in ("renameat", "renameat2"):
        yield Rule(name, 0, (Where(0, events), Where(2, events)))
    yield Rule("tgkill", 0, (Where(0, process),))


def _common() -> Iterator[Rule]:
    yield from (Rule(name, 0) for name in ALWAYS)
    yield from (Rule(name, errno.ENOSYS) for name in ABSENT)
    for name in ("openat", "unlinkat"):
        yield Rule(name, 0, (Where(0, _AT_FDCWD),))
    for name in ("mmap", "mprotect"):
        yield Rule(name, 0, (Where(2, 0, _PROT_EXEC),))
    yield Rule("clone", 0, (Where(0, _CLONE_THREAD, _CLONE_THREAD | _CLONE_NEW),))
    yield Rule("setpriority", 0, (Where(0, os.PRIO_PROCESS), Where(1, 0)))  # the calling thread's own
    # A listening socket that is shut down could be connected by the first data: tcp(7), MSG_FASTOPEN.
    yield Rule("sendto", 0, (Where(3, 0, _MSG_FASTOPEN),))
    yield Rule("sendmsg", 0, (Where(2, 0, _MSG_FASTOPEN),))
    for level, option in SOCKET_OPTIONS:
        yield Rule("setsockopt", 0, (Where(1, level), Where(2, option)))
    yield from (Rule("fcntl", 0, (Where(1, command),)) for command in FCNTL)
    yield from (Rule("ioctl", 0, (Where(1, request),)) for request in IOCTL)
    yield Rule("prctl", 0, (Where(0, _PR_SET_NAME),))
    yield Rule("prlimit64", 0, (Where(0, 0), Where(2, 0, (1 << 64) - 1)))  # reading its own


COMMON = tuple(_common())
"""What every decoy process is let do."""


def library() -> ctypes.CDLL:
    """The library. Raises `MissingCapability` that says how to get it."""
    try:
        loaded = ctypes.CDLL(_LIBRARY, use_errno=True)
    except OSError:
        raise MissingCapability(
            f"decoy processes need {_LIBRARY}, which is not there",
            hint="install it: sudo apt install libseccomp2, or dnf install libseccomp",
        ) from None
    loaded.seccomp_init.restype = ctypes.c_void_p
    return loaded


class Filter:
    """A filter in the making: what many processes have in common is made before they are forked.

    A call that has no rule is answered by ``otherwise`` (0: it is let through). Raises `MissingCapability`.
    """

    def __init__(self, lib: ctypes.CDLL, answers: Iterable[Rule], otherwise: int = errno.EPERM) -> None:
        self._lib = lib
        self._context = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(_action(otherwise))))
        if not self._context:
            raise MissingCapability("libseccomp cannot make a filter", hint="is the processor known to it?")
        for attribute, value in ((_BAD_ARCHITECTURE, _ERRNO | errno.EPERM), (_ALL_THREADS, 1), (_TREE, 2)):
            _check(lib.seccomp_attr_set(self._context, attribute, ctypes.c_uint32(value)))
        self._add(answers)

    def load(self, answers: Iterable[Rule] = ()) -> None:
        """Put it, with these rules too, on this process, all its threads, and whatever comes after; nothing takes it off.

        Needs ``no_new_privs``. Raises `MissingCapability`.
        """
        self._add(answers)
        _check(self._lib.seccomp_load(self._context))
        self._lib.seccomp_release(self._context)

    def _add(self, answers: Iterable[Rule]) -> None:
        for rule in answers:
            _add(self._lib, self._context, rule)


def _add(lib: ctypes.CDLL, context: ctypes.c_void_p, rule: Rule) -> None:
    number = lib.seccomp_syscall_resolve_name(rule.call.encode())
    if number == _UNKNOWN:
        raise MissingCapability(
            f"{_LIBRARY} does not know the system call {rule.call}",
            hint="version 2.5 of 2020 does: install a newer one",
        )
    if number < 0:  # a call that this processor's kernel does not have
        return
    compared = (_Compare * len(rule.where))(
        *(_Compare(one.argument, _MASKED_EQUAL, one.mask, one.value) for one in rule.where)
    )
    action = ctypes.c_uint32(_action(rule.answer))
    _check(lib.seccomp_rule_add_array(context, action, number, len(rule.where), compared))


def _action(answer: int) -> int:
    return _ERRNO | answer if answer else _ALLOW


def _check(result: int) -> None:
    if result != 0:
        raise MissingCapability(
            f"the kernel takes no seccomp filter: {os.strerror(-result)}",
            hint="decoy processes need one with CONFIG_SECCOMP_FILTER",
        )
