"""What plan, status and declare come to, beside the whole plans in tests/cases."""

from __future__ import annotations

import dataclasses
import json

import pytest

from decnet import engine, state
from decnet.engine import Action, State
from decnet.engine.placement import DECOYS_PER_PROCESS
from decnet.errors import InvalidInput
from decnet.spec import Runtime
from decnet.state import About, Entry, Saved, Snapshot
from decnet.world import Decoy, Id, Kind, Observed, Service, Stack
from decnet.world.fake import FakeWorld
from tests.engine.fleets import Site, at, decoy, lan, network, service

LINK = Id(Kind.LINK, "web-01", "eth0")
NOTHING = Snapshot(About("office"))


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "state")


def actions(plan):
    return {str(change.resource): change.action for change in plan.changes}


def acts(plan):
    return sorted(op.label for op in plan.ops)


def test_a_plan_writes_nothing(site):
    site.plan(network(decoy("web-01", 1)))
    assert not site.folder.exists()
    assert site.world.acts == []


def test_json_has_what_it_promises(site):
    site.apply(network(decoy("web-01", 1, "ssh"), decoy("db-02", 2)))
    site.world.alter(Id(Kind.LINK, "db-02", "eth0"), up=False)
    plan = site.plan(
        network(decoy("web-01", 1, service("ssh", 7, banner="hi", password="s3")), decoy("db-02", 2))
    )
    told = json.loads(engine.plan_json(plan))
    assert told["format_version"] == 1
    assert told["network"] == "office"
    assert told["summary"] == {"add": 0, "change": 1, "replace": 0, "remove": 0, "unchanged": 0}
    (change,) = told["changes"]
    assert (change["resource"], change["action"]) == ("decoy/web-01", "change")
    assert (change["file"], change["line"]) == ("office.ini", 8)
    assert change["reason"] == "ssh.banner hello → hi; ssh.password *** → ***"
    assert change["fields"] == [
        {"name": "ssh.banner", "old": "hello", "new": "hi", "policy": "live"},
        {"name": "ssh.password", "old": "***", "new": "***", "policy": "live"},
    ]
    (drift,) = told["drift"]
    assert (drift["resource"], drift["action"], drift["reason"]) == (
        "decoy/db-02",
        "repair",
        "link eth0 is down",
    )


def test_no_secret_is_shown(site):
    site.apply(network(decoy("web-01", 1, service("ssh", password="Winter2025!"))))
    plan = site.plan(network(decoy("web-01", 1, service("ssh", password="Summer2026!"))))
    shown = engine.render_plan(plan) + engine.plan_json(plan).decode()
    assert "ssh.password" in shown
    assert not any(word in shown for word in ("Winter2025!", "Summer2026!"))


CHANGES = {
    "a persona key": (
        {"services": [service("ssh", banner="x")]},
        Action.CHANGE,
        ["update service web-01/ssh"],
    ),
    "a port": (
        {"services": [service("ssh", ports=[2222])]},
        Action.CHANGE,
        ["create service web-01/ssh", "remove service web-01/ssh"],
    ),
    "a group": ({"group": "servers"}, Action.CHANGE, ["record decoy web-01"]),
    "an address": (
        {"number": 9},
        Action.REPLACE,
        [
            *(
                "create decoy web-01",
                "create link web-01/eth0",
                "create service web-01/ssh",
                "create stack web-01",
            ),
            *(
                "remove decoy web-01",
                "remove link web-01/eth0",
                "remove service web-01/ssh",
                "remove stack web-01",
            ),
        ],
    ),
    "a system with other settings": (
        {"os": "windows"},
        Action.CHANGE,
        ["record decoy web-01", "update service web-01/ssh", "update stack web-01"],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_costs_what_its_field_says(site, change):
    fields, action, wanted = CHANGES[change]
    site.apply(network(decoy("web-01", 1, "ssh")))
    fields = {"number": 1, "services": ["ssh"], **fields}
    number, services = fields.pop("number"), fields.pop("services")
    plan = site.plan(network(decoy("web-01", number, *services, **fields)))
    assert actions(plan) == {"decoy/web-01": action}
    assert acts(plan) == wanted


def test_a_setting_that_is_no_longer_named_needs_a_new_namespace(site):
    site.apply(network(decoy("web-01", 1, os="windows")))
    assert actions(site.plan(network(decoy("web-01", 1, os="cisco")))) == {"decoy/web-01": Action.REPLACE}


def test_a_replacement_says_what_it_drops(site):
    site.apply(network(decoy("web-01", 1)))
    site.world.sessions["web-01"] = 1
    (change,) = site.plan(network(decoy("web-01", 2))).changes
    assert change.cost == "drops 1 open session, address changes, MAC changes"
    assert [one.code.value for one in change.costs] == ["sessions-dropped", "address-changed", "mac-changed"]


def test_a_lost_setting_of_the_machine_is_repaired(site):
    what = network(decoy("web-01", 1))
    site.apply(what)
    site.world.alter(
        Id(Kind.STACK, "web-01"), sysctls=(("net.ipv4.ip_default_ttl", "1"), ("net.ipv4.tcp_sack", "1"))
    )
    plan = site.plan(what)
    assert [change.reason for change in plan.drift] == ["net.ipv4.ip_default_ttl is 1, not 64"]
    assert site.apply(what).exit_code == 0
    assert site.plan(what).empty


def test_settings_that_the_file_does_not_name_are_not_compared(site):
    what = network(decoy("web-01", 1))
    site.apply(what)
    there = site.world.resources[Id(Kind.STACK, "web-01")]
    assert isinstance(there, Stack)
    site.world.alter(there.id, sysctls=tuple(sorted((*there.sysctls, ("net.core.somaxconn", "9")))))
    assert site.plan(what).empty


def test_what_is_there_without_the_state_is_taken_over(site):
    what = network(decoy("web-01", 1))
    site.apply(what)
    (site.folder / "state.db").unlink()
    plan = site.plan(what)
    assert {op.act.value for op in plan.ops} == {"record"}
    before = len(site.world.acts)
    site.apply(what)
    assert len(site.world.acts) == before
    assert site.plan(what).empty


def test_what_is_found_by_name_alone_is_taken_away(site):
    site.world.create(Decoy("ghost"))
    plan = site.plan(network())
    assert actions(plan)["decoy/ghost"] is Action.REMOVE
    site.apply(network())
    assert Id(Kind.DECOY, "ghost") not in site.world.resources


@pytest.mark.parametrize(("second", "word"), [([], "removed"), ([("web-01", 2)], "replaced")])
def test_a_protected_decoy_is_neither_removed_nor_replaced(site, second, word):
    site.apply(network(decoy("web-01", 1, protect=True, line=40)))
    with pytest.raises(InvalidInput, match=f"decoy web-01 is protected and would be {word}") as raised:
        site.plan(network(*(decoy(name, n, protect=True, line=40) for name, n in second)))
    assert raised.value.span == at(40)


def test_a_protected_network_is_not_destroyed(site):
    site.apply(network(decoy("web-01", 1, protect=True)))
    with pytest.raises(InvalidInput, match="protected"):
        site.destroy()


def test_a_foreign_thing_is_a_warning(site):
    saved, observed = site.look()
    observed = dataclasses.replace(observed, foreign=("interface dl0123456789ab",))
    plan = engine.plan(site.declare(network(), saved), saved, observed)
    assert plan.warnings == ("interface dl0123456789ab is there and is not ours",)


def test_what_could_not_be_looked_at_is_taken_to_be_there(site):
    what = network(decoy("web-01", 1))
    site.apply(what)
    saved, _ = site.look()
    blind = Observed(unseen=("namespaces (no CAP_SYS_ADMIN)",))
    plan = engine.plan(site.declare(what, saved), saved, blind)
    assert plan.empty
    assert "could not be looked at" in plan.warnings[0]
    assert engine.status(saved, blind).exit_code == 0


def test_a_process_serves_a_limited_number_of_decoys():
    count = DECOYS_PER_PROCESS + 10
    what = network(
        *(decoy(f"w{n}", n, subnet="198.18.0.0/15") for n in range(1, count + 1)),
        lans=[lan(subnet="198.18.0.0/15")],
    )
    desired = Site(None).declare(what, NOTHING)
    used = [one.resource.process for one in desired.resources.values() if isinstance(one.resource, Service)]
    assert (used.count(0), used.count(1)) == (DECOYS_PER_PROCESS, 10)


def test_a_decoy_stays_in_its_process():
    there = Service("web-01", "ssh", ((22, "tcp"),), "0", 7)
    saved = dataclasses.replace(NOTHING, resources={there.id: Saved(there, at(1))})
    desired = Site(None).declare(network(decoy("web-01", 1), decoy("new", 2)), saved)
    assert desired.resources[Id(Kind.SERVICE, "web-01", "ssh")].resource.process == 7
    assert desired.resources[Id(Kind.SERVICE, "new", "ssh")].resource.process == 0


def test_the_runtime_that_was_chosen_stays():
    saved = dataclasses.replace(NOTHING, about=About("office", runtime="docker"))
    assert Site(None).declare(network(), saved).about.runtime == "docker"
    assert Site(None).declare(network(), NOTHING).about.runtime == "netns"
    assert Site(None).declare(network(runtime=Runtime.NETNS), saved).about.runtime == "netns"


def test_an_open_intent_is_resolved_by_looking(site):
    made, lost = Decoy("web-01", "WEB-01", "linux"), Decoy("db-02", "DB-02", "linux")
    world = FakeWorld()
    world.create(made)
    intents = (Entry(1, "create", made, "new", at(1)), Entry(2, "create", lost, "new", at(2)))
    gone = Decoy("old")
    saved = dataclasses.replace(
        NOTHING,
        intents=(*intents, Entry(3, "remove", gone, "gone", at(3))),
        resources={gone.id: Saved(gone, at(3))},
    )
    recovered = engine.recover(saved, world.observe())
    assert recovered.resources == {made.id: Saved(made, at(1))}


SABOTAGE = {
    "nothing": (lambda world: None, State.UP, ""),
    "the link is down": (lambda world: world.alter(LINK, up=False), State.DOWN, "link eth0 is down"),
    "the namespace is gone": (
        lambda world: world.lose(Id(Kind.DECOY, "web-01")),
        State.DOWN,
        "namespace is gone",
    ),
    "one service is gone": (
        lambda world: world.lose(Id(Kind.SERVICE, "web-01", "ssh")),
        State.DRIFTED,
        "service ssh is not running",
    ),
    "other content": (
        lambda world: world.alter(Id(Kind.SERVICE, "web-01", "ssh"), bundle="0"),
        State.DRIFTED,
        "service ssh runs other content",
    ),
}


@pytest.mark.parametrize("sabotage", SABOTAGE)
def test_status(site, sabotage):
    site.apply(network(decoy("web-01", 1, "ssh", "http", hostname="www")))
    act, wanted, detail = SABOTAGE[sabotage]
    act(site.world)
    status = engine.status(*site.look())
    assert status.exit_code == (0 if wanted is State.UP else 4)
    (told,) = json.loads(engine.status_json(status))["decoys"]
    assert {
        key: told[key] for key in ("name", "state", "ip", "mac", "hostname", "os", "services", "detail")
    } == {
        "name": "web-01",
        "state": wanted.value,
        "ip": "198.51.100.2",
        "mac": "02:00:00:00:00:01",
        "hostname": "www",
        "os": "linux",
        "services": ["http", "ssh"],
        "detail": detail,
    }


def test_the_recap_counts_what_came_to_pass(site):
    what = network(decoy("web-01", 1), decoy("db-02", 2))
    saved, observed = site.look()
    plan = engine.plan(site.declare(what, saved), saved, observed)
    outcome = site.apply(what)
    assert (
        engine.render_recap(plan, outcome)
        == "apply: 2 added, 0 changed, 0 replaced, 0 removed, 0 unchanged\n"
    )


def test_a_second_network_lives_beside_the_first(site, tmp_path):
    other = Site(site.folder, FakeWorld("lab"))
    site.apply(network(decoy("web-01", 1)))
    other.apply(network(decoy("web-01", 1), name="lab"))
    site.destroy()
    assert [about.network for about in state.networks(site.folder)] == ["lab"]
    other.destroy()
    assert not site.folder.exists()
