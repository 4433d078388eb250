"""What a change costs the illusion, code by code."""

from __future__ import annotations

import pytest

from decnet import engine
from decnet.spec import Identity
from tests.engine.fleets import IDENTITY, Site, bundles, decoy, network, service

BEFORE = decoy("web-01", 1, "ssh")
COSTS = {
    "a password": (decoy("web-01", 1, service("ssh", password="x")), []),
    "a banner": (decoy("web-01", 1, service("ssh", banner="x")), ["version-changed"]),
    "a port": (decoy("web-01", 1, service("ssh", ports=[2222])), ["ports-changed"]),
    "one more service": (decoy("web-01", 1, "ssh", "http"), ["ports-changed"]),
    "an address": (decoy("web-01", 1, "ssh", ip="198.51.100.77"), ["address-changed"]),
    "a mac": (decoy("web-01", 1, "ssh", mac="02:00:00:00:77:77"), ["mac-changed"]),
    "a system": (decoy("web-01", 1, "ssh", os="windows"), ["stack-changed"]),
    "a host name": (decoy("web-01", 1, "ssh", hostname="other"), ["hostname-changed"]),
    "protection": (decoy("web-01", 1, "ssh", protect=True), []),
}


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path / "state")
    site.apply(network(BEFORE))
    return site


@pytest.mark.parametrize("what", COSTS)
def test_cost(site, what):
    after, codes = COSTS[what]
    (change,) = site.plan(network(after)).changes
    assert [one.code.value for one in change.costs] == codes
    assert change.cost == ", ".join(one.text for one in change.costs)


def test_another_secret_changes_what_is_derived_from_it(site):
    saved, observed = site.look()
    other = Identity(b"\x09" * 32, IDENTITY.created)
    what = network(BEFORE)
    desired = engine.declare(what, bundles(what, other), saved)
    (change,) = engine.plan(desired, saved, observed).changes
    assert [one.code.value for one in change.costs] == ["host-key-changed"]


def test_sessions_are_counted_where_they_end(site):
    site.world.sessions["web-01"] = 3
    (moved,) = site.plan(network(COSTS["an address"][0])).changes
    (port,) = site.plan(network(COSTS["a port"][0])).changes
    (banner,) = site.plan(network(COSTS["a banner"][0])).changes
    assert moved.cost == "drops 3 open sessions, address changes"
    assert port.cost == "drops up to 3 open sessions, open ports change"
    assert banner.cost == "version changes"
