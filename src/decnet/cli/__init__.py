"""The command line: one file per command, loaded when it is called."""

from __future__ import annotations

import gc
import os
import sys

import click

from decnet.cli.app import app
from decnet.errors import DecnetError

_GARBAGE = 50_000
"""Objects made before some are looked through: at Python's 700 that is a tenth of what a command takes to load."""
_INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""


def main() -> None:
    """The console script: runs a command, turns every error into words and an exit code."""
    gc.set_threshold(_GARBAGE)
    try:
        sys.exit(app.main(standalone_mode=False) or 0)
    except DecnetError as error:
        from decnet.cli.output import show_error

        show_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # a bug of ours: told in words, with its traceback for developers only
        if os.environ.get("DECNET_DEVELOPER", "").lower() == "true":
            raise
        click.echo(f"internal error: {type(error).__name__}: {error}", err=True)
        click.echo("  please report it; DECNET_DEVELOPER=true shows where it comes from", err=True)
        sys.exit(1)


__all__ = ["main"]
