"""Tokens: who may read what, and until when. Kept as digests in ``api-tokens.json`` of the state folder.

A token is 256 random bits, so a plain SHA-256 of it cannot be guessed back: nothing is gained by a slow hash.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from decnet.errors import StateError, UsageError
from decnet.state.access import make_folder

FILE = "api-tokens.json"


class Scope(StrEnum):
    """What a token opens. ``overview`` has nothing that a visitor typed."""

    READ = "read"
    OVERVIEW = "overview"


@dataclass(frozen=True, slots=True)
class Token:
    """A token without itself. ``digest`` is hexadecimal; times are Unix seconds, ``expires`` 0 is never."""

    id: str
    name: str
    digest: str
    scopes: tuple[Scope, ...]
    created: int
    expires: int

    def opens(self, scope: Scope, now: float) -> bool:
        """Whether it may be used for this, now."""
        return self.is_valid(now) and (scope in self.scopes or Scope.READ in self.scopes)

    def is_valid(self, now: float) -> bool:
        """Whether it has not expired."""
        return not self.expires or now < self.expires


def digest(secret: bytes) -> str:
    """What is kept of a token."""
    return hashlib.sha256(secret).hexdigest()


def load(folder: Path) -> tuple[Token, ...]:
    """Every token there is. Raises `StateError`."""
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Token, ...])
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}", hint="run as its owner (root)") from None
    except msgspec.MsgspecError as error:
        raise StateError(f"{path} holds no tokens: {error}", hint="move it away and make new ones") from None


def new(folder: Path, name: str, scopes: tuple[Scope, ...], seconds: int) -> tuple[Token, str]:
    """Make a token that lives for ``seconds`` (0: for good); the text is shown once and kept nowhere.

    Raises `StateError`, and `UsageError` for a name that is taken.
    """
    secret = secrets.token_urlsafe(32)
    now = int(time.time())
    expires = now + seconds if seconds else 0
    token = Token(secrets.token_hex(4), name, digest(secret.encode()), scopes, now, expires)
    with _held(folder):
        known = load(folder)
        if any(one.name == name for one in known):
            raise UsageError(f"there is a token named {name}", hint=f"decnet api token revoke {name}")
        _save(folder, (*known, token))
    return token, secret


def revoke(folder: Path, word: str) -> Token:
    """Take away the token of this name or id. A server that runs follows within a second. Raises `UsageError`."""
    with _held(folder):
        known = load(folder)
        for one in known:
            if word in (one.name, one.id):
                _save(folder, tuple(other for other in known if other is not one))
                return one
    raise UsageError(f"there is no token {word}", hint="decnet api token list")


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """One writer at a time. Raises `StateError`."""
    try:
        make_folder(folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StateError(f"{folder} cannot be used: {error.strerror}", hint="run as root") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _save(folder: Path, tokens: tuple[Token, ...]) -> None:
    path, fresh = folder / FILE, folder / f".{FILE}.new"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
            file.write(msgspec.json.encode(tokens))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}", hint="run as its owner") from None
