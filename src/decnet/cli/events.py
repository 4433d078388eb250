"""``decnet events``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from decnet.cli.grouped import CommandWithMore
from decnet.cli.options import json_option, state_option, target_argument
from decnet.cli.storing import export, prune

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from decnet.events import Event


@click.group(
    "events",
    cls=CommandWithMore,
    invoke_without_command=True,
    epilog="Example: decnet events --follow --type auth.attempt",
)
@target_argument(required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option("--decoy", "decoys", multiple=True, metavar="NAME", help="Only of this decoy; may be repeated.")
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    help="Only of this type, or of its first word; may be repeated.",
)
@click.option("-n", "--last", type=click.IntRange(1), metavar="N", help="Only the last N.")
@json_option
@state_option
def command(
    target: str | None,
    follow: bool,
    decoys: tuple[str, ...],
    types: tuple[str, ...],
    last: int | None,
    as_json: bool,
    state_dir: Path,
) -> None:
    """Show what visitors did, oldest first; with --json as one JSON object a line.

    It reads the log. `decnet events export` and `decnet events prune` are about the store, which `decnet ingest` fills.
    """
    from collections import deque
    from itertools import chain

    from decnet import events
    from decnet.cli.filters import check_types
    from decnet.cli.pipeline import events_dir, is_known, the_network
    from decnet.errors import UsageError
    from decnet.events.file import encode

    check_types(types)
    name = the_network(target, state_dir)
    folder = events_dir(state_dir, name)
    if not is_known(name, state_dir) and not folder.is_dir():
        raise UsageError(f"{name} was never applied here (state in {state_dir})", hint="decnet apply FILE")
    chosen = events.Filter(decoys, types)
    try:
        past = events.read(folder, chosen)
        shown = deque(past, last) if last else past
        for event in chain(shown, events.follow(folder, chosen) if follow else ()):
            click.echo(encode(event).decode().rstrip("\n") if as_json else _line(event))
    except PermissionError:
        raise UsageError(
            f"{folder} cannot be read", hint="the events are for root: sudo decnet events"
        ) from None


command.add_command(export)
command.add_command(prune)


def _line(event: Event) -> str:
    """An event for a person. What came from the wire is inert already: see `decnet.events.safe_text`."""
    from decnet.events import EventType

    where = " ".join(filter(None, (event.decoy, event.service)))
    data = _run(event.data) if event.type is EventType.APPLY else _pairs(event.data)
    return f"{event.ts[:19]}Z  {event.type:16}  {where:24}  {event.src_ip:15}  {data}".rstrip()


def _pairs(data: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={_shown(value)}" for key, value in data.items())


def _run(data: Mapping[str, Any]) -> str:
    """Who ran what, how it ended, and what it touched, with the marks of a plan."""
    head = {key: data[key] for key in _HEAD if key in data}
    wrong = {key: data[key] for key in _WRONG if data.get(key)}
    more = [f"and {data['unnamed']} more"] if data.get("unnamed") else []
    try:
        names = [
            f"{mark}{name}"
            for kind in ("others", "decoys")
            for action, mark in _MARKS.items()
            for name in data.get(kind, {}).get(action, ())
        ]
    except (AttributeError, TypeError):  # not of our writing: decoy processes have the log, too
        return _pairs(data)
    return " ".join(filter(None, [_pairs(head), *names, *more, _pairs(wrong)]))


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value) if isinstance(value, (list, dict)) else str(value)
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f'"{text}"' if " " in text or not text else text


_MARKS = {"add": "+", "change": "~", "rename": "~", "replace": "±", "remove": "-", "repair": "!"}
_HEAD = ("command", "outcome", "user", "sudo_user", "login", "file", "env", "serial", "duration")
_WRONG = ("failed", "skipped", "resumed", "errors")
_SHOWN = 120
"""Characters of one value on a person's line; --json has all of it."""
