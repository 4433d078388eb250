"""--limit: only the chosen decoys change, and nothing that is hidden."""

from __future__ import annotations

import pytest

from decnet import engine
from decnet.engine import Action
from decnet.errors import UsageError
from decnet.spec import Network
from decnet.world import Id, Kind
from tests.engine.fleets import Site, decoy, lan, network, service
from tests.engine.random_fleets import check_rooms

FLEET = network(
    decoy("web-01", 1, group="web"),
    decoy("web-02", 2, group="web"),
    decoy("db-01", 3),
    decoy("old-ftp", 4),
)
CHANGED = network(
    decoy("web-01", 1, service("ssh", banner="new"), group="web"),
    decoy("web-02", 2, service("ssh", banner="new"), group="web"),
    decoy("db-01", 9),
)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "state")


def actions(site: Site, what: Network, limit: str):
    return {str(one.resource): one.action for one in site.plan(what, limit).changes}


@pytest.mark.parametrize(
    ("limit", "chosen"),
    [
        ("web-01", {"decoy/web-01": Action.CHANGE}),
        ("WEB-0?", {"decoy/web-01": Action.CHANGE, "decoy/web-02": Action.CHANGE}),
        ("web", {"decoy/web-01": Action.CHANGE, "decoy/web-02": Action.CHANGE}),
        ("db-01,web-02", {"decoy/db-01": Action.REPLACE, "decoy/web-02": Action.CHANGE}),
        ("*[!0-9]", {"decoy/web-01": Action.CHANGE, "decoy/web-02": Action.CHANGE, "decoy/old-ftp": Action.REMOVE}),
        ("*", {"decoy/web-01": Action.CHANGE, "decoy/web-02": Action.CHANGE, "decoy/db-01": Action.REPLACE,
               "decoy/old-ftp": Action.REMOVE}),
    ],
)  # fmt: skip
def test_only_what_matches_changes(site, limit, chosen):
    site.apply(FLEET)
    plan = site.plan(CHANGED, limit)
    assert {str(one.resource): one.action for one in plan.changes} == chosen
    assert {op.resource.id.owner for op in plan.ops} == {name.partition("/")[2] for name in chosen}


def test_what_is_hidden_is_counted_and_stays(site):
    site.apply(FLEET)
    before = dict(site.world.resources)
    plan = site.plan(CHANGED, "web-01")
    assert plan.hidden == 3
    assert "3 decoys hidden by --limit" in engine.render_plan(plan)
    assert site.apply(CHANGED, "web-01").exit_code == 0
    changed = {id_ for id_, one in site.world.resources.items() if before.get(id_) != one}
    assert changed == {Id(Kind.SERVICE, "web-01", "ssh")}
    assert site.plan(CHANGED, "web-01").empty
    assert site.apply(CHANGED).exit_code == 0
    assert site.plan(CHANGED).empty


def test_the_lans_that_the_chosen_need_are_made_and_no_others(site):
    what = network(
        decoy("web-01", 1),
        decoy("core-01", 2, lan="core", subnet="203.0.113.0/24"),
        lans=[lan(), lan("core", "203.0.113.0/24")],
    )
    assert actions(site, what, "core*") == {"lan/core": Action.ADD, "decoy/core-01": Action.ADD}
    site.apply(what, "core*")
    assert {id_.owner for id_ in site.world.resources if id_.kind is Kind.LAN} == {"core"}
    site.apply(what)
    assert actions(site, network(decoy("web-01", 1)), "web-01") == {}


def test_drift_of_the_hidden_is_not_repaired(site):
    site.apply(FLEET)
    for name in ("web-01", "db-01"):
        site.world.alter(Id(Kind.LINK, name, "eth0"), up=False)
    assert [str(one.resource) for one in site.plan(FLEET, "db*").drift] == ["decoy/db-01"]


@pytest.mark.parametrize("limit", ["nobody", "web-01,nobody", "w?x"])
def test_a_pattern_that_matches_nothing_is_an_error(site, limit):
    with pytest.raises(UsageError, match="no decoy or group matches"):
        site.plan(FLEET, limit)


def test_a_lan_that_goes_and_comes_back_takes_the_hidden_along(site):
    site.apply(FLEET)
    moved = network(
        *(decoy(one.name, one.number, subnet="192.0.2.0/24") for one in FLEET.decoys),
        lans=[lan(subnet="192.0.2.0/24")],
    )
    with pytest.raises(UsageError, match="3 hidden decoys with it"):
        site.plan(moved, "web-01")


def test_what_a_hidden_decoy_has_cannot_be_taken(site):
    site.apply(FLEET)
    swapped = network(decoy("web-01", 3), decoy("db-01", 1))
    with pytest.raises(UsageError, match=r"web-01 takes 198\.51\.100\.4 from db-01, which is hidden"):
        site.plan(swapped, "web-01")


def test_status_of_a_part(site):
    site.apply(FLEET)
    site.world.lose(Id(Kind.DECOY, "db-01"))
    saved, observed = site.look()
    web = engine.status(saved, observed, engine.Limit.of(["web"]))
    assert ([one.name for one in web.decoys], web.hidden, web.exit_code) == (["web-01", "web-02"], 2, 0)
    assert engine.status(saved, observed, engine.Limit.of(["db*"])).exit_code == 4


def test_a_protected_decoy_that_is_hidden_does_not_stop_the_others(site):
    site.apply(network(decoy("web-01", 1), decoy("dc-01", 2, protect=True)))
    changed = network(decoy("web-01", 5), decoy("dc-01", 6, protect=True))
    assert actions(site, changed, "web*") == {"decoy/web-01": Action.REPLACE}
    with pytest.raises(Exception, match="dc-01 is protected"):
        site.plan(changed, "dc*")


def test_a_lan_that_was_replaced_on_the_machine_is_not_made_again_under_the_hidden(site):
    site.apply(FLEET)
    site.world.alter(Id(Kind.LAN, "default"), vlan=9)
    with pytest.raises(UsageError, match="3 hidden decoys with it"):
        site.plan(FLEET, "web-01")
    saved, observed = site.look()
    assert engine.status(saved, observed, engine.Limit.of(["web-01"])).exit_code == 4


@pytest.mark.usefixtures("little_room")
def test_a_bridge_that_a_hidden_decoy_is_plugged_into_stays(site):
    site.apply(FLEET)
    fewer = network(*FLEET.decoys[:2])
    assert site.apply(fewer, "web").exit_code == 0
    assert site.world.resources[Id(Kind.LAN, "default")].bridges == 2
    assert site.plan(fewer, "web").empty
    assert site.apply(fewer).exit_code == 0
    assert site.world.resources[Id(Kind.LAN, "default")].bridges == 1


@pytest.mark.usefixtures("little_room")
def test_who_is_to_go_and_is_hidden_has_its_place_still(site):
    """On its bridge and in its process; both take two."""
    site.apply(network(decoy("a", 1), decoy("b", 2)))
    then = network(decoy("a", 1), decoy("c", 3))
    assert site.apply(then, "c").exit_code == 0
    check_rooms(site.world)
    assert site.plan(then, "c").empty
    assert site.apply(then).exit_code == 0
    assert site.plan(then).empty
