"""A repair brings back what was applied, and nothing else; after a kill at any op of it, the next one does."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decnet import engine
from decnet.errors import WorldError
from decnet.spec import Network
from decnet.world import Decoy, Id, Kind, Sink
from decnet.world.fake import FakeWorld, Fault, Killed, Moment
from tests.engine.fleets import Site, decoy, network, service
from tests.engine.random_fleets import (
    FOREIGN,
    apply_well,
    check_contents,
    check_same,
    destroy,
    harms,
    let_go,
    look_at,
    networks,
    release,
    sabotage,
    unprotected,
    world_of,
)
from tests.fuzzing import examples

pytestmark = pytest.mark.usefixtures("little_room")

WEB = network(decoy("web-01", 1, "ssh", "http"), decoy("db-02", 2))
STRANGERS = (Decoy("ghost"), Sink("ghost", "syslog", "udp://192.0.2.9:514", "0"))
"""On the machine and not in the state: what a repair has no business with."""


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "state", FakeWorld(foreign=FOREIGN), parallelism=1)


def test_what_was_killed_in_a_repair_is_done_by_the_next(tmp_path):
    """A decoy that a repair was about to make again is not forgotten."""
    act, killed = 0, True
    while killed:
        for moment in Moment:
            site = Site(tmp_path / f"{act}{moment}", parallelism=1)
            site.apply(WEB)
            for id_ in (Id(Kind.DECOY, "web-01"), Id(Kind.LINK, "db-02", "eth0")):
                site.world.lose(id_)
            site.world.alter(Id(Kind.SERVICE, "db-02", "ssh"), ports=((9, "tcp"),))
            site.world.fault = Fault(len(site.world.acts) + act, moment, Killed())
            killed = False
            try:
                site.repair()
            except Killed:
                killed = True
                site.world.revive()
                assert site.repair().exit_code == 0
            check_same(look_at(site.world), world_of(WEB))
            assert site.plan(WEB).empty
        act += 1
    assert act > 6


def test_a_repair_leaves_the_state_as_it_is(site):
    site.apply(WEB)
    before, _ = site.look()
    site.world.lose(Id(Kind.DECOY, "web-01"))
    site.repair()
    after, _ = site.look()
    assert (after.serial, after.resources, after.intents) == (before.serial, before.resources, ())


def test_a_repair_does_not_hide_what_an_apply_did_not_do(site):
    """A failed apply stays visible in `status` until the next apply."""
    site.world.fault = Fault(len(WEB.decoys), Moment.BEFORE, WorldError("no"))
    assert site.apply(WEB).exit_code != 0
    site.world.revive()
    before = engine.status(*site.look())
    assert before.exit_code == 4
    site.repair()
    assert engine.status(*site.look()) == before
    apply_well(site, WEB)


def test_a_killed_apply_stays_unfinished_after_a_repair(site):
    site.world.fault = Fault(2, Moment.BEFORE, Killed())
    with suppress(Killed):
        site.apply(WEB)
    site.world.revive()
    assert site.repair().exit_code == 0
    assert engine.status(*site.look()).exit_code == 4
    apply_well(site, WEB)


def test_the_content_of_a_service_is_known_though_the_apply_was_killed_after_it(site):
    """What a service says is written down before it is started, so that it can be started again."""
    site.apply(WEB)
    changed = network(decoy("web-01", 1, service("ssh", banner="new"), "http"), WEB.decoys[1])
    site.world.fault = Fault(len(site.world.acts), Moment.AFTER, Killed())
    with suppress(Killed):
        site.apply(changed)
    site.world.revive()
    site.repair()
    site.world.lose(Id(Kind.SERVICE, "web-01", "ssh"))
    assert site.repair().exit_code == 0
    check_same(look_at(site.world), world_of(changed))
    apply_well(site, changed)


def test_the_content_is_known_after_the_state_was_lost_and_the_file_applied(site):
    site.apply(WEB)
    shutil.rmtree(site.folder)
    apply_well(site, WEB)
    site.world.lose(Id(Kind.DECOY, "web-01"))
    assert site.repair().exit_code == 0
    check_same(look_at(site.world), world_of(WEB))


def test_a_service_that_was_adopted_with_unknown_content_waits_for_the_apply(site):
    site.apply(WEB)
    shutil.rmtree(site.folder)
    changed = network(decoy("web-01", 1, service("ssh", banner="new"), "http"), WEB.decoys[1])
    site.adopt(changed)
    before = dict(site.world.resources)
    site.world.lose(Id(Kind.DECOY, "web-01"))
    outcome = site.repair()
    assert (outcome.failed, outcome.skipped) == ((), ())
    assert before.keys() - site.world.resources.keys() == {Id(Kind.SERVICE, "web-01", "ssh")}
    apply_well(site, changed)


def test_adopted_services_have_their_content_whatever_process_they_are_in(site):
    many = network(*(decoy(f"d{number}", number) for number in range(1, 6)))
    site.apply(many)
    fewer = network(*many.decoys[2:])
    site.apply(
        fewer
    )  # these stay in the processes that they are in, where a fresh apply would put them elsewhere
    shutil.rmtree(site.folder)
    site.adopt(fewer)
    check_contents(site)
    assert site.plan(fewer).empty


def _applied(folder: str, what: Network) -> Site:
    site = Site(Path(folder) / "state", FakeWorld(foreign=FOREIGN), parallelism=2)
    apply_well(site, what)
    return site


def _check_strangers(site: Site) -> None:
    for stranger in STRANGERS:
        assert site.world.resources.pop(stranger.id) == stranger
        site.world.contents.pop(stranger.id, None)


def _repair_what_was_harmed(what: Network, harmed, struck) -> None:
    with tempfile.TemporaryDirectory(prefix="decnet-proof-") as folder:
        site = _applied(folder, what)
        before, _ = site.look()
        for one in harmed:
            sabotage(site.world, one)
        for stranger in STRANGERS:
            site.world.create(stranger, b"")
        began = len(site.world.acts)
        if struck:
            after, moment, error = struck
            site.world.fault = Fault(began + after, moment, error)
            with suppress(Killed):
                site.repair()
            site.world.revive()
        outcome = site.repair()
        assert (outcome.failed, outcome.skipped) == ((), ())
        assert not [act for act in site.world.acts[began:] if "ghost" in act]
        _check_strangers(site)
        check_same(look_at(site.world), world_of(what))
        after, observed = site.look()
        assert (after.serial, after.lineage) == (before.serial, before.lineage)
        assert engine.repair_plan(after, observed).empty
        assert site.plan(let_go(site, what)).empty


def _repair_between(first: Network, then: Network, struck, harmed, rest) -> None:
    """An apply is cut short, a repair follows, perhaps cut short too; the apply converges."""
    with tempfile.TemporaryDirectory(prefix="decnet-proof-") as folder:
        site = _applied(folder, first)
        after, moment, error = struck
        release(site)
        site.world.fault = Fault(len(site.world.acts) + after, moment, error)
        with suppress(Killed):
            site.apply(unprotected(then))
        site.world.revive()
        for one in harmed:
            sabotage(site.world, one)
        if rest:
            site.world.fault = Fault(len(site.world.acts) + rest[0], *rest[1:])
            with suppress(Killed):
                site.repair()
            site.world.revive()
        saved, observed = site.look()
        plan = engine.repair_plan(saved, observed)
        needed = [
            op for op in plan.ops if op.needs_content and op.resource.id.kind in {Kind.SERVICE, Kind.SINK}
        ]
        assert all(op.content is not None for op in needed)
        assert {op.resource.id for op in plan.ops} <= saved.resources.keys()
        site.repair()
        apply_well(site, then)
        assert destroy(site).exit_code == 0
        assert (site.world.resources, site.world.foreign) == ({}, FOREIGN)


FAULTS = st.tuples(st.integers(0, 30), st.sampled_from(Moment), st.sampled_from([WorldError("no"), Killed()]))
FAST = settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
DEEP = settings(FAST, max_examples=examples(100))


@FAST
@given(networks(), harms, st.none() | FAULTS)
def test_random_sabotage_is_repaired(what, harmed, struck):
    _repair_what_was_harmed(what, harmed, struck)


@FAST
@given(networks(), networks(), FAULTS, st.just([]) | harms, st.none() | FAULTS)
def test_random_applies_that_were_cut_short_are_repaired_and_applied(first, then, struck, harmed, rest):
    _repair_between(first, then, struck, harmed, rest)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@DEEP
@given(networks(), harms, st.none() | FAULTS)
def test_much_random_sabotage_is_repaired(what, harmed, struck):
    _repair_what_was_harmed(what, harmed, struck)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@DEEP
@given(networks(), networks(), FAULTS, st.just([]) | harms, st.none() | FAULTS)
def test_many_random_applies_that_were_cut_short_are_repaired_and_applied(first, then, struck, harmed, rest):
    _repair_between(first, then, struck, harmed, rest)
