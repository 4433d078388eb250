"""The office of examples/, all of its machines scanned in one run of nmap, on macvlan and on a bridge.

``DECNET_PROFILES=all`` scans all ports of each instead of nmap's thousand.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from decnet.catalog import load
from decnet.world import names
from tests.live.command import Command
from tests.live.faces import answers
from tests.live.lab import Lab, Machine, run
from tests.live.test_acceptance_macvlan import systems

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]

EXAMPLE = Path(__file__).parents[2] / "examples/office.ini"
PORTS = ("-p-", "-T4") if os.environ.get("DECNET_PROFILES") == "all" else ("-T4",)


@pytest.fixture
def log_folder():
    """The example keeps an archive in /var/log; only the lab's is written to."""
    run("mount", "-t", "tmpfs", "tmpfs", "/var/log")
    yield
    run("umount", "--lazy", "/var/log")


DRIVERS = ["macvlan", "bridge"] if PORTS[0] == "-p-" else ["macvlan"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_machine_of_the_office_is_taken_for_what_it_is_declared_as(
    lab: Lab, tmp_path: Path, log_folder, driver: str
):
    decnet = Command(tmp_path / "state", supervised=False)
    on = () if driver == "macvlan" else ("--env", "lab")
    place = {"cable": "lan0"} if driver == "macvlan" else {"bridge": names.lan_interface("office", "default")}
    if driver == "macvlan":
        attacker = lab.machine("attacker", "203.0.113.250/24", **place)
        decnet("apply", "--yes", *on, EXAMPLE)
    else:
        decnet("apply", "--yes", *on, EXAMPLE)
        attacker = lab.machine("attacker", "203.0.113.250/24", **place)
    decoys = decnet.status("office")
    declared = {one["ip"]: load().oses[one["os"]].name for one in decoys.values()}
    wrong = missed(attacker, declared, *PORTS)
    if wrong:  # nmap's probes are timed: on a machine with too much to do one of 25 may come out of step
        wrong = missed(attacker, {address: declared[address] for address in wrong}, "-p", "22,23,80,81,443")
    assert not wrong
    web = decoys["web01"]["ip"]
    assert answers(attacker, web)
    decnet("destroy", "--yes", "office")
    lab.unplug(attacker)


def missed(attacker: Machine, declared: dict[str, str], *ports: str) -> dict[str, tuple[str, str]]:
    """Address → system and what nmap says instead, of those that one run of nmap takes for something else."""
    told = attacker.run("nmap", "-n", "-O", *ports, "-oX", "-", *sorted(declared), timeout=900)
    seen = {host.find("address").get("addr"): systems(host) for host in ET.fromstring(told).iter("host")}
    return {
        address: (name, seen.get(address, ""))
        for address, name in declared.items()
        if load().oses[name].nmap_label not in seen.get(address, "")
    }
