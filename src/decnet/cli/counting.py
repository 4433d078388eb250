"""Progress of what goes over many events: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    """So many more are done, of so many where that has changed."""

    def __call__(self, done: int, total: int | None = None) -> None: ...


@contextmanager
def counting(label: str, total: int | None, *, shown: bool) -> Iterator[Advance]:
    """A bar on stderr while the block runs."""
    if not shown or not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)

        def advance(done: int, total: int | None = None) -> None:
            bar.update(task, advance=done, total=total if total is not None else bar.tasks[0].total)

        yield advance


def _unseen(done: int, total: int | None = None) -> None:
    """Nobody looks."""
