"""How lines of the log leave: what every kind of sink has in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

MOST_EVENTS = 256
"""Events of one batch, unless a carrier takes fewer."""
Encode = Callable[[bytes], bytes | None]
"""A line of the log as one JSON object; None when it is no event."""


class Stopped(OSError):  # noqa: N818 (it is no error of anybody)
    """The sink was told to end while it waited."""


class Later(OSError):  # noqa: N818 (a wish of the server)
    """The server wants to be left alone for some seconds."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Carrier(Protocol):
    """Takes lines to where they go. One thread uses it. Every method raises `OSError` when it cannot.

    ``settling`` is for how many seconds a line that has arrived is still not taken to be kept there: a server that dies
    takes with it what its kernel had received for it and it had not read. ``most`` is how many lines it takes at once.
    """

    settling: float
    most: int

    def open(self) -> None:
        """Connect, or whatever it takes to begin."""

    def encode(self, line: bytes) -> bytes | None:
        """A line of the log as it is sent; None when it is no event."""

    def send(self, batch: Sequence[bytes]) -> int:
        """Send encoded lines; a position to ask `arrived` about. May block while nothing is taken; see `Stopped`."""

    def arrived(self, position: int) -> bool:
        """Whether everything up to a position is where it should be. Notices, too, that the other side has gone."""

    def close(self) -> None:
        """Hang up. Never raises."""
