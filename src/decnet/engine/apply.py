"""Apply and destroy: the state's and the machine's part of it, in the one order that survives a kill."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

from decnet.engine.desired import Desired
from decnet.engine.execute import PARALLELISM, Outcome, Progress, Watch, execute, silent
from decnet.engine.graph import Act, Op
from decnet.engine.plan import Plan, plan
from decnet.engine.recover import expected, resolved, seen
from decnet.errors import WorldError
from decnet.spec import Identity
from decnet.state import About, Effect, Entry, Failure, Saved, Snapshot
from decnet.world import Id, Kind, Observed, World


class Store(Protocol):
    """What is used of `decnet.state.writer.Store`."""

    def begin(self, about: About, identity: Identity, planned: Sequence[Entry] = ()) -> int: ...
    def intend(self, entries: Sequence[Entry]) -> None: ...
    def finish(self, effects: Sequence[Effect], failures: Sequence[Failure] = ()) -> None: ...
    def resolve(self, found: dict[Id, Saved | None], *, unfinished: bool = False) -> None: ...
    def end(self) -> None: ...
    def forget(self) -> bool: ...


def _nobody(outcome: Outcome) -> None:
    """Who is told of an outcome where nobody wants to know."""


def apply(
    what: Plan,
    saved: Snapshot,
    world: World,
    store: Store,
    identity: Identity,
    *,
    parallelism: int = PARALLELISM,
    watch: Watch = silent,
    stop: Callable[[], bool] = lambda: False,
    fail_percent: int = 100,
) -> Outcome:
    """Carry a plan out. ``saved`` is the recovered snapshot that it was made from; ``identity`` is kept if it is new.

    ``parallelism``, ``stop`` and ``fail_percent`` are those of `execute`. Raises `StateError`; what the machine refuses is in the outcome.
    """
    nothing = what.empty and saved.known and what.about == saved.about
    if saved.intents or saved.unfinished:
        # Until the run that makes up for it has begun, what is missing is told by `status`.
        store.resolve(resolved(saved), unfinished=not nothing)
    if nothing:
        return Outcome()
    planned = [Entry(op.number, op.act.value, op.resource, op.reason, op.span) for op in what.ops]
    serial = store.begin(what.about, identity, planned)
    with world.expecting(op.resource for op in what.ops if op.act is Act.CREATE):
        outcome = execute(
            what.ops, world, store, parallelism=parallelism, watch=watch, stop=stop, fail_percent=fail_percent
        )
    store.end()
    return dataclasses.replace(outcome, serial=serial)


def destroy_plan(saved: Snapshot, observed: Observed) -> Plan:
    """What a destroy would take away: what is in the state, and what is found by name without being in it.

    Raises `InvalidInput` when a decoy is protected.
    """
    return plan(Desired(saved.about), saved, observed)


def destroy(
    what: Plan,
    saved: Snapshot,
    world: World,
    store: Store,
    *,
    watch: Watch = silent,
    tell: Callable[[Outcome], None] = _nobody,
    parallelism: int = 0,
    stop: Callable[[], bool] = lambda: False,
    fail_percent: int = 100,
) -> Outcome:
    """Take everything of a network away and forget it. Needs no file.

    On the machine it goes at one stroke; with a ``parallelism`` op by op before that, that many at a time, which
    ``stop`` and ``fail_percent`` can end. Sinks go last: ``tell`` is given the outcome while what it writes to the
    event log still gets there. What a `WorldError` leaves behind stays in the state, for the next try. Raises
    `StateError`.
    """
    serial = 0
    if saved.intents:
        store.resolve(resolved(saved))
    if saved.identity:
        serial = store.begin(saved.about, saved.identity)
    left = what.ops
    if parallelism and saved.identity:
        left = tuple(op for op in what.ops if op.resource.id.kind is Kind.SINK)
        outcome = execute(
            [op for op in what.ops if op.resource.id.kind is not Kind.SINK],
            world,
            store,
            parallelism=parallelism,
            watch=watch,
            stop=stop,
            fail_percent=fail_percent,
        )
        if outcome.exit_code:
            outcome = dataclasses.replace(outcome, serial=serial)
            tell(outcome)
            return outcome
    store.intend([Entry(op.number, op.act.value, op.resource, op.reason, op.span) for op in what.ops])
    for op in left:
        watch(Progress.STARTED, op, "")
    whole = Outcome(done=what.ops, serial=serial)
    try:
        world.remove_all(lambda: tell(whole))
    except WorldError as error:
        outcome = dataclasses.replace(_partly(what.ops, saved, world, store, error, watch), serial=serial)
        tell(outcome)
        return outcome
    store.forget()
    for op in left:
        watch(Progress.DONE, op, "")
    return whole


def _partly(
    ops: tuple[Op, ...], saved: Snapshot, world: World, store: Store, error: WorldError, watch: Watch
) -> Outcome:
    left = seen(saved, world.observe(expected(saved), to_end=True)).resources
    done = tuple(op for op in ops if op.resource.id not in left)
    failed = tuple((op, error.message) for op in ops if op.resource.id in left)
    store.finish(
        [Effect(op.number, op.resource.id, None) for op in done],
        [Failure(op.number, message) for op, message in failed],
    )
    for op in done:
        watch(Progress.DONE, op, "")
    for op, message in failed:
        watch(Progress.FAILED, op, message)
    return Outcome(done=done, failed=failed, error=error.message)
