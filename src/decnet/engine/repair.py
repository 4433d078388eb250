"""What it takes to have a network again as it was applied: a plan whose file is the state.

A repair changes the machine and never what was applied, so it writes no journal: after a kill at any moment the next one
finds what is left to do by looking.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from decnet.engine.apply import Store
from decnet.engine.desired import Declared, Desired
from decnet.engine.execute import PARALLELISM, Outcome, Watch, execute, silent
from decnet.engine.graph import Act, Op
from decnet.engine.plan import Plan, plan
from decnet.engine.recover import resolved
from decnet.state import Effect, Entry, Failure, Saved, Snapshot
from decnet.world import Decoy, Id, Observed, Resource, World, bundle_of


def repair_plan(saved: Snapshot, observed: Observed) -> Plan:
    """The plan that brings back what drifted, and touches nothing else. ``saved`` is recovered. Pure.

    What is there and is not in the state stays for the next `apply` to judge, and so does a service whose content the
    state does not have: it was adopted as it was found. A protected decoy is protected from the file: one whose LAN
    has gone is made again like any other.
    """
    known = {id_: resource for id_, resource in observed.resources.items() if id_ in saved.resources}
    resources = {id_: _unprotected(was) for id_, was in saved.resources.items()}
    for id_ in _unmakeable(saved):
        if id_ in known:
            known[id_] = resources[id_].resource
        else:
            del resources[id_]
    found = plan(
        Desired(saved.about, {id_: Declared(was.resource, was.span) for id_, was in resources.items()}),
        dataclasses.replace(saved, resources=resources),
        dataclasses.replace(observed, resources=known, foreign=()),
    )
    return dataclasses.replace(found, ops=tuple(_makeable(found.ops, saved)))


def repair(
    what: Plan,
    saved: Snapshot,
    world: World,
    store: Store,
    *,
    parallelism: int = PARALLELISM,
    watch: Watch = silent,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Carry a `repair_plan` out. The state stays as it is, but for what a run that was killed left open.

    Raises `StateError`; what the machine refuses is in the outcome.
    """
    if saved.intents:
        store.resolve(resolved(saved), unfinished=True)
    return execute(what.ops, world, _NoJournal(), parallelism=parallelism, watch=watch, stop=stop)


class _NoJournal:
    def intend(self, entries: Sequence[Entry]) -> None:
        """What is lost of it is drift."""

    def finish(self, effects: Sequence[Effect], failures: Sequence[Failure] = ()) -> None:
        """What was applied stays what was applied."""


def _unprotected(was: Saved) -> Saved:
    if isinstance(was.resource, Decoy) and was.resource.protect:
        return dataclasses.replace(was, resource=dataclasses.replace(was.resource, protect=False))
    return was


def _unmakeable(saved: Snapshot) -> list[Id]:
    return [id_ for id_, was in saved.resources.items() if _lacks_content(was.resource, saved)]


def _lacks_content(resource: Resource, saved: Snapshot) -> bool:
    bundle = bundle_of(resource)
    return bool(bundle) and bundle not in saved.contents


def _makeable(ops: Sequence[Op], saved: Snapshot) -> list[Op]:
    """The operations with their contents, only those that are needed read from the state.

    A service without goes with its decoy, where that has to, and does not come back.
    """
    left_out = {op.number for op in ops if op.act is Act.CREATE and _lacks_content(op.resource, saved)}
    return [
        dataclasses.replace(op, content=_content(op, saved.contents), depends=op.depends - left_out)
        for op in ops
        if op.number not in left_out
    ]


def _content(op: Op, contents: Mapping[str, bytes]) -> bytes | None:
    bundle = bundle_of(op.resource)
    return contents[bundle] if bundle and op.needs_content else None
