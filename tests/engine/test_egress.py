"""Containment in plans: what a change of ``egress`` costs, and how rules that are not as they were left are told."""

from __future__ import annotations

import dataclasses

import pytest

from decnet.engine import Action
from decnet.world import Decoy, Id, Kind
from tests.engine.fleets import Site, at, decoy, network

WEB = Id(Kind.DECOY, "web-01")
DNS = ("udp 198.51.100.53/32 53",)
HTTPS = ("tcp 203.0.113.0/24 443",)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "state")


def office(egress: tuple[str, ...] = (), **fields):
    return network(decoy("web-01", 1, egress=egress, **fields), decoy("db-02", 2))


def test_a_new_decoy_is_made_with_its_egress(site):
    assert site.apply(office(DNS)).exit_code == 0
    assert site.world.resources[WEB].egress == DNS
    assert site.plan(office(DNS)).empty


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ((), DNS, "egress deny → udp 198.51.100.53/32 53"),
        (DNS, HTTPS, "egress udp 198.51.100.53/32 53 → tcp 203.0.113.0/24 443"),
        (HTTPS, (), "egress tcp 203.0.113.0/24 443 → deny"),
    ],
)
def test_a_change_of_egress_is_live_and_shows_its_line(site, before, after, text):
    site.apply(office(before))
    site.world.acts.clear()
    site.world.sessions["web-01"] = 3
    (change,) = site.plan(office(after, spans={"egress": at(12)})).changes
    assert (change.resource, change.action, change.reason, change.cost) == (WEB, Action.CHANGE, text, "")
    assert change.span == at(12)
    assert site.apply(office(after)).exit_code == 0
    assert site.world.acts == ["update egress of decoy/web-01"]
    assert site.world.resources[WEB].egress == after


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (("missing",), "containment rules are missing"),
        (("altered",), "containment rules are altered"),
        (DNS, "containment lets out udp 198.51.100.53/32 53, not tcp 203.0.113.0/24 443"),
        ((), "containment lets out nothing, not tcp 203.0.113.0/24 443"),
    ],
)
def test_rules_that_are_not_as_they_were_left_are_drift_and_repaired_live(site, found, text):
    site.apply(office(HTTPS))
    site.world.alter(WEB, egress=found)
    site.world.acts.clear()
    plan = site.plan(office(HTTPS))
    (drift,) = plan.drift
    assert (drift.resource, drift.reason, plan.changes) == (WEB, text, ())
    assert site.apply(office(HTTPS)).exit_code == 0
    assert site.world.acts == ["update egress of decoy/web-01"]
    assert site.plan(office(HTTPS)).empty


def test_a_namespace_of_a_release_without_containment_gets_its_rules(site):
    site.apply(office())
    site.world.alter(WEB, egress=("missing",))
    assert site.apply(office()).exit_code == 0
    assert site.world.resources[WEB] == dataclasses.replace(site.world.resources[WEB], egress=())
    assert isinstance(site.world.resources[WEB], Decoy)
