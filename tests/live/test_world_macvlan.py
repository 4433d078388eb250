"""Decoys as peers on a real LAN (here: a cable to another namespace), and the host's own way to them."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from decnet.errors import WorldError
from decnet.world import Decoy, Driver, Lan, Link, names
from decnet.world.linux import LinuxWorld
from tests.live.lab import Lab, eventually, run

pytestmark = pytest.mark.live

HAIRPIN = names.lan_interface("office", "lan")
LAN = Lan("lan", Driver.MACVLAN, interface="wan0", subnet="198.51.100.0/24", address="198.51.100.2/24")
BARE = dataclasses.replace(LAN, address="")
WEB = Link(
    "web",
    "eth0",
    lan="lan",
    driver=Driver.MACVLAN,
    parent="wan0",
    mac="00:50:56:00:00:0a",
    address="198.51.100.10/24",
    gateway="198.51.100.200",
)
OFFICE = (LAN, Decoy("web"), WEB)


@pytest.fixture(scope="module")
def wire(lab: Lab):
    attacker = lab.machine("attacker", "198.51.100.200/24", cable="wan0")
    run("ip", "address", "add", "198.51.100.1/24", "dev", "wan0")
    return attacker


@pytest.fixture
def office(lab: Lab, wire):
    before, parent = lab.snapshot(), run("ip", "-d", "link", "show", "wan0")
    with LinuxWorld("office", Path("/run/decnet/office"), Path("/run/events")) as opened:
        yield opened
        opened.remove_all()
    after = lab.snapshot()
    assert {key: after[key] for key in after if key != "files"} == {
        key: before[key] for key in before if key != "files"
    }
    assert run("ip", "-d", "link", "show", "wan0") == parent


def apply(opened: LinuxWorld, *resources) -> None:
    for resource in resources:
        opened.create(resource)


def seen(opened: LinuxWorld, *expected) -> set:
    return set(opened.observe(expected).resources.values())


def reaches_from_the_host(ip: str) -> bool:
    script = f"import socket; s=socket.socket(); s.settimeout(2); s.connect_ex(('{ip}', 9)) == 111 or exit(1)"
    return subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_what_was_made_is_what_is_seen(office):
    apply(office, *OFFICE)
    assert seen(office, *OFFICE) == set(OFFICE)
    apply(office, *OFFICE)
    assert seen(office, *OFFICE) == set(OFFICE)


def test_the_lan_sees_a_machine_of_its_own(office, wire):
    apply(office, *OFFICE)
    answer = wire.run("arping", "-c", "1", "-w", "5", "-I", "eth0", "198.51.100.10")
    assert "00:50:56:00:00:0a" in answer.lower()


def test_the_host_reaches_its_decoys_by_the_hairpin(office):
    apply(office, BARE, Decoy("web"), WEB)
    assert seen(office, BARE, WEB) == {BARE, Decoy("web"), WEB}
    assert not reaches_from_the_host("198.51.100.10")
    office.update(LAN, frozenset({"address"}))
    assert reaches_from_the_host("198.51.100.10")
    assert run("ip", "route", "get", "198.51.100.77").split()[:3] == ["198.51.100.77", "dev", "wan0"]


def test_a_hairpin_deleted_by_hand_comes_back_with_its_routes(office):
    apply(office, *OFFICE)
    run("ip", "link", "delete", HAIRPIN)
    assert LAN not in seen(office, *OFFICE)
    office.create(LAN)
    assert reaches_from_the_host("198.51.100.10")


def test_a_decoy_replaced_keeps_its_mac(office):
    apply(office, *OFFICE)
    for _ in range(5):
        office.remove(Decoy("web"))
        apply(office, Decoy("web"), WEB)
    run("ip", "netns", "delete", "decnet:office:web")  # the kernel lets go of the old link in its own time
    apply(office, Decoy("web"), WEB)
    assert seen(office, *OFFICE) == set(OFFICE)


def test_two_decoys_with_one_mac_are_a_clear_error(office):
    twin = dataclasses.replace(WEB, decoy="twin", address="198.51.100.11/24")
    apply(office, *OFFICE, Decoy("twin"))
    with pytest.raises(WorldError, match="another interface on wan0 has the MAC address 00:50:56:00:00:0a"):
        office.create(twin)


def test_an_mtu_over_the_parents_is_a_clear_error(office):
    apply(office, LAN, Decoy("web"))
    with pytest.raises(WorldError) as caught:
        office.create(dataclasses.replace(WEB, mtu=9000))
    assert "larger than that of wan0" in caught.value.hint


def test_a_parent_that_is_not_there_is_a_clear_error(office):
    with pytest.raises(WorldError, match="no interface 'wan7'") as caught:
        office.create(dataclasses.replace(LAN, interface="wan7"))
    assert "interfaces of this machine" in caught.value.hint


def test_when_destroy_returns_the_parent_has_let_go(office):
    decoys = [
        dataclasses.replace(
            WEB, decoy=f"d{n}", mac=f"00:50:56:00:01:{n:02x}", address=f"198.51.100.{n + 10}/24"
        )
        for n in range(20)
    ]
    apply(office, LAN, *(Decoy(link.decoy) for link in decoys), *decoys)
    office.remove_all()
    assert "00:50:56:00:01" not in run("bridge", "fdb", "show", "dev", "wan0")


def test_a_carrier_that_is_lost_is_seen(office):
    apply(office, *OFFICE)
    run("ip", "link", "set", "wan0", "down")
    try:
        eventually(lambda: dataclasses.replace(WEB, up=False) in seen(office, *OFFICE))
    finally:
        run("ip", "link", "set", "wan0", "up")
