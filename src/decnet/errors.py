"""Every error decnet raises on purpose.

    DecnetError                exit 1   something could not be done
    ├── InvalidInput           exit 2   the file (or a profile, or a template) is wrong; carries every problem
    ├── UsageError             exit 2   the command line asks for what cannot be
    ├── MissingCapability      exit 1   the process or the kernel lacks something; says which, and how to get it
    ├── StateError             exit 1   the saved state cannot be read, written or believed
    │   └── LockHeld           exit 1   somebody else holds the lock; says who
    ├── StoreError             exit 1   the event store cannot be used
    │   └── StoreAway          exit 1   it is not there now, or has no room: another try may do
    ├── StalePlan              exit 1   what a saved plan was made from has moved
    ├── AddressInUse           exit 1   somebody on the LAN has an address that was to be used
    └── WorldError             exit 1   the machine refused an operation

A `Problem` is one finding in a file: a value, collected by the dozen and shown all at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a file: 1-based line and column, width in characters, and the text of that line.

    ``line`` 0 is the file as a whole (missing, unreadable).
    """

    file: str
    line: int
    column: int = 1
    width: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Severity(StrEnum):
    """How bad a problem is: an error stops the command, a warning is printed."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: a stable code, what is wrong, where, and what to do about it."""

    code: str
    message: str
    span: Span
    hint: str = ""
    related: tuple[Span, ...] = ()
    severity: Severity = Severity.ERROR


class DecnetError(Exception):
    """The root: a message for a person, an exit code, and a hint where there is one."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", span: Span | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.span = span


class InvalidInput(DecnetError):  # noqa: N818 (named for what the user did)
    """The input is wrong in one or more places."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        super().__init__(first.message, hint=first.hint, span=first.span)
        self.problems = problems


class UsageError(DecnetError):
    """The command line asks for something that does not exist or does not go together."""

    exit_code = 2


class MissingCapability(DecnetError):  # noqa: N818
    """A privilege or a kernel feature is missing."""


class StateError(DecnetError):
    """The state database cannot be used."""


class LockHeld(StateError):  # noqa: N818
    """Another command holds the network's lock."""


class StoreError(DecnetError):
    """The event store cannot be used."""


class StoreAway(StoreError):  # noqa: N818
    """The event store cannot be used now: the server is away, the disk is full."""


class StalePlan(DecnetError):  # noqa: N818
    """What a saved plan was made from has moved."""


class AddressInUse(DecnetError):  # noqa: N818
    """Somebody on the LAN answers for an address that was to be used."""


class WorldError(DecnetError):
    """The machine refused an operation."""
