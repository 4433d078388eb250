"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

STATE_DIR = "/var/lib/decnet"
RUN_DIR = "/run/decnet"


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


def lock_option(function: F) -> F:
    """``--lock-timeout``: how long to wait for another command."""
    return click.option(
        "--lock-timeout",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="SECONDS",
        help="Wait this long for another command to finish.",
    )(function)
