"""Looking, comparing, deciding: what plan and apply do before anything changes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from decnet import engine, ini, state
from decnet.cli.pipeline import Built, build, declare
from decnet.errors import MissingCapability, WorldError
from decnet.spec.build import network_name
from decnet.world import World
from decnet.world.capacity import Capacity


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and all that it was made from. ``saved`` is recovered: open intents of a killed run are looked up.

    ``taken`` are addresses that the plan would use and that somebody answers for; the plan warns of them already.
    """

    built: Built
    desired: engine.Desired
    saved: state.Snapshot
    observed: engine.Observed
    plan: engine.Plan
    taken: tuple[engine.Taken, ...] = ()


def prepare(
    document: ini.Document,
    state_dir: Path,
    world: World,
    limit: engine.Limit,
    was: engine.KeptPlan | None = None,
) -> Prepared:
    """Read, render, look at the machine, compare, ask the LANs. Changes nothing.

    With a kept plan, that plan and no other: raises `StalePlan` when what it was made from has moved.
    """
    before = state.read(state_dir, network_name(document))
    built = build(document, before, was.identity if was else None)
    desired = declare(built, before, partly=bool(limit))
    observed = world.observe(engine.expected(before, desired))
    saved = engine.recover(before, observed)
    plan = engine.plan(desired, saved, observed, limit)
    if was:
        plan = engine.exactly(was, plan, desired, saved, observed)
    return _warned(Prepared(built, desired, saved, observed, plan), world)


def _warned(prepared: Prepared, world: World) -> Prepared:
    """With what the machine and the LANs have to say to it."""
    plan = prepared.plan
    warnings = engine.forecast(plan, prepared.desired, _capacity(prepared))
    warnings += tuple(
        f"the image {tag} is not here: decnet image build {prepared.built.network.file}"
        for tag in engine.lacking(plan)
    )
    taken: tuple[engine.Taken, ...] = ()
    try:
        taken = engine.taken(plan, prepared.saved, prepared.observed, world)
        warnings += tuple(map(str, taken))
    except (MissingCapability, WorldError) as error:
        warnings += (f"nobody was asked whether the new addresses are free: {error.message}",)
    plan = dataclasses.replace(plan, warnings=plan.warnings + warnings)
    return dataclasses.replace(prepared, plan=plan, taken=taken)


def refuse_lacking(prepared: Prepared) -> None:
    """Raise `MissingCapability` when containers are to be made of images that are not here."""
    tags = engine.lacking(prepared.plan)
    if tags:
        raise MissingCapability(
            f"the engine lacks the image{'s' * (len(tags) > 1)} {', '.join(tags)}",
            hint=f"decnet image build {prepared.built.network.file}; offline: decnet image load ARCHIVE",
        )


def _capacity(prepared: Prepared) -> Capacity:
    """What the machine has, looked up only where something is made, and its kinds of interface where a LAN is new."""
    from decnet.world.capacity import look

    ops = prepared.plan.ops
    if not ops:
        return Capacity()
    new_lan = any(op.act is engine.Act.CREATE and op.resource.id.kind == "lan" for op in ops)
    return look([op.resource for op in ops] if new_lan else ())


def kept_plan(prepared: Prepared, limit: engine.Limit) -> bytes:
    """A plan as the content of a file. Raises `MissingCapability` when a part of the machine was not seen."""
    return engine.keep(
        prepared.plan,
        limit,
        prepared.desired,
        prepared.saved,
        prepared.observed,
        prepared.built.identity,
    )
