"""``decnet apply``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from decnet.cli.interrupts import interruptible
from decnet.cli.options import (
    env_option,
    fail_percent_option,
    file_argument,
    json_option,
    limit_option,
    lock_option,
    parallelism_option,
    state_option,
)
from decnet.errors import UsageError

if TYPE_CHECKING:
    from decnet.cli.planning import Prepared
    from decnet.engine import Desired, KeptPlan, Limit, Outcome
    from decnet.world import World
    from decnet.world.linux import LinuxWorld
    from decnet.world.supervision import Place

_PARTLY = 3


@click.command("apply", epilog="Example: sudo decnet apply --yes network.ini")
@file_argument
@click.argument("plan_file", metavar="[PLAN]", required=False, type=click.Path(path_type=Path))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@env_option
@json_option
@click.option(
    "--diff", "show_diff", is_flag=True, help="Show the rendered files that change, as a unified diff."
)
@click.option("-v", "--verbose", is_flag=True, help="A line for every operation.")
@limit_option
@parallelism_option("Operations at once.", 8)
@fail_percent_option
@click.option("--ignore-in-use", is_flag=True, help="Use addresses that somebody on the LAN answers for.")
@click.option("--no-supervisor", is_flag=True, help="Leave nothing behind that restarts and repairs.")
@lock_option
@state_option
def command(
    file: Path,
    plan_file: Path | None,
    yes: bool,
    env: str,
    as_json: bool,
    show_diff: bool,
    verbose: bool,
    limits: tuple[str, ...],
    parallelism: int,
    fail_percent: int,
    ignore_in_use: bool,
    no_supervisor: bool,
    lock_timeout: float,
    state_dir: Path,
) -> None:
    """Make the world match the file: plan, ask, execute, look again. A second apply changes nothing.

    With a PLAN that `decnet plan --out PLAN` saved, exactly that is done, without asking; when what it was made from has
    moved since, nothing is.
    """
    from decnet import engine, ini, state
    from decnet.cli.output import print_json, show_warnings, wants_colour
    from decnet.cli.pipeline import place, world
    from decnet.cli.planning import prepare, refuse_lacking
    from decnet.cli.progress import watching
    from decnet.cli.record import Run
    from decnet.spec.build import network_name

    was, limit, env = _kept(plan_file, limits, env)
    document = ini.load(file, env)
    name = network_name(document)
    with world(name, state_dir) as machine, state.lock(state_dir, name, "apply", lock_timeout, waiting):
        prepared = prepare(document, state_dir, machine, limit, was)
        show_warnings(prepared.built.network.warnings, as_json=as_json)
        if not prepared.plan.empty:
            refuse_lacking(prepared)
            machine.check(declared.resource for declared in prepared.desired.resources.values())
        if not as_json:
            click.echo(engine.render_plan(prepared.plan, colour=wants_colour(sys.stdout)), nl=False)
        if show_diff and not as_json:
            from decnet.cli.diffs import unified

            click.echo(unified(prepared.desired, prepared.saved), nl=False)
        if not ignore_in_use:
            engine.refuse(prepared.taken)
        if not prepared.plan.empty and not agreed(yes or as_json or bool(was), "Apply these changes?"):
            return
        where = place(name, state_dir)
        about = {"file": str(Path(document.file).absolute()), "env": env, "limit": limit.patterns}
        with supervised(where, machine, wanted=not no_supervisor):
            with Run("apply", where, prepared.plan, prepared.saved, about) as run:
                with (
                    state.store(state_dir, name) as store,
                    watching(len(prepared.plan.ops), as_json=as_json, verbose=verbose) as watch,
                    interruptible() as stop,
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
                        fail_percent=fail_percent,
                    )
                left = (
                    ()
                    if prepared.plan.empty or outcome.exit_code or was
                    else _left(machine, prepared.desired, state_dir, name, limit)
                )
                run.tell(outcome, left)
            _tell_degraded(where, prepared, outcome)
            if as_json:
                print_json(engine.recap_json(name, outcome))
            elif not prepared.plan.empty:
                recap = engine.render_recap(prepared.plan, outcome, colour=wants_colour(sys.stdout))
                click.echo(recap, nl=False)
            for line in left:
                click.echo(f"not as declared after all: {line}", err=True)
    raise SystemExit(outcome.exit_code or (_PARTLY if left else 0))


def _kept(plan_file: Path | None, limits: tuple[str, ...], env: str) -> tuple[KeptPlan | None, Limit, str]:
    """The saved plan if there is one, with the limit and the environment that it was made with."""
    from decnet import engine
    from decnet.cli.plans import read

    if plan_file is None:
        return None, engine.Limit.of(limits), env
    was = engine.kept(read(plan_file), str(plan_file))
    if limits:
        raise UsageError("a saved plan has its own --limit", hint="give it to plan --out")
    if env and env != was.env:
        raise UsageError(f"the plan was made with env {was.env or 'none'}, not {env}", hint="plan again")
    return was, engine.Limit(was.limit), was.env


def _tell_degraded(where: Place, prepared: Prepared, outcome: Outcome) -> None:
    """A log that cannot be written is no fault of the run, and the next one tries again."""
    from decnet.cli import degrading
    from decnet.errors import WorldError

    try:
        degrading.tell(where, prepared.observed, prepared.saved, outcome)
    except (WorldError, OSError) as error:
        click.echo(f"warning: that decoys are degraded is not in the event log: {error}", err=True)


def _left(machine: World, desired: Desired, state_dir: Path, name: str, limit: Limit) -> tuple[str, ...]:
    """What a second look finds still to be done."""
    from decnet import engine, state

    saved = state.read(state_dir, name)
    observed = machine.observe(engine.expected(saved, desired))
    try:
        after = engine.plan(desired, saved, observed, limit)
    except UsageError:  # what the limit chose has gone, as declared
        return ()
    return tuple(f"{change.resource}: {change.reason}" for change in (*after.changes, *after.drift))


@contextlib.contextmanager
def supervised(where: Place, machine: LinuxWorld, *, wanted: bool) -> Iterator[None]:
    """Have a supervisor run beside the network when this ends, or none. It starts while other work goes on.

    Raises `WorldError`.
    """
    from decnet.world import supervision

    if not wanted:
        supervision.end(where.run_dir, where.network)
        yield
        return
    with supervision.beside(where) as supervisor:
        machine.leave_to(supervisor)
        yield
        supervisor.wait()
        supervision.follow(where.run_dir)


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
