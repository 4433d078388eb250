"""Words for people on stderr and terminals, JSON for machines on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import IO

import click

from decnet.errors import DecnetError, InvalidInput, Problem, Severity


def wants_colour(stream: IO[str]) -> bool:
    """Colour for terminals only, and not where NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show_error(error: DecnetError, *, as_json: bool) -> None:
    """Tell what went wrong: every problem of a file, or one message with its hint."""
    if isinstance(error, InvalidInput):
        show_problems(error.problems, as_json=as_json)
        return
    if as_json:
        import msgspec

        place = {"file": error.span.file, "line": error.span.line} if error.span else {}
        print_json(
            msgspec.json.encode([{**place, "code": "failed", "message": error.message, "hint": error.hint}])
        )
        return
    place_text = f"{error.span}: " if error.span and error.span.file else ""
    click.echo(f"error: {place_text}{error.message}", err=True)
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)


def show_problems(problems: Sequence[Problem], *, as_json: bool) -> None:
    """Problems with their places: on stdout as JSON, else on stderr with the lines they are in."""
    from decnet.ini.problems import records, render

    if as_json:
        import msgspec

        print_json(msgspec.json.encode(records(problems)))
    elif problems:
        click.echo(render(problems), err=True, nl=False)


def show_warnings(problems: Sequence[Problem], *, as_json: bool) -> None:
    """Warnings go to stderr; a machine reads them in the result of its command."""
    if not as_json:
        show_problems([p for p in problems if p.severity is Severity.WARNING], as_json=False)


def print_json(data: bytes) -> None:
    """One JSON document (or line) on stdout."""
    sys.stdout.write(data.decode() + "\n")
    sys.stdout.flush()


def table(
    head: tuple[str, ...],
    body: Iterable[tuple[str, ...]],
    colours: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Rows under a head on stdout; the second column may have colours by its word."""
    rows = [head, *body]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if row[1] in colours:
            cells[1] = click.style(cells[1], fg=colours[row[1]])
        click.echo("  ".join(cells).rstrip(), color=bool(colours))
