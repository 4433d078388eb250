"""Addresses that somebody on the LAN has already."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from decnet import engine
from decnet.errors import AddressInUse
from decnet.spec import LanDriver
from tests.engine.fleets import Site, decoy, lan, network

STRANGER = "00:11:22:33:44:55"
REAL = lan(driver=LanDriver.MACVLAN, interface="eth0")


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "state")


def ask(site: Site, what):
    saved, observed = site.look()
    return engine.taken(site.plan(what), saved, observed, site.world)


def test_somebody_who_answers_is_named(site):
    site.world.neighbours["eth0"] = {"198.51.100.2": STRANGER, "198.51.100.99": STRANGER}
    found = ask(site, network(decoy("web-01", 1), decoy("db-02", 2), lans=[REAL]))
    assert list(map(str, found)) == [f"198.51.100.2 (web-01) is in use already: {STRANGER} answers for it"]
    with pytest.raises(AddressInUse, match="in use already"):
        engine.refuse(found)


def test_only_new_addresses_are_asked_for(site):
    site.apply(network(decoy("web-01", 1), decoy("db-02", 2), lans=[REAL]))
    ask(site, network(decoy("web-01", 1), decoy("db-02", 2), lans=[REAL]))
    assert site.world.asked == []
    ask(site, network(decoy("web-01", 1), decoy("db-02", 2, ip=IPv4Address("198.51.100.77")), lans=[REAL]))
    assert site.world.asked == [("eth0", ("198.51.100.77",))]


def test_two_decoys_that_change_places_ask_nobody(site):
    site.apply(network(decoy("web-01", 1), decoy("db-02", 2), lans=[REAL]))
    ask(site, network(decoy("web-01", 2), decoy("db-02", 1), lans=[REAL]))
    assert site.world.asked == []


def test_a_decoy_of_ours_that_answers_is_no_stranger(site):
    site.world.neighbours["eth0"] = {"198.51.100.2": "02:00:00:00:00:01"}
    assert ask(site, network(decoy("web-01", 1), lans=[REAL])) == ()


def test_nobody_is_on_an_isolated_bridge(site):
    ask(site, network(decoy("web-01", 1)))
    assert site.world.asked == []


def test_an_error_does_not_go_on_for_ever(site):
    site.world.neighbours["eth0"] = {f"198.51.100.{n}": STRANGER for n in range(1, 100)}
    found = ask(site, network(*(decoy(f"w{n}", n) for n in range(1, 50)), lans=[REAL]))
    with pytest.raises(AddressInUse, match="and 44 more"):
        engine.refuse(found)
