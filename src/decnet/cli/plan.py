"""``decnet plan``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from decnet.cli.options import env_option, file_argument, json_option, state_option

CHANGES = 2


@click.command("plan", epilog="Example: decnet plan --detailed-exitcode network.ini")
@file_argument
@env_option
@json_option
@click.option(
    "--diff", "show_diff", is_flag=True, help="Show the rendered files that change, as a unified diff."
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@state_option
def command(
    file: Path, env: str, as_json: bool, show_diff: bool, detailed_exitcode: bool, state_dir: Path
) -> None:
    """Show what apply would change, and why. Writes nothing, anywhere."""
    from decnet import engine, ini
    from decnet.cli.output import print_json, show_warnings, wants_colour
    from decnet.cli.pipeline import world
    from decnet.cli.planning import prepare
    from decnet.spec import network_name

    document = ini.load(file, env)
    with world(network_name(document), state_dir) as machine:
        prepared = prepare(document, state_dir, machine)
    show_warnings(prepared.built.network.warnings, as_json=as_json)
    if as_json:
        print_json(engine.plan_json(prepared.plan))
    else:
        click.echo(engine.render_plan(prepared.plan, colour=wants_colour(sys.stdout)), nl=False)
        if show_diff:
            from decnet.cli.diffs import unified

            click.echo(unified(prepared.desired, prepared.saved), nl=False)
    if detailed_exitcode and not prepared.plan.empty:
        raise SystemExit(CHANGES)
