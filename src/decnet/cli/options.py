"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

STATE_DIR = "/var/lib/decnet"


def file_argument(function: F) -> F:
    """The INI file; what is wrong with it is told by the reader, which knows more than click."""
    return click.argument("file", type=click.Path(path_type=Path))(function)


def env_option(function: F) -> F:
    """``--env``: which variants of options are read."""
    return click.option(
        "--env", default="", envvar="DECNET_ENV", metavar="NAME", help="Read key[NAME] variants of options."
    )(function)


def json_option(function: F) -> F:
    """``--json``: for machines, on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(function)


def state_option(function: F) -> F:
    """``--state``: where the state is kept."""
    return click.option(
        "--state",
        "state_dir",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(STATE_DIR),
        envvar="DECNET_STATE_DIR",
        show_default=True,
        help="Folder of the state.",
    )(function)


def limit_option(function: F) -> F:
    """``--limit``: only a part of the decoys."""
    return click.option(
        "--limit",
        "limits",
        multiple=True,
        metavar="PATTERN",
        shell_complete=_decoys,
        help="Only decoys and groups of this name, a shell glob; may be repeated, or a list with commas.",
    )(function)


def parallelism_option(help_text: str, default: int | None = None) -> Callable[[F], F]:
    """``--parallelism``: how many operations go on at a time."""
    return click.option(
        "--parallelism",
        type=click.IntRange(1, 64),
        default=default,
        show_default=default is not None,
        metavar="N",
        help=help_text,
    )


def fail_percent_option(function: F) -> F:
    """``--fail-percent``: when to give up."""
    return click.option(
        "--fail-percent",
        type=click.IntRange(0, 100),
        default=100,
        show_default=True,
        metavar="N",
        help="Begin nothing more when more than N percent of the decoys have failed.",
    )(function)


def target_argument(*, required: bool) -> Callable[[F], F]:
    """A network, as its file or its name."""
    metavar = "FILE|NAME" if required else "[FILE|NAME]"
    return click.argument("target", metavar=metavar, required=required, shell_complete=_networks)


def decoys_argument(function: F) -> F:
    """Some decoys of a network that was applied."""
    return click.argument("decoys", nargs=-1, metavar="[DECOY...]", shell_complete=_decoys)(function)


class Notation(click.ParamType[Any]):
    """A value of the INI file's own notations on the command line: ``90d``, ``2G``."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value; what is wrong with it is told as click does."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def duration(text: str) -> int:
    """Seconds. Raises `ValueError`."""
    from decnet.ini.values import Duration

    return Duration.parse(text)


def size(text: str) -> int:
    """Bytes. Raises `ValueError`."""
    from decnet.ini.values import Size

    return Size.parse(text)


def moment(text: str) -> int:
    """Microseconds since 1970: a time (ISO 8601, UTC without a zone), or how long ago. Raises `ValueError`."""
    from datetime import UTC, datetime

    from decnet.events.store import micros_of

    try:
        return micros_of(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    try:
        return micros_of(datetime.now(UTC)) - duration(text) * 1_000_000
    except ValueError:
        raise ValueError(
            f"{text!r} is no time; write 2026-11-22, 2026-11-22T17:00 or how long ago: 36h, 7d"
        ) from None


DURATION = Notation("duration", duration)
SIZE = Notation("size", size)
MOMENT = Notation("time", moment)


def _decoys(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from decnet.cli.completing import decoys

    return decoys(ctx, parameter, incomplete)


def _networks(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from decnet.cli.completing import networks

    return networks(ctx, parameter, incomplete)


def lock_option(function: F) -> F:
    """``--lock-timeout``: how long to wait for another command."""
    return click.option(
        "--lock-timeout",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="SECONDS",
        help="Wait this long for another command to finish.",
    )(function)
