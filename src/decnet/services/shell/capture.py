"""What a session tells its recorder: the things an attacker did that are worth an event."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class CaptureKind(StrEnum):
    """What was seen."""

    DOWNLOAD = "download"
    """A URL or a host that a command was told to fetch from or connect to."""
    SECRET = "secret"  # noqa: S105 (a kind, not a secret)
    """A password typed at a prompt (su, sudo, passwd) or given on a command line."""
    SCRIPT = "script"
    """Source text given to an interpreter."""
    EXECUTE = "execute"
    """A program that was brought here was started; ``text`` is its path."""


class Capture(NamedTuple):
    """One such thing: its kind, the command that saw it, and the text."""

    kind: CaptureKind
    command: str
    text: str
