"""``decnet plan``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from decnet.cli.options import env_option, file_argument, json_option, limit_option, state_option

CHANGES = 2


@click.command("plan", epilog="Example: sudo decnet plan --limit 'web*' --out week.plan network.ini")
@file_argument
@env_option
@json_option
@click.option(
    "--diff", "show_diff", is_flag=True, help="Show the rendered files that change, as a unified diff."
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@click.option(
    "-o",
    "--out",
    metavar="PLAN",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the plan, for `apply FILE PLAN`.",
)
@limit_option
@state_option
def command(
    file: Path,
    env: str,
    as_json: bool,
    show_diff: bool,
    detailed_exitcode: bool,
    out: Path | None,
    limits: tuple[str, ...],
    state_dir: Path,
) -> None:
    """Show what apply would change, and why. Writes nothing, anywhere, but the PLAN that it is told to save."""
    from decnet import engine, ini
    from decnet.cli.output import print_json, show_warnings, wants_colour
    from decnet.cli.pipeline import world
    from decnet.cli.planning import kept_plan, prepare
    from decnet.spec.build import network_name

    document = ini.load(file, env)
    with world(network_name(document), state_dir) as machine:
        limit = engine.Limit.of(limits)
        prepared = prepare(document, state_dir, machine, limit)
    if out:
        from decnet.cli.plans import write

        write(out, kept_plan(prepared, limit))
    show_warnings(prepared.built.network.warnings, as_json=as_json)
    if as_json:
        print_json(engine.plan_json(prepared.plan))
    else:
        click.echo(engine.render_plan(prepared.plan, colour=wants_colour(sys.stdout)), nl=False)
        if show_diff:
            from decnet.cli.diffs import unified

            click.echo(unified(prepared.desired, prepared.saved), nl=False)
    if out:
        click.echo(f"saved in {out}: decnet apply {file} {out}", err=True)
    if detailed_exitcode and not prepared.plan.empty:
        raise SystemExit(CHANGES)
