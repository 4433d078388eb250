"""A reset makes services of high interaction anew, and touches nothing else, whatever state that is in."""

from __future__ import annotations

import dataclasses

import pytest

from decnet import engine
from decnet.world import Custom, Decoy, Id, Kind
from decnet.world.fake import FakeWorld, Fault, Killed, Moment
from tests.engine.fleets import Site, custom, decoy, high, network, service

SSH = Id(Kind.CUSTOM, "gw", "ssh")
NETWORK = network(
    decoy("gw", 1, service("http"), customs=(high("ssh"), custom("honey"))),
    decoy("gw-2", 2, service("http"), customs=(high("ssh"),)),
    decoy("web", 3),
)


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path / "state", FakeWorld(), parallelism=1)
    assert not made.apply(NETWORK).failed
    return made


def ops(plan):
    return [(op.act.value, str(op.resource.id)) for op in plan.ops]


def test_those_that_can_be_reset_are_known_by_decoy(site):
    saved, _ = site.look()
    assert {name: list(map(str, ids)) for name, ids in engine.resettable(saved).items()} == {
        "gw": ["custom/gw/ssh"],
        "gw-2": ["custom/gw-2/ssh"],
    }


def test_nothing_else_is_touched(site):
    site.world.lose(Id(Kind.SERVICE, "web", "ssh"))  # drift that is not a reset's business
    saved, observed = site.look()
    plan = engine.reset_plan(saved, observed, ["gw"])
    assert ops(plan) == [("remove", "custom/gw/ssh"), ("create", "custom/gw/ssh")]
    assert all(op.content for op in plan.ops if op.act is engine.Act.CREATE)


def test_one_that_has_gone_is_made(site):
    site.world.lose(SSH)
    saved, observed = site.look()
    assert ops(engine.reset_plan(saved, observed, ["gw"])) == [("create", "custom/gw/ssh")]


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("act", [0, 1])
def test_killed_at_any_moment_it_leaves_what_the_next_apply_mends(site, act, moment):
    saved, observed = site.look()
    plan = engine.reset_plan(saved, observed, ["gw", "gw-2"])
    site.world.fault = Fault(len(site.world.acts) + act, moment, Killed())
    with pytest.raises(Killed):
        engine.repair(plan, saved, site.world, None, parallelism=1)
    site.world.revive()
    assert not site.apply(NETWORK).failed
    assert site.plan(NETWORK).empty


def test_one_that_is_due_is_drift_that_a_repair_puts_right(site):
    site.world.alter(SSH, worn=True)
    (row,) = site.plan(NETWORK).drift
    assert row.reason == "service ssh is due for a reset"
    assert row.reason.endswith(engine.DUE)
    assert not site.repair().failed
    assert site.plan(NETWORK).empty
    found = site.look()[1].resources[SSH]
    assert isinstance(found, Custom)
    assert not found.worn


def test_what_it_is_made_of_is_explained_key_by_key(site):
    one = high("ssh")
    other = dataclasses.replace(one, program=dataclasses.replace(one.program, memory=1 << 29, reset=3600))
    changed = network(decoy("gw", 1, service("http"), customs=(other, custom("honey"))), *NETWORK.decoys[1:])
    (row,) = site.plan(changed).changes
    assert row.reason == "ssh.memory 256M → 512M; ssh.reset 0s → 1h"


def test_an_image_that_is_not_there_is_lacking(site):
    saved, observed = site.look()
    desired = site.declare(network(decoy("new", 4, service("http"), customs=(high("ssh"),))), saved)
    fresh = dataclasses.replace(saved, resources={})
    plan = engine.plan(desired, fresh, dataclasses.replace(observed, resources={}))
    assert engine.lacking(plan) == ()
    assert isinstance(desired.resources[Id(Kind.DECOY, "new")].resource, Decoy)
