"""Calls of the C library that Python has no name for, each with an error that says what was wanted."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from decnet.errors import MissingCapability

LIBC = ctypes.CDLL(None, use_errno=True)


def call(purpose: str, function: str, *arguments: int | str | Path | None) -> None:
    """Call a function of the C library that answers 0 or -1. Numbers are passed as longs: what is narrower takes its part.

    Raises `MissingCapability` with ``purpose`` and the kernel's reason.
    """
    ctypes.set_errno(0)
    words = [_word(argument) for argument in arguments]
    if getattr(LIBC, function)(*words) != 0:
        raise refused(purpose, OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno())))


def _word(argument: int | str | Path | None) -> ctypes.c_long | bytes | None:
    if isinstance(argument, int):
        return ctypes.c_long(argument)
    return None if argument is None else os.fsencode(argument)


def refused(purpose: str, error: OSError) -> MissingCapability:
    """The error to raise for a step that this kernel, or the container around us, does not allow."""
    return MissingCapability(
        f"cannot {purpose}: {error.strerror or error}",
        hint="decoy processes need a kernel, and where there is one a container, that lets root do this",
    )
