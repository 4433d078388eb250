"""Calls of the kernel and of the C library that Python has no name for."""

from __future__ import annotations

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)


def named(name: str, *arguments: object) -> None:
    """A function of the C library that answers 0 or -1. Raises OSError."""
    _checked(getattr(_libc, name)(*arguments))


def numbered(number: int, *arguments: object) -> int:
    """A system call by its number, which every machine has alike from 424 on. Raises OSError."""
    return _checked(int(_libc.syscall(number, *arguments)))


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
