"""``decnet reset``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from decnet.cli.options import (
    decoys_argument,
    json_option,
    lock_option,
    state_option,
    target_argument,
)
from decnet.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from decnet.events import Event


@click.command(
    "reset",
    epilog="Examples: sudo decnet reset office        sudo decnet reset office gw-01 gw-02 --yes",
)
@target_argument(required=True)
@decoys_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@lock_option
@state_option
def command(
    target: str, decoys: tuple[str, ...], yes: bool, as_json: bool, lock_timeout: float, state_dir: Path
) -> None:
    """Give decoys of high interaction a clean file system: what visitors did there goes, and so do open sessions.

    All of a network, or the DECOYs named. Addresses, accounts and host keys stay. What visitors left behind is kept
    first (see the events). Exits 0 when all is done, 1 when nothing was, 3 when a part of it was.
    """
    from decnet import engine, state
    from decnet.cli.apply import agreed, waiting
    from decnet.cli.pipeline import events_dir, name_of, place, world
    from decnet.world import supervision
    from decnet.world.chronicle import write

    name = name_of(target)
    with world(name, state_dir) as machine, state.lock(state_dir, name, "reset", lock_timeout, waiting):
        before = state.read(state_dir, name)
        if not before.known:
            raise UsageError(
                f"{name} was never applied here (state in {state_dir})", hint="decnet apply FILE"
            )
        chosen = _chosen(name, decoys, engine.resettable(before))
        observed = machine.observe(engine.expected(before))
        saved = engine.recover(before, observed)
        plan = engine.reset_plan(saved, observed, chosen)
        machine.check(op.resource for op in plan.ops)
        if not as_json:
            for decoy in chosen:
                click.echo(f"± decoy  {decoy:20} {_cost(observed.sessions.get(decoy, 0))}")
        if not agreed(yes or as_json, "Reset them?"):
            return
        with state.store(state_dir, name) as store:
            outcome = engine.repair(plan, saved, machine, store)
        supervision.follow(place(name, state_dir).run_dir)
        failed = {op.resource.id.owner: why for op, why in (*outcome.failed, *outcome.skipped)}
        write(
            name,
            events_dir(state_dir, name),
            [_event(name, decoy, observed.sessions.get(decoy, 0), failed) for decoy in chosen],
        )
    _tell(name, chosen, failed, as_json=as_json)
    raise SystemExit(0 if not failed else 1 if len(failed) == len(chosen) else 3)


def _chosen(name: str, decoys: Sequence[str], there: Mapping[str, Collection[object]]) -> list[str]:
    """The decoys that are meant, in their order. Raises `UsageError`."""
    from decnet.ini import did_you_mean

    if not there:
        raise UsageError(
            f"{name} has no service of high interaction: there is nothing to reset",
            hint="write interaction = high in [NAME.ssh]; a decoy of the archetype deaddeck has it",
        )
    for decoy in decoys:
        if decoy not in there:
            hint = did_you_mean(decoy, there, f"those that have: {', '.join(sorted(there))}")
            raise UsageError(f'{name} has no decoy "{decoy}" of high interaction', hint=hint)
    return [decoy for decoy in there if not decoys or decoy in decoys]


def _cost(sessions: int) -> str:
    return f"file system made anew; drops {sessions} open session{'s' * (sessions != 1)}"


def _event(name: str, decoy: str, sessions: int, failed: Mapping[str, str]) -> Event:
    from decnet.cli.record import who
    from decnet.events import Event, EventType, now

    error = {"error": failed[decoy]} if decoy in failed else {}
    data = {
        "state": "drift" if error else "reset",
        "cause": "decnet reset",
        "sessions": sessions,
        **{key: value for key, value in who().items() if value},
        **error,
    }
    return Event.of(EventType.STATE, data, ts=now(), network=name, decoy=decoy)


def _tell(name: str, chosen: Sequence[str], failed: Mapping[str, str], *, as_json: bool) -> None:
    if as_json:
        import msgspec

        from decnet.cli.output import print_json

        listed = [
            {"name": decoy, "state": "failed" if decoy in failed else "reset", "error": failed.get(decoy, "")}
            for decoy in chosen
        ]
        print_json(msgspec.json.encode({"format_version": 1, "network": name, "decoys": listed}))
        return
    for decoy in chosen:
        if decoy in failed:
            click.echo(f"{decoy}: {failed[decoy]}", err=True)
    done = len(chosen) - len(failed)
    click.echo(f"{name}: {done} of {len(chosen)} decoy{'s' * (len(chosen) != 1)} reset")
