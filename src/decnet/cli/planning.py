"""Looking, comparing, deciding: what plan and apply do before anything changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from decnet import engine, ini, state
from decnet.cli.pipeline import Built, build
from decnet.spec import network_name
from decnet.world import World


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and all that it was made from. ``saved`` is recovered: open intents of a killed run are looked up."""

    built: Built
    desired: engine.Desired
    saved: state.Snapshot
    plan: engine.Plan


def prepare(document: ini.Document, state_dir: Path, world: World) -> Prepared:
    """Read, render, look at the machine, compare. Changes nothing."""
    before = state.read(state_dir, network_name(document))
    built = build(document, before)
    desired = engine.declare(built.network, built.bundles, before)
    observed = world.observe(engine.expected(before, desired))
    saved = engine.recover(before, observed)
    return Prepared(built, desired, saved, engine.plan(desired, saved, observed))
