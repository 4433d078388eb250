"""Walk the graph of ops: the calling thread owns the state, workers act. Decides nothing.

Before an op acts, its intent is in the journal; after it, its effect. Both are written for many ops at a time, since
a transaction costs as much as an op: intents of all that became ready, effects of all that ended meanwhile.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from decnet.engine.graph import Act, Op, label, sorter
from decnet.errors import DecnetError
from decnet.state import Effect, Entry, Failure, Saved
from decnet.world import Custom, Decoy, Kind, World
from decnet.world.docker.presence import AT_ONCE

PARALLELISM = 8
_FLEETWIDE = (Kind.LAN, Kind.SINK)
_GROUP_SECONDS = 0.1
"""How long effects are gathered for one transaction while nobody waits for it."""


class Progress(StrEnum):
    """What is told of an op while it goes on."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


Watch = Callable[[Progress, Op, str], None]
"""Told of each op from the calling thread; the text is why it failed or was skipped."""


class Journal(Protocol):
    """The part of `decnet.state.writer.Store` that the executor writes to."""

    def intend(self, entries: Sequence[Entry]) -> None: ...
    def finish(self, effects: Sequence[Effect], failures: Sequence[Failure] = ()) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each op, with the reason where it did not come to pass.

    ``error`` is what went wrong beside the ops: a destroy that left something which is no resource. ``serial`` is the
    state's from this run on; 0 when the state was not touched.
    """

    done: tuple[Op, ...] = ()
    failed: tuple[tuple[Op, str], ...] = ()
    skipped: tuple[tuple[Op, str], ...] = ()
    stopped: bool = False
    error: str = ""
    serial: int = 0

    @property
    def exit_code(self) -> int:
        """0 all done, 1 nothing, 3 a part of it."""
        if not (self.failed or self.skipped or self.error):
            return 0
        return 3 if self.done else 1


def silent(progress: Progress, op: Op, text: str) -> None:
    """A `Watch` that tells nobody."""


def execute(
    ops: Iterable[Op],
    world: World,
    journal: Journal,
    *,
    parallelism: int = PARALLELISM,
    watch: Watch = silent,
    stop: Callable[[], bool] = lambda: False,
    fail_percent: int = 100,
) -> Outcome:
    """Do the ops. When ``stop()`` becomes true, those that run are drained and the others skipped.

    A failed op skips what waits for it. When more than ``fail_percent`` percent of the decoys that the ops are about
    have failed, no further op is begun (as with Ansible's max_fail_percentage). Raises `StateError` when the journal
    cannot be written.
    """
    return _Run(list(ops), world, journal, watch, stop, fail_percent).walk(max(1, parallelism))


@dataclass(frozen=True, slots=True)
class _End:
    """How an op ended; ``died`` is what no op may survive (a kill, an interrupt)."""

    op: Op
    error: str | None = None
    died: BaseException | None = None


class _Lane:
    """Ops that are ready and those that run, of which there are ``room`` at most."""

    def __init__(self, room: int) -> None:
        self.waiting: deque[Op] = deque()
        self.running: set[int] = set()
        self._room = room

    def let_in(self) -> Iterator[Op]:
        """Ops that run from now on."""
        while self.waiting and len(self.running) < self._room:
            op = self.waiting.popleft()
            self.running.add(op.number)
            yield op

    def drained(self) -> Iterator[Op]:
        """Ops that will not run."""
        while self.waiting:
            yield self.waiting.popleft()


class _Run:
    def __init__(
        self,
        ops: list[Op],
        world: World,
        journal: Journal,
        watch: Watch,
        stop: Callable[[], bool],
        fail_percent: int,
    ) -> None:
        self._ops = {op.number: op for op in ops}
        self._world = world
        self._journal = journal
        self._watch = watch
        self._stop = stop
        self._fail_percent = fail_percent
        self._decoys = {op.resource.id.owner for op in ops if op.resource.id.kind not in _FLEETWIDE}
        self._lost: set[str] = set()
        self._ended: queue.SimpleQueue[_End] = queue.SimpleQueue()
        self._done: list[Op] = []
        self._failed: dict[int, str] = {}
        self._skipped: dict[int, str] = {}

    def walk(self, parallelism: int) -> Outcome:
        graph = sorter(self._ops.values())
        stopped = ""
        # A few more than there are workers, so that none of them waits for the journal. Whoever waits for an engine
        # keeps no worker from what takes milliseconds: else all that stands on containers comes after the last one.
        quick, slow = _Lane(parallelism * 4), _Lane(min(parallelism, AT_ONCE))
        with ThreadPoolExecutor(parallelism, thread_name_prefix="op") as pool:
            while graph.is_active():
                stopped = stopped or self._halt()
                ready = [self._ops[number] for number in graph.get_ready()]
                for op in ready:
                    why = stopped or self._obstacle(op)
                    if why:
                        self._skip(op, why)
                        graph.done(op.number)
                    else:
                        (slow if _asks_an_engine(op) else quick).waiting.append(op)
                if stopped:
                    for op in (*quick.drained(), *slow.drained()):
                        self._skip(op, stopped)
                        graph.done(op.number)
                begun = [*quick.let_in(), *slow.let_in()]
                self._begin(begun)
                for op in begun:
                    pool.submit(self._act, op)
                if running := len(quick.running) + len(slow.running):
                    ends = list(self._gather(running, parallelism, slow))
                    self._record(ends)
                    numbers = {end.op.number for end in ends}
                    quick.running -= numbers
                    slow.running -= numbers
                    graph.done(*numbers)
        return Outcome(
            tuple(self._done),
            tuple((self._ops[number], why) for number, why in self._failed.items()),
            tuple((self._ops[number], why) for number, why in self._skipped.items()),
            bool(stopped),
        )

    def _halt(self) -> str:
        """Why no further op is to begin, or an empty text."""
        if self._stop():
            return "stopped"
        if len(self._lost) * 100 > self._fail_percent * len(self._decoys):
            return f"{len(self._lost)} of {len(self._decoys)} decoys failed, more than {self._fail_percent} percent"
        return ""

    def _obstacle(self, op: Op) -> str:
        for number in op.depends:
            if number in self._failed or number in self._skipped:
                return f"needs {label(self._ops[number].resource.id)}"
        return ""

    def _skip(self, op: Op, why: str) -> None:
        self._skipped[op.number] = why
        self._watch(Progress.SKIPPED, op, why)

    def _begin(self, begun: list[Op]) -> None:
        self._journal.intend(
            [Entry(op.number, op.act.value, op.resource, op.reason, op.span, op.content) for op in begun]
        )
        for op in begun:
            self._watch(Progress.STARTED, op, "")

    def _gather(self, running: int, parallelism: int, slow: _Lane) -> Iterator[_End]:
        """At least one end, and all there are; those of the next moment too, while nobody waits for what follows.

        Workers have enough to do, or an engine has: it is given another container as soon as it has made one.
        """
        deadline = time.monotonic() + _GROUP_SECONDS
        room_for_one = not slow.waiting
        end = self._ended.get()
        yield end
        for left in range(running - 1, 0, -1):
            room_for_one = room_for_one or end.op.number in slow.running
            patience = 0.0 if left <= parallelism and room_for_one else deadline - time.monotonic()
            try:
                end = self._ended.get(block=patience > 0, timeout=max(0.0, patience))
            except queue.Empty:
                return
            yield end

    def _record(self, ends: list[_End]) -> None:
        for end in ends:
            if end.died:
                raise end.died
        effects = [_effect(end.op) for end in ends if end.error is None]
        failures = [Failure(end.op.number, end.error) for end in ends if end.error is not None]
        self._journal.finish(effects, failures)
        for end in ends:
            if end.error is None:
                self._done.append(end.op)
                self._watch(Progress.DONE, end.op, "")
            else:
                self._failed[end.op.number] = end.error
                if end.op.resource.id.kind not in _FLEETWIDE:
                    self._lost.add(end.op.resource.id.owner)
                self._watch(Progress.FAILED, end.op, end.error)

    def _act(self, op: Op) -> None:
        try:
            self._call(op)
        except DecnetError as error:
            self._ended.put(_End(op, f"{error.message} ({error.hint})" if error.hint else error.message))
        except Exception as error:  # noqa: BLE001 (one op's fault must not lose what the others did)
            self._ended.put(_End(op, f"{type(error).__name__}: {error}"))
        except BaseException as error:  # noqa: BLE001 (raised again by the thread that owns the state)
            self._ended.put(_End(op, died=error))
        else:
            self._ended.put(_End(op))

    def _call(self, op: Op) -> None:
        match op.act:
            case Act.CREATE:
                self._world.create(op.resource, op.content)
            case Act.UPDATE:
                self._world.update(op.resource, op.fields, op.content if op.needs_content else None)
            case Act.REMOVE:
                self._world.remove(op.resource)
            case Act.RECORD:
                pass


def _asks_an_engine(op: Op) -> bool:
    """Whether an op waits for a container: half a second, of which it does nothing itself."""
    match op.resource:
        case Decoy(container=content):
            return bool(content)
        case Custom(sandbox=sandbox):
            return not sandbox
        case _:
            return False


def _effect(op: Op) -> Effect:
    if op.act is Act.REMOVE:
        return Effect(op.number, op.resource.id, None)
    return Effect(op.number, op.resource.id, Saved(op.resource, op.span))  # its content came with the intent
