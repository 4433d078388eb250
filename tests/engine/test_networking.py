"""LANs of several bridges, IPv6, VLANs and ipvlan in plans."""

import dataclasses
import shutil
from ipaddress import IPv6Address, IPv6Network

import pytest

from decnet.engine import placement
from decnet.errors import WorldError
from decnet.spec import LanDriver
from decnet.world import Id, Kind, Link, names
from tests.engine.fleets import Site, at, decoy, lan, network

WIDE = "198.18.0.0/16"
ZERO, ONE = (names.bridge("office", "default", number) for number in (0, 1))


MOST = 20
"""Decoys of a bridge in these tests."""


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(placement, "DECOYS_PER_BRIDGE", MOST)
    return Site(tmp_path / "state")


def test_a_bridge_has_ports_left_for_its_trunks():
    assert placement.DECOYS_PER_BRIDGE + names.MOST_BRIDGES < 1023


def fleet(*numbers: int, **fields):
    decoys = (decoy(f"d{n}", n + 1, subnet=WIDE, **fields) for n in numbers)
    return network(*decoys, lans=(lan(subnet=WIDE),))


def parents(site) -> dict[str, str]:
    return {r.decoy: r.parent for r in site.world.resources.values() if isinstance(r, Link)}


def bridges(site) -> int:
    return site.world.resources[Id(Kind.LAN, "default")].bridges


def labels(plan) -> list[str]:
    return [op.label for op in plan.ops]


def test_a_decoy_that_has_no_room_brings_a_second_bridge_and_touches_nobody(site):
    site.apply(fleet(*range(MOST)))
    assert bridges(site) == 1
    more = fleet(*range(MOST + 1))
    plan = site.plan(more)
    rows = {str(change.resource): (change.action.value, change.reason) for change in plan.changes}
    assert rows["lan/default"] == ("change", "bridges 1 → 2")
    assert set(rows) == {"lan/default", f"decoy/d{MOST}"}
    site.apply(more)
    assert bridges(site) == 2
    assert [one for one, parent in parents(site).items() if parent == ONE] == [f"d{MOST}"]
    assert site.plan(more).empty


def test_a_decoy_stays_on_its_bridge_while_others_come_and_go(site):
    everyone = list(range(MOST + 5))
    site.apply(fleet(*everyone))
    before = parents(site)
    fewer = fleet(*everyone[3:], 5000, 5001)
    site.apply(fewer)
    after = parents(site)
    assert {name: after[name] for name in before if name in after} == {
        name: before[name] for name in before if name in after
    }
    assert (after["d5000"], after["d5001"]) == (ZERO, ZERO)
    assert bridges(site) == 2


def test_a_bridge_goes_when_its_last_decoy_has_gone(site):
    everyone = list(range(MOST + 2))
    site.apply(fleet(*everyone))
    fewer = fleet(*everyone[:-2])
    plan = site.plan(fewer)
    order = labels(plan)
    assert order.index("update lan default") > max(
        order.index(f"remove link d{n}/eth0") for n in everyone[-2:]
    )
    site.apply(fewer)  # the fake machine refuses to take a bridge from under a link
    assert bridges(site) == 1
    assert site.plan(fewer).empty


def test_a_second_bridge_that_is_lost_is_drift_of_the_lan(site):
    everyone = fleet(*range(MOST + 1))
    site.apply(everyone)
    site.world.resources[Id(Kind.LINK, f"d{MOST}", "eth0")] = _unplugged(site)
    site.world.alter(Id(Kind.LAN, "default"), bridges=1)
    plan = site.plan(everyone)
    assert [(str(row.resource), row.reason) for row in plan.drift] == [
        ("lan/default", "bridge has bridges 1, not 2"),
        (f"decoy/d{MOST}", "link eth0 is not on its LAN"),
    ]
    assert plan.changes == ()
    site.apply(everyone)
    assert bridges(site) == 2


def _unplugged(site):

    return dataclasses.replace(site.world.resources[Id(Kind.LINK, f"d{MOST}", "eth0")], parent="")


SIX = {
    "subnet6": IPv6Network("2001:db8::/64"),
    "gateway6": IPv6Address("2001:db8::1"),
    "host6": IPv6Address("2001:db8::1"),
}


def test_ipv6_is_declared_seen_as_drift_and_costs_what_it_costs(site):
    def office(six: str, **fields):
        web = decoy("web", 7, ip6=IPv6Address(six), spans={"ip6": at(8)})
        return network(web, lans=(lan(**{**SIX, **fields}),))

    site.apply(office("2001:db8::20"))
    link = site.world.resources[Id(Kind.LINK, "web", "eth0")]
    assert (link.address6, link.gateway6) == ("2001:db8::20/64", "2001:db8::1")
    assert site.world.resources[Id(Kind.LAN, "default")].address6 == "2001:db8::1/64"
    plan = site.plan(office("2001:db8::21"))
    (change,) = plan.changes
    assert (change.action.value, change.span.line) == ("replace", 8)
    assert "ip6" in change.reason
    assert "2001:db8::21" in change.reason
    plan = site.plan(
        office("2001:db8::20", gateway6=IPv6Address("2001:db8::2"), host6=IPv6Address("2001:db8::2"))
    )
    assert {change.action.value for change in plan.changes} == {"change"}
    site.world.alter(link.id, address6="")
    plan = site.plan(office("2001:db8::20"))
    (drift,) = plan.drift
    assert drift.reason == "link eth0 has ip6 none, not 2001:db8::20/64"
    assert labels(plan) == ["create link web/eth0"]


def test_an_address_is_free_before_it_is_taken_on_ipv6_too(site):
    def office(**six: str):
        return network(
            *(decoy(n, i, ip6=IPv6Address(a)) for i, (n, a) in enumerate(six.items())), lans=(lan(**SIX),)
        )

    site.apply(office(a="2001:db8::20", b="2001:db8::21"))
    swapped = office(a="2001:db8::21", b="2001:db8::20")
    site.apply(swapped)
    assert site.plan(swapped).empty


def test_decoys_of_an_ipvlan_have_no_mac_of_their_own_to_wait_for(site):
    office = network(
        decoy("a", 1), decoy("b", 2), lans=(lan(driver=LanDriver.IPVLAN, interface="eth0", host=None),)
    )
    site.apply(office)
    found = [site.world.resources[Id(Kind.LINK, name, "eth0")] for name in "ab"]
    assert [(one.mac, one.parent) for one in found] == [("", "eth0"), ("", "eth0")]
    assert site.plan(office).empty


def test_a_vlan_is_part_of_what_links_stand_on(site):
    office = network(
        decoy("a", 1), lans=(lan(driver=LanDriver.MACVLAN, interface="eth0", vlan=42, host=None),)
    )
    site.apply(office)
    assert site.world.resources[Id(Kind.LINK, "a", "eth0")].parent == "eth0.42"
    untagged = network(
        decoy("a", 1), lans=(lan(driver=LanDriver.MACVLAN, interface="eth0", vlan=0, host=None),)
    )
    assert [(str(c.resource), c.action.value) for c in site.plan(untagged).changes] == [
        ("lan/default", "replace"),
        ("decoy/a", "replace"),
    ]
    site.apply(untagged)
    assert site.plan(untagged).empty


def test_the_fake_machine_keeps_a_bridge_that_is_in_use(site):

    site.apply(fleet(*range(MOST + 1)))
    lan_there = site.world.resources[Id(Kind.LAN, "default")]
    with pytest.raises(WorldError, match="is in use by"):
        site.world.update(dataclasses.replace(lan_there, bridges=1), frozenset({"bridges"}))


def test_a_lan_that_goes_and_comes_back_takes_along_decoys_that_no_state_knows(site):
    six = IPv6Network("2001:db8:a::/64")
    site.apply(network(decoy("a", 1, "ssh"), decoy("b", 2, "ssh"), lans=(lan(subnet6=six),)))
    shutil.rmtree(site.folder)
    outcome = site.apply(network(decoy("a", 1, "ssh")))
    assert (outcome.failed, outcome.skipped) == ((), ())
    assert site.plan(network(decoy("a", 1, "ssh"))).empty
