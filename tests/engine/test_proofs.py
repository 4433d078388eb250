"""The engine's promises, on the machine in memory: for a network of five decoys at every op, and for random ones.

1. After an apply, the plan is empty.
2. ``apply(a); apply(b)`` ends in the same world as ``apply(b)`` from nothing.
3. A fault before or after any op, then an apply: as if nothing had been; nothing leaks, nothing foreign is touched.
4. Destroy leaves the world, and the folder of the state, as they were.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decnet.errors import WorldError
from decnet.spec import Network
from decnet.world.fake import FakeWorld, Fault, Killed, Moment
from tests.engine.fleets import Site, decoy, lan, network, service
from tests.engine.random_fleets import (
    FOREIGN,
    apply_well,
    destroy,
    harms,
    look_at,
    networks,
    release,
    sabotage,
    unprotected,
    world_of,
)
from tests.fuzzing import examples

pytestmark = pytest.mark.usefixtures("little_room")

BEFORE = network(
    decoy("web-01", 1, "ssh", "http"),
    decoy("dc-01", 2, "smb"),
    decoy("db-02", 3, "ssh"),
    decoy("old-ftp", 4, "ssh", "dns"),
    decoy("print-02", 5, service("http", ports=[631]), os="windows"),
    lans=[lan(), lan("dmz", "203.0.113.0/24")],
)
AFTER = network(
    decoy("web-01", 1, service("ssh", banner="new"), service("http", ports=[8080])),
    decoy("dc-01", 2, service("smb", workgroup="ACME"), "dns", hostname="PDC"),
    decoy("db-02", 3, "ssh", lan="core", subnet="192.0.2.0/24"),
    decoy("web-03", 4, "ssh"),
    decoy("print-02", 5, service("http", ports=[631]), os="cisco"),
    lans=[lan(mtu=1400), lan("core", "192.0.2.0/24")],
)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "state", FakeWorld(foreign=FOREIGN))


def test_the_plan_is_empty_after_an_apply(site):
    assert site.apply(BEFORE).exit_code == 0
    assert site.plan(BEFORE).empty
    assert look_at(site.world) == world_of(BEFORE)


def test_an_apply_over_another_ends_where_an_apply_from_nothing_does(site):
    site.apply(BEFORE)
    assert site.apply(AFTER).failed == ()
    assert look_at(site.world) == world_of(AFTER)
    assert site.plan(AFTER).empty


def test_an_apply_of_the_same_file_acts_on_nothing(site):
    site.apply(BEFORE)
    acts = len(site.world.acts)
    site.apply(BEFORE)
    assert len(site.world.acts) == acts


def test_a_change_acts_on_what_it_names_alone(site):
    site.apply(BEFORE)
    acts = len(site.world.acts)
    site.apply(
        network(
            decoy("web-01", 1, service("ssh", banner="new"), "http"), *BEFORE.decoys[1:], lans=BEFORE.lans
        )
    )
    assert site.world.acts[acts:] == ["update bundle of service/web-01/ssh"]


def _acts_of(site: Site, first: Network, then: Network | None) -> range:
    site.apply(first)
    begun = len(site.world.acts)
    if then is None:
        site.destroy()
    else:
        site.apply(then)
    return range(begun, len(site.world.acts))


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("error", [WorldError("no"), Killed()], ids=["refused", "killed"])
def test_a_fault_at_any_op_of_an_apply_is_made_good_by_the_next(tmp_path, moment, error):
    rehearsal = Site(tmp_path / "rehearsal", FakeWorld(foreign=FOREIGN), parallelism=1)
    wanted = world_of(AFTER)
    for act in _acts_of(rehearsal, BEFORE, AFTER):
        site = Site(tmp_path / str(act), FakeWorld(foreign=FOREIGN), parallelism=1)
        site.apply(BEFORE)
        site.world.fault = Fault(act, moment, error)
        _suffer(site, AFTER)
        assert site.apply(AFTER).exit_code == 0
        assert look_at(site.world) == wanted
        assert site.plan(AFTER).empty
        assert site.world.foreign == FOREIGN
        site.destroy()
        assert (site.world.resources, site.folder.exists()) == ({}, False)


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("error", [WorldError("no"), Killed()], ids=["refused", "killed"])
def test_a_fault_at_any_op_of_a_first_apply_leaves_nothing_that_destroy_does_not_take(
    tmp_path, moment, error
):
    rehearsal = Site(tmp_path / "rehearsal")
    rehearsal.apply(BEFORE)
    for act in range(len(rehearsal.world.acts)):
        site = Site(tmp_path / str(act), FakeWorld(foreign=FOREIGN))
        site.world.fault = Fault(act, moment, error)
        _suffer(site, BEFORE)
        assert site.destroy().exit_code == 0
        assert (site.world.resources, site.world.foreign) == ({}, FOREIGN)
        assert not site.folder.exists()


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("error", [WorldError("no"), Killed()], ids=["refused", "killed"])
def test_a_fault_in_a_destroy_is_made_good_by_the_next(site, moment, error):
    site.apply(BEFORE)
    site.world.fault = Fault(len(site.world.acts), moment, error)
    _suffer(site, None)
    assert site.destroy().exit_code == 0
    assert (site.world.resources, site.world.foreign) == ({}, FOREIGN)
    assert not site.folder.exists()


def test_destroy_takes_what_the_state_does_not_know(site):
    site.apply(BEFORE)
    shutil.rmtree(site.folder)
    assert site.destroy().exit_code == 0
    assert site.world.resources == {}


def test_destroy_after_half_of_it_is_gone(site):
    site.apply(BEFORE)
    for id_ in [id_ for id_ in site.world.resources if id_.owner in {"web-01", "dc-01"}]:
        site.world.lose(id_)
    assert site.destroy().exit_code == 0
    assert site.world.resources == {}


def _suffer(site: Site, what: Network | None) -> None:
    try:
        outcome = site.destroy() if what is None else site.apply(what)
        assert outcome.exit_code != 0, "the fault did not strike"
    except Killed:
        pass
    site.world.revive()


HARMS = st.one_of(
    st.none(),
    st.just("lose the state"),
    st.tuples(st.integers(0, 40), st.sampled_from(Moment), st.sampled_from([WorldError("no"), Killed()])),
    harms,
)
"""Between two applies: nothing, no state, a fault at that op of a third apply, or sabotage of some resources."""


def _live_through(first: Network, between: Network, harm, then: Network) -> None:
    with tempfile.TemporaryDirectory(prefix="decnet-proof-") as folder:
        site = Site(Path(folder) / "state", FakeWorld(foreign=FOREIGN), parallelism=2)
        apply_well(site, first)
        match harm:
            case None:
                apply_well(site, between)
            case str():
                shutil.rmtree(site.folder)
            case list():
                for one in harm:
                    sabotage(site.world, one)
            case (after, moment, error):
                release(site)
                site.world.fault = Fault(len(site.world.acts) + after, moment, error)
                with suppress(Killed):
                    site.apply(unprotected(between))
                site.world.revive()
        apply_well(site, then)
        assert destroy(site).exit_code == 0
        assert (site.world.resources, site.world.foreign) == ({}, FOREIGN)
        assert list(Path(folder).iterdir()) == []


@settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(networks(), networks(), HARMS, networks())
def test_random_networks_and_harm(first, between, harm, then):
    _live_through(first, between, harm, then)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@settings(max_examples=examples(200), deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(networks(), networks(), HARMS, networks())
def test_many_random_networks_and_harm(first, between, harm, then):
    _live_through(first, between, harm, then)
