"""Files that only their owner may read: saved plans, identities."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from decnet.errors import UsageError

_LIMIT = 256 * 1024 * 1024
"""Bytes of a file that is read; a plan of 16,384 decoys has some 30 MB."""


def write(path: Path, content: bytes) -> None:
    """Write a file, 0600, whole or not at all. Raises `UsageError`."""
    beside = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def read(path: Path) -> bytes:
    """A regular file's content. Raises `UsageError`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            content = file.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if len(content) > _LIMIT:
        raise UsageError(f"{path} is too large to be one of ours")
    return content
