"""A state made anew from what is on the machine."""

from __future__ import annotations

import dataclasses

from decnet import engine, state
from decnet.engine import Action
from decnet.state import About, Snapshot
from decnet.world import Decoy, Id, Kind
from tests.engine.fleets import IDENTITY, OSES, Site, decoy, network

WHAT = network(decoy("web-01", 1, "ssh", "http"), decoy("db-02", 2))


def adopt(site: Site, what=WHAT):
    (site.folder / "state.db").unlink(missing_ok=True)
    saved, observed = site.look()
    desired = site.declare(what, saved)
    found = engine.adoption(desired, observed)
    with state.store(site.folder, "office") as store:
        store.introduce(desired.about, IDENTITY)
        store.finish(found.effects)
    return found


def test_what_was_applied_is_what_is_adopted(tmp_path):
    site = Site(tmp_path)
    site.apply(WHAT)
    before, _ = site.look()
    found = adopt(site)
    after, _ = site.look()
    assert after.resources == before.resources
    assert (found.missing, found.unknown, after.serial, after.untouched) == ((), (), 0, True)
    assert site.plan(WHAT).empty
    acts = len(site.world.acts)
    assert site.apply(WHAT).exit_code == 0
    assert len(site.world.acts) == acts


def test_what_is_there_is_kept_as_found(tmp_path):
    site = Site(tmp_path)
    site.apply(WHAT)
    other = network(
        dataclasses.replace(WHAT.decoys[0], mac="02:00:00:00:99:99"), decoy("new", 3), *WHAT.decoys[2:]
    )
    found = adopt(site, other)
    saved, _ = site.look()
    assert saved.held().macs["web-01"] == "02:00:00:00:00:01"
    assert (found.missing, found.unknown) == (("new",), ("db-02",))
    assert found.count(Kind.DECOY) == 2


def test_drift_is_adopted_as_it_is_and_shown_as_a_change(tmp_path):
    site = Site(tmp_path)
    site.apply(WHAT)
    site.world.alter(Id(Kind.LINK, "web-01", "eth0"), up=False)
    adopt(site)
    plan = site.plan(WHAT)
    assert ([str(one.resource) for one in plan.changes], plan.drift) == (["decoy/web-01"], ())
    site.apply(WHAT)
    assert site.plan(WHAT).empty


def test_nothing_there_is_nothing_to_adopt(tmp_path):
    site = Site(tmp_path)
    desired = site.declare(WHAT, Snapshot(About("office")))
    found = engine.adoption(desired, site.world.observe())
    assert (found.effects, found.missing) == ((), ("db-02", "web-01"))


def test_a_foreign_decoy_is_told(tmp_path):
    site = Site(tmp_path)
    site.apply(WHAT)
    site.world.create(Decoy("ghost"))
    assert adopt(site).unknown == ("ghost",)


def test_a_setting_that_only_an_earlier_system_had_does_not_stay(tmp_path):
    site = Site(tmp_path)
    site.apply(network(decoy("web-01", 1, os="linux")))
    then = network(decoy("web-01", 1, os="cisco"))
    adopt(site, then)
    saved, observed = site.look()
    assert engine.repair_plan(saved, observed).empty
    assert {change.action for change in site.plan(then).changes} == {Action.REPLACE}
    site.apply(then)
    stack = site.world.resources[Id(Kind.STACK, "web-01")]
    assert dict(stack.sysctls) == OSES["cisco"].sysctls
