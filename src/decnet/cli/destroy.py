"""``decnet destroy``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from decnet.cli.apply import agreed, waiting
from decnet.cli.interrupts import interruptible
from decnet.cli.options import (
    env_option,
    fail_percent_option,
    json_option,
    limit_option,
    lock_option,
    parallelism_option,
    state_option,
    target_argument,
)
from decnet.errors import UsageError


@click.command("destroy", epilog="Example: sudo decnet destroy quickstart")
@target_argument(required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--keep-events", is_flag=True, help="Leave the network's event files where they are.")
@parallelism_option("Take away one by one, so many at once; all at one stroke when not given.")
@fail_percent_option
@limit_option
@env_option
@json_option
@lock_option
@state_option
def command(
    target: str,
    yes: bool,
    keep_events: bool,
    parallelism: int | None,
    fail_percent: int,
    limits: tuple[str, ...],
    env: str,
    as_json: bool,
    lock_timeout: float,
    state_dir: Path,
) -> None:
    """Take down what decnet owns of a network, and nothing else. Works from the state, without the file.

    The whole of it: --limit is refused. To take down some decoys, remove them from the file and apply.
    """
    from decnet import engine, state
    from decnet.cli.output import print_json, wants_colour
    from decnet.cli.pipeline import events_dir, name_of, place, remove_run_dir, world
    from decnet.cli.progress import watching
    from decnet.cli.record import Run
    from decnet.world import supervision

    if limits:
        raise UsageError(
            "destroy takes a whole network down: it has no --limit",
            hint="remove the decoys from the file, and apply it",
        )
    name = name_of(target, env)
    folder = events_dir(state_dir, name)
    with world(name, state_dir) as machine, state.lock(state_dir, name, "destroy", lock_timeout, waiting):
        before = state.read(state_dir, name)
        observed = machine.observe(engine.expected(before), to_end=True)
        saved = engine.recover(before, observed)
        plan = engine.destroy_plan(saved, observed)
        if plan.empty and not saved.known and not folder.exists():
            click.echo(f"nothing of {name} is here", err=True)
            return
        machine.check(op.resource for op in plan.ops)
        if not as_json:
            click.echo(engine.render_plan(plan, colour=wants_colour(sys.stdout)), nl=False)
            if folder.exists() and not keep_events:
                click.echo(f"the events in {folder} go too; --keep-events keeps them")
        if not agreed(yes or as_json, "Destroy all this?"):
            return
        supervision.end(place(name, state_dir).run_dir, name)
        about = {"file": saved.about.file, "env": saved.about.env}
        with (
            Run("destroy", place(name, state_dir), plan, saved, about) as run,
            state.store(state_dir, name) as store,
            watching(len(plan.ops), as_json=as_json, verbose=False) as watch,
            interruptible() as stop,
        ):
            outcome = engine.destroy(
                plan,
                saved,
                machine,
                store,
                watch=watch,
                tell=run.tell,
                parallelism=parallelism or 0,
                stop=stop,
                fail_percent=fail_percent,
            )
        if not outcome.exit_code:
            remove_run_dir()
            if not keep_events:
                _remove_events(folder)
        if as_json:
            print_json(engine.recap_json(name, outcome))
        else:
            click.echo(
                engine.render_recap(plan, outcome, command="destroy", colour=wants_colour(sys.stdout)),
                nl=False,
            )
    raise SystemExit(outcome.exit_code)


def _remove_events(folder: Path) -> None:
    """The events of this network, and the folder of all events when it was the last."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent.is_dir() and not any(folder.parent.iterdir()):
        folder.parent.rmdir()
