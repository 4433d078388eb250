"""A decoy under a new name is the same as before, to whoever looks from outside."""

from __future__ import annotations

import dataclasses

import pytest

from decnet import engine
from decnet.engine import Action
from decnet.errors import InvalidInput
from decnet.world import Id, Kind, Link
from decnet.world.fake import Fault, Killed, Moment
from tests.engine.fleets import Site, decoy, network, service

BEFORE = network(decoy("web", 1, "ssh", "http"), decoy("db", 2))


def renamed(*services, **fields):
    return decoy("www", 1, *(services or ("ssh", "http")), identity="web", hostname="WEB", **fields)


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path / "state")
    site.apply(BEFORE)
    return site


def test_it_is_one_row_and_costs_the_sessions_only(site):
    site.world.sessions["web"] = 2
    plan = site.plan(network(renamed(), decoy("db", 2)))
    (change,) = plan.changes
    assert (str(change.resource), change.action, change.reason) == (
        "decoy/www",
        Action.RENAME,
        "renamed from web",
    )
    assert [one.code.value for one in change.costs] == ["sessions-dropped"]
    assert (plan.decoys.add, plan.decoys.replace, plan.decoys.remove, plan.decoys.unchanged) == (0, 1, 0, 1)
    assert "~ decoy  www               renamed from web          replace" in engine.render_plan(plan)


def test_what_else_changes_is_told(site):
    (change,) = site.plan(
        network(renamed(service("ssh", banner="x"), mac="02:00:00:00:09:09"), decoy("db", 2))
    ).changes
    assert [one.text for one in change.details[:3]] == [
        "renamed from web",
        "mac 02:00:00:00:00:01 → 02:00:00:00:09:09",
        "ssh.banner hello → x",
    ]
    assert change.details[3].text == "- service http"
    assert {one.code.value for one in change.costs} == {"mac-changed", "version-changed", "ports-changed"}


def test_the_old_one_gives_its_place_before_the_new_one_takes_it(site):
    before = site.world.resources[Id(Kind.LINK, "web", "eth0")]
    after = network(renamed(), decoy("db", 2))
    assert site.apply(after).exit_code == 0
    link = site.world.resources[Id(Kind.LINK, "www", "eth0")]
    assert isinstance(link, Link)
    assert dataclasses.replace(link, decoy="web") == before
    assert not any(id_.owner == "web" for id_ in site.world.resources)
    assert site.plan(after).empty


def test_the_state_remembers(site):
    site.apply(network(renamed(), decoy("db", 2)))
    saved, _ = site.look()
    assert saved.held().words == {"www": "web", "db": "db"}


def test_a_protected_decoy_is_not_renamed(site):
    with pytest.raises(InvalidInput, match="www is protected and would be replaced: renamed from web"):
        site.plan(network(renamed(protect=True), decoy("db", 2)))


def test_a_limit_has_both_names_or_none(site):
    after = network(renamed(), decoy("db", 2))
    for limit in ("www", "web"):
        assert [str(one.resource) for one in site.plan(after, limit).changes] == ["decoy/www"]
    assert site.plan(after, "db").empty


@pytest.mark.parametrize("moment", list(Moment))
def test_a_kill_at_any_op_of_it_is_made_good_by_the_next_apply(tmp_path, moment):
    after = network(renamed(), decoy("db", 2))
    act, killed = 0, True
    while killed:
        site = Site(tmp_path / f"{moment}{act}")
        site.apply(BEFORE)
        site.world.fault = Fault(len(site.world.acts) + act, moment, Killed())
        try:
            site.apply(after, parallelism=1)
            killed = False
        except Killed:
            site.world.revive()
            assert site.apply(after).exit_code == 0
        assert site.plan(after).empty
        assert site.look()[0].held().words == {"www": "web", "db": "db"}
        act += 1
    assert act > 8
