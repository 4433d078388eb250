"""A saved plan is carried out exactly, or not at all."""

from __future__ import annotations

import json

import pytest

from decnet import engine, state
from decnet.errors import MissingCapability, StalePlan, UsageError
from decnet.state import Snapshot
from decnet.world import Id, Kind, Observed
from tests.engine.fleets import IDENTITY, Site, decoy, network, service

BEFORE = network(decoy("web-01", 1), decoy("db-02", 2), decoy("ftp", 3))
AFTER = network(decoy("web-01", 1, service("ssh", banner="x")), decoy("db-02", 2), decoy("ftp", 3))


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "state")


def test_a_first_plan_is_carried_out_with_the_identity_that_it_was_made_with(site):
    content = site.save(BEFORE)
    assert engine.kept(content, "").identity == IDENTITY
    assert site.carry_out(content, BEFORE).exit_code == 0
    assert site.plan(BEFORE).empty


def test_exactly_the_plan_is_done(site):
    site.apply(BEFORE)
    content = site.save(AFTER, "web*")
    site.world.alter(Id(Kind.LINK, "db-02", "eth0"), up=False)  # no part of the plan
    outcome = site.carry_out(content, AFTER)
    assert [op.label for op in outcome.done] == ["update service web-01/ssh"]
    assert [str(one.resource) for one in site.plan(AFTER).drift] == ["decoy/db-02"]


def test_it_has_no_contents_and_no_secret_of_a_known_network(site):
    site.apply(BEFORE)
    content = site.save(network(decoy("web-01", 1, service("ssh", password="Winter2025!"))))
    assert b"Winter" not in content
    told = json.loads(content)
    assert (told["format_version"], told["secret"], told["network"]) == (1, "", "office")


MOVED = {
    "the file": (
        lambda site: None,
        network(decoy("web-01", 7), *AFTER.decoys[1:]),
        r"the file .*link/web-01/eth0 changed",
    ),
    "the state": (
        lambda site: site.apply(network()),
        AFTER,
        "the state has moved since the plan was made: serial 1",
    ),
    "another network": (
        lambda site: (site.destroy(), site.apply(BEFORE)),
        AFTER,
        "destroyed or applied meanwhile",
    ),
    "a link": (
        lambda site: site.world.alter(Id(Kind.LINK, "web-01", "eth0"), up=False),
        AFTER,
        r"the machine has moved since the plan was made: link/web-01/eth0 changed",
    ),
    "a namespace": (
        lambda site: site.world.lose(Id(Kind.DECOY, "web-01")),
        AFTER,
        r"decoy/web-01 is gone, link/web-01/eth0 is gone, service/web-01/ssh is gone and 1 more",
    ),
}


@pytest.mark.parametrize("what", MOVED)
def test_what_has_moved_is_named(site, what):
    site.apply(BEFORE)
    content = site.save(AFTER)
    move, file, message = MOVED[what]
    move(site)
    acts = len(site.world.acts)
    with pytest.raises(StalePlan, match=message):
        site.carry_out(content, file)
    assert len(site.world.acts) == acts


def test_it_is_done_once(site):
    site.apply(BEFORE)
    content = site.save(AFTER)
    site.carry_out(content, AFTER)
    with pytest.raises(StalePlan, match="state has moved"):
        site.carry_out(content, AFTER)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"format_version":1}',
        b'{"format_version":"1"}',
        b'{"format_version":2}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_plan_is_refused(content):
    with pytest.raises(UsageError, match=r"a\.plan"):
        engine.kept(content, "a.plan")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("secret", "AAAA"),
        ("created", 10**30),
        ("ops", [{"act": "create", "resource": "moon/x", "fields": []}]),
    ],
)
def test_a_damaged_plan_is_refused(site, field, value):
    told = json.loads(site.save(BEFORE))
    told[field] = value
    with pytest.raises(UsageError, match="damaged"):
        engine.kept(json.dumps(told).encode(), "a.plan")


def test_without_sight_no_plan_is_kept(site):
    blind = Observed(unseen=("links",))
    saved = Snapshot(state.About("office"))
    desired = site.declare(BEFORE, saved)
    plan = engine.plan(desired, saved, blind)
    with pytest.raises(MissingCapability, match="links"):
        engine.keep(plan, engine.Limit(), desired, saved, blind, IDENTITY)


def test_the_lan_that_a_new_decoy_is_to_stand_on_is_part_of_what_may_not_move(site):
    site.apply(BEFORE)
    more = network(*BEFORE.decoys, decoy("new", 4))
    content = site.save(more)
    site.world.alter(Id(Kind.LAN, "default"), up=False)
    with pytest.raises(StalePlan, match="lan/default changed"):
        site.carry_out(content, more)
