"""A network's life at random: files, applies, kills, sabotage, repairs, lost states; what must always hold, does."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from decnet import engine
from decnet.errors import InvalidInput, UsageError, WorldError
from decnet.world import Kind
from decnet.world.fake import FakeWorld, Fault, Killed, Moment
from tests.engine.fleets import Site, network
from tests.engine.random_fleets import (
    FOREIGN,
    Harm,
    apply_well,
    check_contents,
    check_rooms,
    destroy,
    look_at,
    networks,
    sabotage,
)
from tests.fuzzing import examples

pytestmark = pytest.mark.usefixtures("little_room")

FAULTS = st.builds(
    Fault,
    st.integers(0, 25),
    st.sampled_from(Moment),
    st.sampled_from([WorldError("no"), Killed()]),
)
PATTERNS = st.sampled_from(["a*", "[b-d]*", "web", "db", "*"])


class Life(RuleBasedStateMachine):
    """``harmed``: something was sabotaged, cut short or adopted since all was well, so that what is there is not known."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="decnet-proof-"))
        self.site = Site(self.folder / "state", FakeWorld(foreign=FOREIGN), parallelism=2)
        self.file = network()
        self.whole = True

    @initialize(file=networks())
    def begin(self, file):
        self.file = file
        apply_well(self.site, file)

    @rule(file=networks())
    def edit(self, file):
        """A plan of whatever file shows what there is to do and changes nothing."""
        self.file = file
        acts = len(self.site.world.acts)
        with suppress(InvalidInput):
            self.site.plan(file)
        assert len(self.site.world.acts) == acts

    @rule()
    def apply(self):
        apply_well(self.site, self.file)
        self.whole = True

    @rule(pattern=PATTERNS)
    def apply_limited(self, pattern):
        before = dict(self.site.world.resources)
        try:
            outcome = self.site.apply(self.file, pattern)
        except (UsageError, InvalidInput):
            assert self.site.world.resources == before
            return
        assert outcome.exit_code == 0
        sinks = {id_ for id_ in before.keys() | self.site.world.resources.keys() if id_.kind is Kind.SINK}
        assert all(before.get(id_) == self.site.world.resources.get(id_) for id_ in sinks)

    @rule(fault=FAULTS, what=st.sampled_from(["apply", "repair", "destroy"]))
    def strike(self, fault, what):
        """A fault in an op of a command."""
        world = self.site.world
        world.fault = dataclasses.replace(fault, act=len(world.acts) + fault.act)
        with suppress(Killed, InvalidInput):
            match what:
                case "apply":
                    self.site.apply(self.file)
                case "repair":
                    self.site.repair()
                case "destroy":
                    self.site.destroy(parallelism=2)
        world.revive()
        self.whole = False

    @rule(harm=st.builds(Harm, st.integers(0, 99), st.integers(0, 99)))
    def harm(self, harm):
        sabotage(self.site.world, harm)

    @rule()
    def repair(self):
        saved, observed = self.site.look()
        plan = engine.repair_plan(saved, observed)
        strangers = {id_: one for id_, one in self.site.world.resources.items() if id_ not in saved.resources}
        assert {op.resource.id for op in plan.ops} <= saved.resources.keys()
        outcome = self.site.repair()
        if self.whole:
            assert (outcome.failed, outcome.skipped) == ((), ())
            assert engine.status(*self.site.look()).exit_code == 0
            check_contents(self.site)
        there = self.site.world.resources
        assert {id_: there.get(id_) for id_ in strangers} == strangers

    @rule()
    def destroy(self):
        assert destroy(self.site).exit_code == 0
        assert self.site.world.resources == {}
        assert not self.site.folder.exists()
        self.whole = True

    @rule()
    def lose_the_state_and_adopt(self):
        shutil.rmtree(self.site.folder, ignore_errors=True)
        self.site.adopt(self.file)
        saved, observed = self.site.look()
        assert saved.resources.keys() == observed.resources.keys()
        assert engine.repair_plan(saved, observed).empty
        self.whole = False

    @invariant()
    def nothing_foreign_is_touched(self):
        assert self.site.world.foreign == FOREIGN

    @invariant()
    def a_status_can_be_told(self):
        """Whatever happened: the state can be read and compared."""
        saved, observed = self.site.look()
        engine.status_json(engine.status(saved, observed))

    @invariant()
    def only_what_fits_together_is_there(self):
        if self.whole and look_at(self.site.world)[0]:
            check_rooms_but_harmed(self.site)

    def teardown(self):
        try:
            apply_well(self.site, self.file)
            assert destroy(self.site).exit_code == 0
            assert list(self.folder.iterdir()) == []
            assert self.site.world.resources == {}
        finally:
            shutil.rmtree(self.folder)


def check_rooms_but_harmed(site: Site) -> None:
    """Rooms are those of the state: sabotage may have put a service where it does not belong."""
    saved, _ = site.look()
    applied = FakeWorld()
    applied.resources = {id_: was.resource for id_, was in saved.resources.items()}
    check_rooms(applied)


FAST = settings(
    max_examples=6,
    stateful_step_count=8,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_a_life():
    run_state_machine_as_test(Life, settings=FAST)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
def test_many_lives():
    run_state_machine_as_test(
        Life, settings=settings(FAST, max_examples=examples(75), stateful_step_count=12)
    )
