"""Whether a machine can carry what is planned."""

from __future__ import annotations

import dataclasses

import pytest

from decnet import engine
from decnet.engine.forecast import MB, need
from decnet.state import About, Snapshot
from decnet.world import Id, Kind, Observed
from decnet.world.capacity import Capacity, look
from tests.engine.fleets import Site, decoy, lan, network

NOTHING = Snapshot(About("office"))
AMPLE = Capacity(
    memory=1 << 40,
    open_files=1 << 20,
    system_files=1 << 40,
    processes=1 << 20,
    namespaces=1 << 20,
    neighbours=1 << 20,
)


def fleet(count: int):
    return network(
        *(decoy(f"w{n}", n, "ssh", "http", subnet="198.18.0.0/15") for n in range(1, count + 1)),
        lans=[lan(subnet="198.18.0.0/15")],
    )


@pytest.fixture(scope="module")
def large():
    desired = Site(None).declare(fleet(1200), NOTHING)
    one = desired.resources[Id(Kind.LAN, "default")]
    single = dataclasses.replace(one, resource=dataclasses.replace(one.resource, bridges=1))
    desired = dataclasses.replace(desired, resources={**desired.resources, one.resource.id: single})
    return desired, engine.plan(desired, NOTHING, Observed())


def test_what_a_thousand_decoys_need(large):
    desired, plan = large
    found = need(plan, desired)
    processes = len(
        {one.resource.process for one in desired.resources.values() if hasattr(one.resource, "process")}
    )
    assert (found.new_decoys, found.new_processes) == (1200, processes)
    assert found.memory == 600 * MB + processes * 40 * MB
    assert found.neighbours == 2400
    assert found.ports == {"default": (1200, 1023)}


SMALL = {
    "memory": (Capacity(memory=100 * MB), "1200 decoys need about 7"),
    "open files": (Capacity(open_files=256), "listening sockets, a process may open 256 files"),
    "files of all": (Capacity(system_files=1000), "12000 more open files are needed, the kernel has room for 1000"),
    "processes": (Capacity(processes=1), "decoy processes are needed, 1 more may be started"),
    "namespaces": (Capacity(namespaces=1000), "sysctl user.max_net_namespaces=2048"),
    "neighbours": (Capacity(neighbours=1024), "sysctl net.ipv4.neigh.default.gc_thresh3=4096"),
    "a kind": (Capacity(missing=("bridge", "veth")), "the kernel has no bridge veth interfaces: sudo modprobe bridge veth"),
}  # fmt: skip


@pytest.mark.parametrize("what", SMALL)
def test_what_is_short_is_told_with_its_numbers(large, what):
    desired, plan = large
    capacity, words = SMALL[what]
    told = engine.forecast(plan, desired, capacity)
    assert [line for line in told if words in line], told


def test_a_bridge_takes_a_thousand_ports(large):
    desired, plan = large
    assert engine.forecast(plan, desired, AMPLE) == (
        "LAN default has 1200 decoys, a bridge takes 1023 ports: spread them over several LANs",
    )


def test_what_cannot_be_read_is_not_judged(large):
    desired, plan = large
    assert len(engine.forecast(plan, desired, Capacity())) == 1


def test_a_plan_that_makes_nothing_needs_nothing(tmp_path):
    site = Site(tmp_path / "state")
    site.apply(fleet(3))
    saved, _ = site.look()
    assert engine.forecast(site.plan(fleet(3)), site.declare(fleet(3), saved), Capacity(memory=0)) == ()


def test_a_replaced_decoy_has_its_memory_already(tmp_path):
    site = Site(tmp_path / "state")
    site.apply(network(decoy("web-01", 1)))
    moved = network(decoy("web-01", 2))
    saved, _ = site.look()
    assert need(site.plan(moved), site.declare(moved, saved)).new_decoys == 0


def test_this_machine_is_read():
    seen = look()
    assert seen.memory > MB
    assert seen.open_files >= 256
    assert seen.system_files > 0


def test_processes_in_containers_share_what_they_have_loaded(large):
    desired, _ = large
    boxed = {
        id_: dataclasses.replace(one, resource=dataclasses.replace(one.resource, docker=True))
        if id_.kind is Kind.SERVICE
        else one
        for id_, one in desired.resources.items()
    }
    desired = dataclasses.replace(desired, resources=boxed)
    found = need(engine.plan(desired, NOTHING, Observed()), desired)
    assert found.memory == 600 * MB + found.new_processes * 14 * MB
