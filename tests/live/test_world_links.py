"""LANs, decoys, links and stacks on the real kernel."""

from __future__ import annotations

import dataclasses
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from decnet.errors import WorldError
from decnet.world import Decoy, Driver, Lan, Link, Stack, names
from decnet.world.linux import LinuxWorld
from tests.live.lab import Lab, run

pytestmark = pytest.mark.live

BRIDGE = names.lan_interface("office", "default")
LAN = Lan("default", Driver.BRIDGE, subnet="198.18.0.0/24", address="198.18.0.1/24")
WEB = Link(
    "web-01",
    "eth0",
    lan="default",
    driver=Driver.BRIDGE,
    parent=BRIDGE,
    mac="00:50:56:00:00:0a",
    address="198.18.0.10/24",
    gateway="198.18.0.1",
)
STACK = Stack("web-01", (("net.ipv4.ip_default_ttl", "128"), ("net.ipv4.tcp_rmem", "4096 87380 174760")))
OFFICE = (LAN, Decoy("web-01"), WEB, STACK)


def world(network: str = "office") -> LinuxWorld:
    return LinuxWorld(network, Path("/run/decnet") / network, Path("/run/events") / network)


@pytest.fixture
def office(lab: Lab):
    before = lab.snapshot()
    with world() as opened:
        yield opened
        opened.remove_all()
    after = lab.snapshot()
    before["files"], after["files"] = (
        sorted({*s["files"], "/run/netns", "/run/decnet"}) for s in (before, after)
    )
    assert after == before


def apply(opened: LinuxWorld, *resources) -> None:
    for resource in resources:
        opened.create(resource)


def seen(opened: LinuxWorld, *expected) -> set:
    return set(opened.observe(expected).resources.values())


def inside(decoy: str, *command: str) -> str:
    return run("nsenter", f"--net=/run/netns/decnet:office:{decoy}", *command)


def test_what_was_made_is_what_is_seen(office):
    apply(office, *OFFICE)
    assert seen(office, *OFFICE) == set(OFFICE)


def test_doing_it_twice_is_doing_it_once(office, lab):
    apply(office, *OFFICE)
    once = lab.snapshot()
    apply(office, *OFFICE)
    assert lab.snapshot() == once
    assert seen(office, *OFFICE) == set(OFFICE)


def test_another_machine_on_the_bridge_reaches_the_decoy(office, lab):
    apply(office, *OFFICE)
    attacker = lab.machine("attacker", "198.18.0.200/24", bridge=BRIDGE)
    answer = attacker.run("arping", "-c", "1", "-w", "5", "-I", "eth0", "198.18.0.10")
    lab.unplug(attacker)
    assert "00:50:56:00:00:0a" in answer.lower()


def test_ip_netns_knows_the_decoys(office):
    apply(office, LAN, Decoy("web-01"))
    assert run("ip", "netns", "list").split()[0] == "decnet:office:web-01"


def test_neither_the_host_nor_the_decoy_speaks_ipv6_on_the_lan(office):
    apply(office, *OFFICE)
    assert run("ip", "-6", "-o", "address", "show", "dev", BRIDGE) == ""
    assert (
        run("ip", "-6", "-o", "address", "show", "dev", names.peer_interface("office", "web-01", "eth0"))
        == ""
    )
    assert inside("web-01", "ip", "-6", "-o", "address") == ""


CHANGES = {
    "gateway": dataclasses.replace(WEB, gateway="198.18.0.254"),
    "no gateway": dataclasses.replace(WEB, gateway=""),
    "mtu": dataclasses.replace(WEB, mtu=1400),
    "down": dataclasses.replace(WEB, up=False),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_a_link_changes_in_place_and_back(office, changed):
    apply(office, *OFFICE)
    index = inside("web-01", "cat", "/proc/net/dev_mcast")
    fields = frozenset(
        f.name for f in dataclasses.fields(Link) if getattr(WEB, f.name) != getattr(changed, f.name)
    )
    office.update(changed, fields)
    assert changed in seen(office, *OFFICE, changed)
    office.update(WEB, fields)
    assert seen(office, *OFFICE) == set(OFFICE)
    assert inside("web-01", "cat", "/proc/net/dev_mcast").split()[0] == index.split()[0]


SABOTAGE = {
    "link down": ("ip", "link", "set", "eth0", "down"),
    "address gone": ("ip", "address", "flush", "dev", "eth0"),
    "route gone": ("ip", "route", "delete", "default"),
    "link gone": ("ip", "link", "delete", "eth0"),
    "other address": ("ip", "address", "replace", "203.0.113.9/24", "dev", "eth0"),
    "sysctl": ("sh", "-c", "echo 61 > /proc/sys/net/ipv4/ip_default_ttl"),
}


@pytest.mark.parametrize("command", SABOTAGE.values(), ids=SABOTAGE)
def test_what_was_broken_is_made_whole(office, command):
    apply(office, *OFFICE)
    inside("web-01", *command)
    if command[-1] != "eth0" or "203.0.113.9/24" not in command:
        assert seen(office, *OFFICE) != set(OFFICE)
    apply(office, *OFFICE)
    assert seen(office, *OFFICE) == set(OFFICE)
    assert "203.0.113.9" not in inside("web-01", "ip", "address")


def test_a_namespace_deleted_by_hand_comes_back(office):
    apply(office, *OFFICE)
    run("ip", "netns", "delete", "decnet:office:web-01")
    assert Decoy("web-01") not in seen(office, *OFFICE)
    apply(office, *OFFICE)
    assert seen(office, *OFFICE) == set(OFFICE)


def test_a_bridge_deleted_by_hand_comes_back_with_its_ports(office):
    apply(office, *OFFICE)
    run("ip", "link", "delete", BRIDGE)
    assert WEB not in seen(office, *OFFICE)
    apply(office, *OFFICE)
    assert seen(office, *OFFICE) == set(OFFICE)


def test_a_create_that_was_killed_half_way_is_finished(office):
    folder = Path("/run/netns")
    apply(office, LAN)
    folder.mkdir(exist_ok=True)
    (folder / "decnet:office:web-01").touch()  # killed between the name and the mount
    run(
        "ip",
        "link",
        "add",
        names.peer_interface("office", "web-01", "eth0"),
        "group",
        str(names.group("office")),
        "type",
        "veth",
    )
    apply(office, *OFFICE)
    assert seen(office, *OFFICE) == set(OFFICE)


def test_removing_what_is_gone_is_fine(office):
    apply(office, *OFFICE)
    for _ in range(2):
        for resource in reversed(OFFICE):
            office.remove(resource)
    assert seen(office) == set()


def test_one_decoy_goes_and_the_other_stays(office):
    mail = dataclasses.replace(WEB, decoy="mail", mac="00:50:56:00:00:0b", address="198.18.0.11/24")
    apply(office, *OFFICE, Decoy("mail"), mail)
    office.remove(WEB)
    office.remove(Decoy("web-01"))
    assert seen(office, LAN, mail) == {LAN, Decoy("mail"), mail}


def test_the_lan_changes_in_place(office):
    apply(office, *OFFICE)
    changed = dataclasses.replace(LAN, address="198.18.0.2/24", mtu=1400)
    office.update(changed, frozenset({"address", "mtu"}))
    assert changed in seen(office, changed)
    assert "198.18.0.1/" not in run("ip", "-4", "address", "show", "dev", BRIDGE)


def test_an_interface_of_somebody_else_in_our_place_is_not_touched(office):
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    with pytest.raises(WorldError, match="not ours") as caught:
        office.create(LAN)
    assert caught.value.hint
    office.remove(LAN)
    office.remove_all()
    assert office.observe([LAN]).foreign
    assert office.observe([LAN]).resources == {}
    run("ip", "link", "delete", BRIDGE)


def test_another_network_is_not_touched(office, lab):
    names_before = lab.snapshot()
    with world("office2") as other:
        bridge = names.lan_interface("office2", "default")
        mine = (LAN, Decoy("web-01"), dataclasses.replace(WEB, parent=bridge))
        lan = dataclasses.replace(LAN, address="198.18.1.1/24", subnet="198.18.1.0/24")
        apply(other, lan, *mine[1:])
        there = lab.snapshot()
        apply(office, *OFFICE)
        office.remove_all()
        assert {k: v for k, v in lab.snapshot().items() if k != "files"} == {
            k: v for k, v in there.items() if k != "files"
        }
        other.remove_all()
    assert lab.snapshot()["links"] == names_before["links"]


def test_a_link_without_its_decoy_or_its_parent_is_a_clear_error(office):
    apply(office, LAN)
    with pytest.raises(WorldError, match="web-01 has no namespace"):
        office.create(WEB)
    apply(office, Decoy("web-01"))
    with pytest.raises(WorldError, match="no interface 'nothere'"):
        office.create(dataclasses.replace(WEB, parent="nothere"))
    with pytest.raises(WorldError, match="not ours"):
        office.create(dataclasses.replace(WEB, parent="lo"))


def test_a_bad_sysctl_is_a_clear_error(office):
    apply(office, LAN, Decoy("web-01"))
    for key, value in (
        ("net.ipv4.ip_default_ttl", "9999"),
        ("net.nothing", "1"),
        ("kernel.hostname", "x"),
        ("net../x", "1"),
    ):
        with pytest.raises(WorldError, match=key.replace(".", r"\.")):
            office.create(Stack("web-01", ((key, value),)))


def namespace_of_this_thread() -> int:
    return Path("/proc/thread-self/ns/net").stat().st_ino


def test_threads_make_many_decoys_at_once(office):
    decoys = [f"d{n}" for n in range(40)]
    links = [
        dataclasses.replace(WEB, decoy=d, mac=f"00:50:56:00:01:{n:02x}", address=f"198.18.0.{n + 10}/24")
        for n, d in enumerate(decoys)
    ]
    office.create(LAN)

    def make(link: Link) -> None:
        office.create(Decoy(link.decoy))
        office.create(link)

    before = namespace_of_this_thread()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, links))
        assert {pool.submit(namespace_of_this_thread).result() for _ in range(16)} == {before}
    assert seen(office, LAN, *links) == {LAN, *links, *map(Decoy, decoys)}


def test_the_wrong_thing_at_a_namespaces_name_is_said(office):
    apply(office, LAN)
    target = Path("/run/netns/decnet:office:web-01")
    target.parent.mkdir(exist_ok=True)
    target.mkdir()
    with pytest.raises(WorldError, match="is not a namespace"):
        office.create(Decoy("web-01"))
    target.rmdir()


def test_a_full_bridge_is_a_clear_error(office):
    apply(office, LAN, Decoy("web-01"))
    lines = "".join(
        f"link add p{n} master {BRIDGE} group 77 type veth peer q{n} group 77\n" for n in range(1023)
    )
    batch = Path("/run/batch")
    batch.write_text(lines)
    run("ip", "-batch", str(batch))
    batch.unlink()
    with pytest.raises(WorldError) as caught:
        office.create(WEB)
    run("ip", "link", "delete", "group", "77")
    assert "1,023 ports" in caught.value.hint


def test_without_privilege_what_can_be_seen_is_seen(office):
    apply(office, *OFFICE)
    script = (
        "import os\nfrom pathlib import Path\nfrom decnet.world.linux import LinuxWorld\n"
        "os.setresuid(65534, 65534, 65534)\n"
        "with LinuxWorld('office', Path('/run/decnet/office'), Path('/run/events')) as w: o = w.observe()\n"
        "print(sorted(map(str, o.resources))); print(len(o.unseen))"
    )
    lines = run(sys.executable, "-c", script).splitlines()
    assert lines[0] == "['decoy/web-01', 'lan/default']"
    assert int(lines[1]) >= 1
