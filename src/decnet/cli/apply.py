"""``decnet apply``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from decnet.cli.options import env_option, file_argument, json_option, lock_option, state_option

if TYPE_CHECKING:
    from decnet.engine import Desired
    from decnet.world import World

_PARTLY = 3


@click.command("apply", epilog="Example: sudo decnet apply --yes network.ini")
@file_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@env_option
@json_option
@click.option(
    "--diff", "show_diff", is_flag=True, help="Show the rendered files that change, as a unified diff."
)
@click.option("-v", "--verbose", is_flag=True, help="A line for every operation.")
@click.option(
    "--parallelism",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    metavar="N",
    help="Operations at once.",
)
@lock_option
@state_option
def command(
    file: Path,
    yes: bool,
    env: str,
    as_json: bool,
    show_diff: bool,
    verbose: bool,
    parallelism: int,
    lock_timeout: float,
    state_dir: Path,
) -> None:
    """Make the world match the file: plan, ask, execute, look again. A second apply changes nothing."""
    from decnet import engine, ini, state
    from decnet.cli.output import print_json, show_warnings, wants_colour
    from decnet.cli.pipeline import world
    from decnet.cli.planning import prepare
    from decnet.cli.progress import watching
    from decnet.spec import network_name

    document = ini.load(file, env)
    name = network_name(document)
    with world(name, state_dir) as machine, state.lock(state_dir, name, "apply", lock_timeout, waiting):
        prepared = prepare(document, state_dir, machine)
        show_warnings(prepared.built.network.warnings, as_json=as_json)
        if not prepared.plan.empty:
            machine.check(declared.resource for declared in prepared.desired.resources.values())
        if not as_json:
            click.echo(engine.render_plan(prepared.plan, colour=wants_colour(sys.stdout)), nl=False)
        if show_diff and not as_json:
            from decnet.cli.diffs import unified

            click.echo(unified(prepared.desired, prepared.saved), nl=False)
        if not prepared.plan.empty and not agreed(yes or as_json, "Apply these changes?"):
            return
        with (
            state.store(state_dir, name) as store,
            watching(len(prepared.plan.ops), as_json=as_json, verbose=verbose) as watch,
            _interruptible() as stop,
        ):
            outcome = engine.apply(
                prepared.plan,
                prepared.saved,
                machine,
                store,
                prepared.built.identity,
                parallelism=parallelism,
                watch=watch,
                stop=stop,
            )
        left = (
            ()
            if prepared.plan.empty or outcome.exit_code
            else _left(machine, prepared.desired, state_dir, name)
        )
        if as_json:
            print_json(engine.recap_json(name, outcome))
        elif not prepared.plan.empty:
            click.echo(engine.render_recap(prepared.plan, outcome, colour=wants_colour(sys.stdout)), nl=False)
        for line in left:
            click.echo(f"not as declared after all: {line}", err=True)
    raise SystemExit(outcome.exit_code or (_PARTLY if left else 0))


def _left(machine: World, desired: Desired, state_dir: Path, name: str) -> tuple[str, ...]:
    """What a second look finds still to be done."""
    from decnet import engine, state

    saved = state.read(state_dir, name)
    after = engine.plan(desired, saved, machine.observe(engine.expected(saved, desired)))
    return tuple(f"{change.resource}: {change.reason}" for change in (*after.changes, *after.drift))


def agreed(yes: bool, question: str) -> bool:
    """Asked on a terminal only: where nobody can answer, the command was the answer."""
    if yes or not sys.stdin.isatty():
        return True
    if click.confirm(question, default=False):
        return True
    click.echo("nothing was changed", err=True)
    return False


def waiting(held: str) -> None:
    """Tell whom a command waits for."""
    click.echo(f"{held}; waiting", err=True)


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C (or TERM) drains what runs and saves; a second exits at once."""
    asked: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        click.echo("finishing what has begun; once more exits at once", err=True)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
