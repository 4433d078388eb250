"""``decnet repair``: what the supervisor runs. Not listed: `apply` does as much and more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from decnet.cli.options import state_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from decnet.engine import Outcome, Plan
    from decnet.events import Event
    from decnet.world import Id

LOCKED, UNKNOWN = 75, 6
"""Another command is at work on the network (EX_TEMPFAIL of sysexits.h); the network is not in the state."""
_OWN = ("supervisor (pid ", "supervisor's guard (pid ")
"""How a cause begins that is the supervisor's own; a decoy's begins with its name and a colon."""


@click.command("repair", hidden=True, epilog="Example: decnet repair office")
@click.argument("name", metavar="NAME")
@click.option("--cause", "causes", multiple=True, metavar="TEXT", help="What was heard.")
@click.option("--again", is_flag=True, help="What fails has been reported already.")
@state_option
def command(name: str, causes: tuple[str, ...], again: bool, state_dir: Path) -> None:
    """Bring a network back to how it was applied, and say what had drifted, one event a decoy.

    Exits 0 when all is as applied, 75 when another command is at work, 6 when the state knows no such network.
    """
    from decnet import engine, state
    from decnet.cli import degrading
    from decnet.cli.pipeline import place, world
    from decnet.errors import LockHeld
    from decnet.world import supervision

    try:
        with world(name, state_dir) as machine, state.lock(state_dir, name, "repair"):
            before = state.read(state_dir, name)
            if before.identity is None:
                _tell(name, state_dir, () if again else _lost(name, "; ".join(causes)))
                raise SystemExit(UNKNOWN)
            observed = machine.observe(engine.expected(before))
            saved = engine.recover(before, observed)
            plan = engine.repair_plan(saved, observed)
            machine.check(op.resource for op in plan.ops)
            with state.store(state_dir, name) as store:
                outcome = engine.repair(plan, saved, machine, store)
            where = place(name, state_dir)
            if plan.ops:
                supervision.follow(where.run_dir)
            failed = _failed(outcome)
            repaired = {row.resource.owner for row in plan.drift if row.resource not in failed}
            over = degrading.tell(where, observed, saved, outcome, repaired)
            _tell(name, state_dir, _events(name, plan, failed, causes, over, again=again))
    except LockHeld:
        raise SystemExit(LOCKED) from None
    raise SystemExit(outcome.exit_code)


def _tell(name: str, state_dir: Path, events: Iterator[Event] | tuple[Event, ...]) -> None:
    from decnet.cli.pipeline import events_dir
    from decnet.world.chronicle import write

    told = list(events)
    if told:
        write(name, events_dir(state_dir, name), told)
    for event in told:
        click.echo(f"{event.decoy or name}: {event.data}", file=sys.stderr)


def _failed(outcome: Outcome) -> dict[Id, str]:
    """Decoys, LANs and sinks that could not be repaired, and why."""
    from decnet.engine import row_of

    failed: dict[Id, str] = {}
    for op, why in (*outcome.failed, *outcome.skipped):
        failed.setdefault(row_of(op.resource.id), why)
    return failed


def _events(
    name: str,
    plan: Plan,
    failed: Mapping[Id, str],
    causes: tuple[str, ...],
    over: Mapping[str, str],
    *,
    again: bool,
) -> Iterator[Event]:
    """One for each decoy, LAN or sink that drifted; one for a supervisor that had to be replaced.

    ``over`` says what decoys went without until now.
    """
    heard = "; ".join(causes)
    from decnet.cli import degrading
    from decnet.engine import DUE
    from decnet.world import Kind

    for row in plan.drift:
        error = failed.get(row.resource, "")
        if error and again:
            continue
        decoy = row.resource.owner if row.resource.kind is Kind.DECOY else ""
        what = {} if decoy else {"resource": str(row.resource)}
        done = "reset" if row.reason.endswith(DUE) else "repaired"
        cause = row.reason
        if decoy in over and not error:
            cause += f"; {degrading.over(over[decoy])}"
        yield _event(name, decoy, "drift" if error else done, cause, heard, error=error, **what)
    for cause in causes:
        if cause.startswith(_OWN):
            yield _event(name, "", "repaired", cause, "")


def _lost(name: str, heard: str) -> Iterator[Event]:
    yield _event(name, "", "drift", "the state of the network is gone", heard, hint="decnet adopt FILE")


def _event(name: str, decoy: str, kind: str, cause: str, heard: str, **more: str) -> Event:
    from decnet.events import Event, EventType, now

    data = {"state": kind, "cause": cause, "heard": heard, **more}
    told = {key: value for key, value in data.items() if value}
    return Event.of(EventType.STATE, told, ts=now(), network=name, decoy=decoy)
