"""Which process serves a decoy, what moving it costs, and what a change of limits does."""

import dataclasses

import pytest

from decnet.services.limits import Bounds
from decnet.spec import Isolation
from decnet.world import Service
from tests.engine.fleets import Site, decoy, network


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "state")


def alone(one, **bounds):
    return dataclasses.replace(one, isolation=Isolation.DECOY, bounds=Bounds(**bounds))


def processes(site):
    return {
        resource.decoy: resource.process
        for resource in site.world.observe().resources.values()
        if isinstance(resource, Service)
    }


def test_a_decoy_of_its_own_has_a_process_that_no_other_gets(site):
    site.apply(network(alone(decoy("a", 1, "ssh")), decoy("b", 2, "ssh"), alone(decoy("c", 3, "ssh"))))
    assert processes(site) == {"a": 1000, "b": 0, "c": 1001}
    site.apply(network(decoy("b", 2, "ssh"), alone(decoy("c", 3, "ssh")), alone(decoy("d", 4, "ssh"))))
    assert processes(site) == {"b": 0, "c": 1001, "d": 1000}


def test_a_process_that_several_share_has_no_bounds(site):
    bounded = dataclasses.replace(decoy("a", 1, "ssh"), bounds=Bounds(memory=1 << 28))
    site.apply(network(bounded, decoy("b", 2, "ssh")))
    assert {one.bounds for one in site.world.resources.values() if isinstance(one, Service)} == {Bounds()}


def test_moving_one_decoy_restarts_its_services_and_nobody_else_s(site):
    site.apply(network(decoy("a", 1, "ssh", "http"), decoy("b", 2, "ssh")))
    plan = site.plan(network(alone(decoy("a", 1, "ssh", "http")), decoy("b", 2, "ssh")))
    (change,) = plan.changes
    assert [(row.text, row.policy) for row in change.details] == [("isolation shared → decoy", "restart")]
    assert sorted(op.label for op in plan.ops) == [
        "create service a/http",
        "create service a/ssh",
        "remove service a/http",
        "remove service a/ssh",
    ]
    site.apply(network(alone(decoy("a", 1, "ssh", "http")), decoy("b", 2, "ssh")))
    assert processes(site) == {"a": 1000, "b": 0}


def test_bounds_change_while_the_services_go_on(site):
    site.apply(network(alone(decoy("a", 1, "ssh"), memory=256 << 20)))
    plan = site.plan(network(alone(decoy("a", 1, "ssh"), memory=512 << 20, cpu=0.5)))
    (change,) = plan.changes
    assert [row.text for row in change.details] == ["limits.memory 256M → 512M", "limits.cpu none → 50%"]
    assert [op.label for op in plan.ops] == ["update service a/ssh"]
    site.apply(network(alone(decoy("a", 1, "ssh"), memory=512 << 20, cpu=0.5)))
    assert site.plan(network(alone(decoy("a", 1, "ssh"), memory=512 << 20, cpu=0.5))).empty
