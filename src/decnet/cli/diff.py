"""``decnet diff``."""

from __future__ import annotations

from pathlib import Path

import click

from decnet.cli.options import env_option, file_argument, state_option


@click.command("diff", epilog="Example: decnet diff network.ini | less")
@file_argument
@env_option
@state_option
def command(file: Path, env: str, state_dir: Path) -> None:
    """Compare the files that would be rendered with the ones that were applied."""
    from decnet import ini, state
    from decnet.cli.diffs import unified
    from decnet.cli.output import show_warnings
    from decnet.cli.pipeline import build, declare
    from decnet.spec.build import network_name

    document = ini.load(file, env)
    saved = state.read(state_dir, network_name(document))
    built = build(document, saved)
    show_warnings(built.network.warnings, as_json=False)
    click.echo(unified(declare(built, saved), saved), nl=False)
