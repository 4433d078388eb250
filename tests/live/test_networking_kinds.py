"""ipvlan and VLANs, where the kernel has them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from decnet.errors import MissingCapability, WorldError
from decnet.world import Decoy, Driver, Lan, Link, check
from tests.live import worlds
from tests.live.command import Command
from tests.live.lab import Lab, Machine, eventually, run
from tests.live.worlds import apply, seen

pytestmark = pytest.mark.live

IP = Lan("default", Driver.IPVLAN, interface="wan0", subnet="203.0.113.0/24", subnet6="2001:db8::/64")
WEB = Link("web", "eth0", lan="default", driver=Driver.IPVLAN, parent="wan0", mac="", address="203.0.113.10/24",
           gateway="203.0.113.1", address6="2001:db8::10/64", gateway6="2001:db8::1")  # fmt: skip
DB = dataclasses.replace(WEB, decoy="db", address="203.0.113.11/24", address6="2001:db8::11/64")
TAGGED = Lan("default", Driver.MACVLAN, interface="wan0", subnet="203.0.113.0/24", vlan=42)
MAIL = Link("mail", "eth0", lan="default", driver=Driver.MACVLAN, parent="wan0.42", mac="00:50:56:00:00:0c",
            address="203.0.113.12/24")  # fmt: skip


def missing(lan: Lan) -> list[str]:
    return check.missing_kinds([lan])


@pytest.fixture
def ipvlan(lab: Lab) -> None:
    if missing(IP):
        pytest.skip("kernel has no ipvlan")


@pytest.fixture
def vlan(lab: Lab) -> None:
    if missing(TAGGED):
        pytest.skip("kernel has no 8021q")


@pytest.fixture(scope="module")
def peer(lab: Lab) -> Machine:
    machine = lab.machine("peer", "203.0.113.1/24", cable="wan0")
    machine.run("ip", "-6", "address", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
    return machine


@pytest.fixture
def opened(lab: Lab, peer: Machine):
    with worlds.opened(lab, "kinds") as world:
        yield world


def answers(machine: Machine, address: str) -> bool:
    return " 0% packet loss" in machine.run("ping", "-c", "1", "-W", "1", address, check=False)


def test_decoys_of_an_ipvlan_share_the_mac_of_their_parent(ipvlan, opened, peer):
    apply(opened, IP, WEB, DB)
    assert seen(opened, IP, WEB, DB) == {IP, WEB, DB}
    apply(opened, IP, WEB, DB)
    for address in ("203.0.113.10", "203.0.113.11", "2001:db8::10", "2001:db8::11"):
        eventually(lambda a=address: answers(peer, a))
    mac = Path("/sys/class/net/wan0/address").read_text().strip()
    table = [line for line in peer.run("ip", "neighbour").splitlines() if "203.0.113.1" in line]
    assert all(mac in line for line in table)


def test_an_ipvlan_decoy_replaced_takes_its_address_again(ipvlan, opened):
    for _ in range(5):
        apply(opened, IP, WEB)
        opened.remove(Decoy("web"))
    apply(opened, IP, WEB)
    twin = dataclasses.replace(WEB, decoy="twin")
    with pytest.raises(WorldError, match=r"another ipvlan on wan0 has the address 203\.0\.113\.10"):
        apply(opened, twin)


def test_a_macvlan_beside_an_ipvlan_is_a_clear_error(ipvlan, opened):
    apply(opened, IP, WEB)
    opened.create(Decoy("mail"))
    with pytest.raises(WorldError, match="excludes macvlan"):
        opened.create(dataclasses.replace(MAIL, parent="wan0"))


def test_a_vlan_is_made_and_removed_with_its_lan(vlan, opened, peer):
    peer.run("ip", "link", "add", "link", "eth0", "name", "eth0.42", "type", "vlan", "id", "42")
    peer.run("ip", "address", "add", "203.0.113.129/25", "dev", "eth0.42")
    peer.run("ip", "link", "set", "eth0.42", "up")
    lan = dataclasses.replace(TAGGED, subnet="203.0.113.128/25")
    link = dataclasses.replace(MAIL, address="203.0.113.130/25")
    apply(opened, lan, link)
    assert seen(opened, lan, link) == {lan, link}
    assert "alias decnet:kinds:vlan:wan0.42" in run("ip", "link", "show", "wan0.42")
    assert answers(peer, "203.0.113.130")
    opened.remove(lan)
    assert "wan0.42" in run("ip", "link")  # a decoy stands on it
    opened.remove(link)
    opened.remove(Decoy("mail"))
    opened.remove(lan)
    assert "wan0.42" not in run("ip", "link")
    peer.run("ip", "link", "delete", "eth0.42")


def test_a_vlan_of_somebody_else_is_used_and_left(vlan, opened):
    run("ip", "link", "add", "link", "wan0", "name", "wan0.42", "type", "vlan", "id", "42")
    run("ip", "link", "set", "wan0.42", "up")
    apply(opened, TAGGED, MAIL)
    assert seen(opened, TAGGED, MAIL) == {TAGGED, MAIL}
    opened.remove(MAIL)
    opened.remove(Decoy("mail"))
    opened.remove(TAGGED)
    opened.remove_all()
    assert "wan0.42" in run("ip", "link")
    run("ip", "link", "delete", "wan0.42")


def test_a_vlan_of_ours_that_others_came_to_use_is_left_to_them(vlan, opened):
    apply(opened, TAGGED, MAIL)
    run("ip", "link", "add", "link", "wan0.42", "name", "theirs", "type", "macvlan", "mode", "bridge")
    opened.remove_all()
    assert "theirs" in run("ip", "link")
    assert "decnet" not in run("ip", "link", "show", "wan0.42")
    run("ip", "link", "delete", "wan0.42")


def test_another_interface_in_the_place_of_a_vlan_is_a_clear_error(vlan, opened):
    run("ip", "link", "add", "wan0.42", "type", "bridge")
    with pytest.raises(WorldError, match="is not VLAN 42 of wan0"):
        opened.create(TAGGED)
    opened.remove(TAGGED)
    run("ip", "link", "delete", "wan0.42")


NEEDS = {
    "ipvlan": (IP, "driver = ipvlan\ninterface = wan0\nnet = 203.0.113.0/24\n", "modprobe ipvlan"),
    "vlan": (TAGGED, "interface = wan0\nvlan = 42\nnet = 203.0.113.0/24\n", "modprobe 8021q"),
}


@pytest.mark.parametrize(("kind", "need"), NEEDS.items(), ids=NEEDS)
def test_what_the_kernel_lacks_is_said_by_name_before_anything_is_touched(lab, peer, tmp_path, kind, need):
    lan, general, hint = need
    if not missing(lan):
        pytest.skip(f"kernel has {kind}")
    with pytest.raises(MissingCapability, match=f"the kernel has no {kind} interfaces") as caught:
        check.check([lan])
    assert hint in caught.value.hint
    before = lab.snapshot()
    file = tmp_path / "kinds.ini"
    file.write_text(f"[general]\n{general}[web]\nservices = redis\n")
    command = Command(tmp_path / "state")
    told = command("apply", file, code=1)
    assert f"no {kind} interfaces" in told
    assert hint in told
    assert lab.snapshot() == before
