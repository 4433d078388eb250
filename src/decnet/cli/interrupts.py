"""Ctrl-C: the first lets what has begun come to its end, the second does not."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Whether the user asked to stop, by SIGINT or SIGTERM. A second signal ends this process there and then.

    It may: the journal has what was begun, the kernel releases the lock, and the next command looks what became of it.
    """
    asked: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        if asked:
            # Not an exception: threads that wait for the kernel would have to be waited for.
            cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""
            os.write(2, f"{cursor}interrupted\n".encode())
            os._exit(INTERRUPTED)
        asked.append(number)
        click.echo("finishing what has begun; once more exits at once", err=True)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_as_interrupted() -> Iterator[None]:
    """SIGTERM ends what goes on as Ctrl-C does, with time to clear up: by a `KeyboardInterrupt`."""

    def handle(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
