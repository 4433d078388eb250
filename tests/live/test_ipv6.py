"""IPv6: decoys that are reached, found and repaired over it, and silence where nobody asked for it."""

import re
import socket
from pathlib import Path

import pytest

from decnet.decoy.gate import source_of
from decnet.world import names
from tests.live.command import Command
from tests.live.lab import Lab, Machine, eventually, run

pytestmark = pytest.mark.live

NETWORK = """
[general]
name = six
net = 198.51.100.0/24
net6 = 2001:db8::/64
seed = six

[web]
ip = 198.51.100.20
ip6 = 2001:db8::20
services = http, redis, ssh
distro = debian

[web.ssh]
users = root:toor

[pc]
ip = 198.51.100.21
os = windows
services = http

[db]
ip = 198.51.100.22
services = redis
distro = debian
mac = 00:50:56:00:00:22
"""
DB = "2001:db8::250:56ff:fe00:22"
"""EUI-64 of its MAC address (RFC 4291, appendix A)."""
BRIDGE = names.lan_interface("six", "default")
SSH = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]


@pytest.fixture(scope="module")
def decnet(lab: Lab, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("six")
    file = folder / "network.ini"
    file.write_text(NETWORK)
    before = lab.snapshot()
    command = Command(folder / "state")
    command("apply", file)
    yield command
    command("destroy", "--yes", "six")
    assert lab.snapshot() == before
    assert "2001:db8" not in run("ip", "-6", "address") + run("ip", "-6", "route", "show", "table", "all")


@pytest.fixture(scope="module")
def file(decnet: Command) -> Path:
    return decnet.state.parent / "network.ini"


@pytest.fixture(scope="module")
def attacker(lab: Lab, decnet: Command):
    machine = lab.machine("attacker", "198.51.100.200/24", bridge=BRIDGE)
    machine.run("ip", "-6", "address", "add", "2001:db8::bad/64", "dev", "eth0", "nodad")
    for address in ("2001:db8::20", DB, "2001:db8::1"):
        eventually(lambda a=address: answers(machine, a))
    yield machine
    lab.unplug(machine)


def answers(machine: Machine, address: str) -> bool:
    return " 0% packet loss" in machine.run("ping", "-c", "1", "-W", "1", address, check=False)


def inside(decoy: str, *command: str) -> str:
    return run("nsenter", f"--net=/run/netns/decnet:six:{decoy}", *command)


def addresses(decoy: str) -> list[str]:
    return re.findall(r"inet6 (\S+)", inside(decoy, "ip", "-6", "address", "show", "dev", "eth0"))


def test_addresses_are_those_that_such_hosts_have(decnet):
    assert addresses("db") == [f"{DB}/64", "fe80::250:56ff:fe00:22/64"]
    # an address that was given by number, and the link-local one of the MAC address beside it
    own, local = addresses("web")
    assert own == "2001:db8::20/64"
    assert "ff:fe" in local
    # Windows: one opaque identifier for both
    own, local = addresses("pc")
    assert own.removeprefix("2001:db8::") == local.removeprefix("fe80::")
    assert "ff:fe" not in own


def test_a_decoy_answers_on_ipv6(attacker):
    page = attacker.run(
        "curl", "-g", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "http://[2001:db8::20]/"
    )
    assert page == "200"
    assert attacker.run("redis-cli", "-h", DB, "ping").strip() == "PONG"
    told = attacker.run(
        "sshpass", "-p", "toor", "ssh", *SSH, "-T", "root@2001:db8::20", "ip -6 addr; ifconfig; ping -c 1 ::1"
    )
    assert "inet6 2001:db8::20/64 scope global" in told
    assert "inet6 2001:db8::20  prefixlen 64  scopeid 0x0<global>" in told
    assert "inet6 fe80::" in told


def test_a_scanner_finds_the_same_ports_on_both_families(attacker):
    def ports(*words: str) -> list[str]:
        scan = attacker.run("nmap", "-n", "-Pn", "-p", "1-1024,6379", *words, timeout=120)
        return re.findall(r"^(\d+/tcp) +open", scan, re.MULTILINE)

    assert ports("-6", "2001:db8::20") == ports("198.51.100.20") == ["22/tcp", "80/tcp", "6379/tcp"]


def test_the_hop_limit_is_that_of_the_system(attacker, decnet):
    pc = addresses("pc")[0].removesuffix("/64")
    assert "ttl=128" in attacker.run("ping", "-c", "1", pc)
    assert "ttl=64" in attacker.run("ping", "-c", "1", DB)


def test_neighbours_are_found_by_all_nodes_and_by_their_mac(attacker):
    attacker.run("ping", "-c", "2", "-I", "eth0", "ff02::1", check=False)
    attacker.run("ping", "-c", "1", DB)
    assert f"{DB} dev eth0 lladdr 00:50:56:00:00:22" in attacker.run("ip", "-6", "neighbour")


def test_events_show_plain_addresses(attacker, decnet):
    attacker.run("redis-cli", "-h", DB, "info")
    attacker.run("redis-cli", "-h", "198.51.100.22", "info")
    sources = {(event["src_ip"], event["dst_ip"]) for event in decnet.events("six", "--decoy", "db")
               if event["type"] == "connection.open"}  # fmt: skip
    assert {("2001:db8::bad", DB), ("198.51.100.200", "198.51.100.22")} <= sources


def test_an_open_port_of_ipv4_takes_nothing_of_ipv6(attacker, decnet):
    """Each family has sockets of its own: nobody is seen as ::ffff:198.51.100.200."""
    listening = inside("web", "ss", "-Hltn")
    assert sorted(re.findall(r"(\S+):80 ", listening)) == ["0.0.0.0", "[::]"]
    assert "*:80" not in listening


def test_no_decoy_asks_for_a_router_or_believes_one(attacker, decnet):
    for decoy in ("web", "db", "pc"):
        for key, value in (("accept_ra", "0"), ("autoconf", "0"), ("forwarding", "0"), ("disable_ipv6", "0")):
            assert inside(decoy, "cat", f"/proc/sys/net/ipv6/conf/eth0/{key}").strip() == value
        assert inside(decoy, "cat", "/proc/sys/net/ipv6/conf/lo/disable_ipv6").strip() == "1"
        assert "default via 2001:db8::1 dev eth0" in inside(decoy, "ip", "-6", "route")


SABOTAGE = {
    "address gone": ("ip", "-6", "address", "delete", f"{DB}/64", "dev", "eth0"),
    "link-local gone": ("ip", "-6", "address", "delete", "fe80::250:56ff:fe00:22/64", "dev", "eth0"),
    "switched off": ("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1"),
    "route gone": ("ip", "-6", "route", "delete", "default"),
    "another address": ("ip", "-6", "address", "replace", "2001:db8::66/64", "dev", "eth0"),
}


@pytest.mark.parametrize("command", SABOTAGE.values(), ids=SABOTAGE)
def test_what_was_broken_is_seen_and_made_whole(decnet, file, attacker, command):
    inside("db", *command)
    decnet("apply", file)
    plan = decnet.json("plan", file)
    assert (plan["drift"], plan["changes"]) == ([], [])
    assert f"{DB}/64" in addresses("db")
    eventually(lambda: answers(attacker, DB))
    assert attacker.run("redis-cli", "-h", DB, "ping").strip() == "PONG"


def test_an_allocation_is_kept_and_a_subnet_without_identifiers_is_numbered(decnet, file, tmp_path):
    second = tmp_path / "second.ini"
    text = "[general]\nname = second\nnet = 203.0.113.0/24\nnet6 = 2001:db8:0:1::/112\nseed = x\n[a]\nservices = redis\n"
    second.write_text(text + "[b]\nservices = redis\n")
    decnet("apply", second)
    try:
        before = decnet.json("show", second, "b")["values"]
        second.write_text(text.replace("[a]\nservices = redis\n", "") + "[b]\nservices = redis\n")
        after = decnet.json("show", second, "b")["values"]
        assert [v["value"] for v in before if v["key"] == "ip6"] == ["2001:db8:0:1::3"]
        assert [v["value"] for v in after if v["key"] == "ip6"] == ["2001:db8:0:1::3"]
    finally:
        decnet("destroy", "--yes", "second")


def test_without_net6_nothing_of_ipv6_is_on_the_wire(decnet, lab, tmp_path):
    """From before the first link is there until after services run: no DAD, no MLD, no router solicitation."""
    old = tmp_path / "old.ini"
    old.write_text("[general]\nname = old\nnet = 203.0.113.0/24\n[first]\nservices = redis\n")
    decnet("apply", old)
    try:
        bridge = names.lan_interface("old", "default")
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD)) as wire:
            wire.bind((bridge, 0))
            wire.settimeout(3)
            old.write_text(old.read_text() + "[more]\namount = 5\nservices = redis, http\n")
            decnet("apply", old)
            with pytest.raises(TimeoutError):
                wire.recv(1500)
    finally:
        decnet("destroy", "--yes", "old")


def test_an_address_that_somebody_else_has_is_not_used(lab, attacker, decnet, file):
    """Duplicate address detection as of any host (RFC 4862, section 5.4), which is not repeated for ever."""
    attacker.run("ip", "-6", "address", "add", "2001:db8::77/64", "dev", "eth0", "nodad")
    before = file.read_text()
    file.write_text(before + "\n[late]\nip = 198.51.100.77\nip6 = 2001:db8::77\nservices = redis\n")
    decnet("apply", file)
    eventually(lambda: "dadfailed" in inside("late", "ip", "-6", "address"), seconds=20)
    plan = decnet.json("plan", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
    assert plan["warnings"] == ["link/late/eth0: a host that has 2001:db8::77 is there and is not ours"]
    attacker.run("ip", "-6", "address", "delete", "2001:db8::77/64", "dev", "eth0")
    inside("late", "ip", "-6", "address", "delete", "2001:db8::77/64", "dev", "eth0")
    decnet("apply", file)
    eventually(lambda: answers(attacker, "2001:db8::77"))
    assert decnet.json("plan", file)["warnings"] == []
    assert decnet.status("six")["late"]["state"] == "up"
    file.write_text(before)
    decnet("apply", file)


def test_a_source_is_a_subnet_where_addresses_cost_nothing():
    assert source_of("2001:db8::1") == source_of("2001:db8::ffff:ffff:1") != source_of("2001:db8:0:1::1")
    assert source_of("198.51.100.1") != source_of("198.51.100.2")
