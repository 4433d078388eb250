"""Progress of an apply: a bar on a terminal, a line per op when asked, JSON lines for machines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from decnet.engine import Op, Progress, Watch, progress_json, silent

_SLOW_OPS = 20
"""Fewer operations than this are over before a bar is read."""


@contextmanager
def watching(total: int, *, as_json: bool, verbose: bool) -> Iterator[Watch]:
    """A `Watch` that shows what goes on, in the way that suits who looks."""
    if as_json:
        yield _json_line
    elif verbose:
        yield _line
    elif sys.stderr.isatty() and total >= _SLOW_OPS:
        with _bar(total) as watch:
            yield watch
    else:
        yield silent


def _json_line(progress: Progress, op: Op, text: str) -> None:
    sys.stdout.write(progress_json(progress, op, text).decode() + "\n")


def _line(progress: Progress, op: Op, text: str) -> None:
    if progress is not Progress.STARTED:
        click.echo(f"{progress.value:8} {op.label}" + (f": {text}" if text else ""), err=True)


@contextmanager
def _bar(total: int) -> Iterator[Watch]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (TextColumn("applying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)

        def watch(progress: Progress, _op: Op, _text: str) -> None:
            if progress is not Progress.STARTED:
                bar.advance(task)

        yield watch
