"""Which events are meant: the options of commands that read the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from decnet.cli.options import MOMENT
from decnet.errors import UsageError

if TYPE_CHECKING:
    from decnet.events.store import Wanted

F = TypeVar("F", bound=Callable[..., Any])


def filter_options(function: F) -> F:
    """``--decoy``, ``--service``, ``--type``, ``--source``, ``--session``, ``--since``, ``--until``."""
    many: tuple[tuple[str, str, str, str], ...] = (
        ("--source", "sources", "ADDRESS", "Only from this address; may be repeated."),
        ("--type", "types", "TYPE", "Only of this type, or of its first word; may be repeated."),
        ("--service", "services", "NAME", "Only of this service; may be repeated."),
        ("--decoy", "decoys", "NAME", "Only of this decoy; may be repeated."),
    )
    options = [
        click.option(
            "--until", type=MOMENT, metavar="TIME", help="Only before this time, written as for --since."
        ),
        click.option(
            "--since",
            type=MOMENT,
            metavar="TIME",
            help="Only from this time on: 2026-11-22, 2026-11-22T17:00 (UTC), or how long ago: 36h, 7d.",
        ),
        click.option("--session", default="", metavar="ID", help="Only of this connection."),
        *(
            click.option(word, name, multiple=True, metavar=metavar, help=text)
            for word, name, metavar, text in many
        ),
    ]
    for option in options:
        function = option(function)
    return function


def check_types(types: tuple[str, ...]) -> None:
    """Raises `UsageError` where no event has such a type."""
    from decnet.events import EventType

    known = tuple(EventType)
    for wanted in types:
        if not any(kind == wanted or kind.startswith(f"{wanted}.") for kind in known):
            raise UsageError(f'unknown event type "{wanted}"', hint=f"one of: {', '.join(known)}")


def wanted(network: str | None, asked: dict[str, Any]) -> Wanted:
    """What the options come to. Raises `UsageError`."""
    from decnet.events.store import Wanted

    check_types(asked["types"])
    since, until = asked["since"], asked["until"]
    if since is not None and until is not None and since >= until:
        raise UsageError("--since is not before --until", hint="no event could fit")
    return Wanted(networks=(network,) if network else (), **asked)
