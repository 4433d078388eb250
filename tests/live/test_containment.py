"""Containment on the real kernel: a decoy answers everybody, and opens nothing but what its ``egress`` names."""

from __future__ import annotations

import dataclasses
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from decnet.errors import MissingCapability
from decnet.world import Decoy, Driver, Lan, Link, check, firewall, names, namespaces
from decnet.world.linux import LinuxWorld
from decnet.world.sockets import MARK
from tests.live.command import Command
from tests.live.lab import Lab, Machine, run

pytestmark = pytest.mark.live

SCRIPT = str(Path(__file__).parent / "attempts.py")
HOST, WEB, DB, PEER = (f"198.51.100.{number}" for number in (1, 20, 21, 66))
WEB6, PEER6 = "2001:db8::20", "2001:db8::66"
GROUP = "239.255.1.1"
LAN = Lan("default", Driver.BRIDGE, subnet="198.51.100.0/24", address=f"{HOST}/24")
BRIDGE = names.lan_interface("office", "default")
INSIDE = Machine("decnet:office:web")
ATTEMPTS = [
    *(
        f"{proto} {ip} {port}"
        for proto in ("tcp", "udp")
        for ip in (HOST, DB, PEER, PEER6)
        for port in (7, 53)
    ),
    *(f"ping {ip}" for ip in (HOST, DB, PEER, PEER6)),
]


def link(name: str, ip: str) -> Link:
    mac = f"00:50:56:00:00:{ip.rpartition('.')[2]}"
    return Link(name, "eth0", "default", Driver.BRIDGE, BRIDGE, mac, f"{ip}/24", HOST)


def answered(machine: Machine | None, *attempts: str) -> list[str]:
    command = (sys.executable, SCRIPT, "try", json.dumps(attempts))
    return json.loads(machine.run(*command) if machine else run(*command))


@contextmanager
def echo(machine: Machine | None, group: str = "") -> Iterator[None]:
    enter = ("nsenter", f"--net=/run/netns/{machine.name}") if machine else ()
    process = subprocess.Popen([*enter, sys.executable, SCRIPT, "echo", group], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def with_ipv6(machine: Machine, address: str) -> None:
    for where in ("all", "eth0"):
        machine.run("sysctl", "-qw", f"net.ipv6.conf.{where}.disable_ipv6=0")
    machine.run("ip", "address", "add", f"{address}/64", "dev", "eth0", "nodad")


@pytest.fixture(scope="module")
def office(lab: Lab) -> Iterator[LinuxWorld]:
    """Decoys web and db, an attacker, the host: all on one LAN, and everybody serves TCP and UDP."""
    with (
        LinuxWorld("office", Path("/run/decnet/office"), Path("/run/events/office")) as world,
        ExitStack() as end,
    ):
        world.create(LAN)
        for name, ip in (("web", WEB), ("db", DB)):
            world.create(Decoy(name))
            world.create(link(name, ip))
        peer = lab.machine("peer", f"{PEER}/24", bridge=BRIDGE)
        peer.run("ip", "route", "add", "default", "via", HOST)
        with_ipv6(peer, PEER6)
        with_ipv6(INSIDE, WEB6)
        for machine, group in ((None, ""), (peer, ""), (Machine("decnet:office:db"), ""), (INSIDE, GROUP)):
            end.enter_context(echo(machine, group))
        yield world
        end.close()
        lab.unplug(peer)
        world.remove_all()


@pytest.fixture
def web(office: LinuxWorld) -> Iterator[LinuxWorld]:
    yield office
    office.update(Decoy("web"), frozenset({"egress"}))


def egress_of(office: LinuxWorld, *expected: Decoy) -> tuple[str, ...]:
    found = office.observe(expected).resources[Decoy("web").id]
    assert isinstance(found, Decoy)
    return found.egress


@pytest.mark.parametrize(
    "attempt",
    [
        *(f"{proto} {ip} {port}" for proto in ("tcp", "udp") for ip in (WEB, WEB6) for port in (7, 53)),
        *(f"ping {ip}" for ip in (WEB, WEB6)),
        f"udp {WEB} 69",
        f"udp {GROUP} 7",
    ],
)
def test_a_decoy_answers(office, attempt: str):
    """Also from another port than it was asked on, and what was asked of a group."""
    assert answered(Machine("peer"), attempt) == [attempt]


def test_closed_ports_are_told_as_the_kernel_tells_them(office):
    found = Machine("peer").run("nmap", "-n", "-Pn", "-sTU", "-pT:9,U:9", "--reason", WEB)
    assert re.search(r"9/tcp +closed +discard +conn-refused", found), found
    assert re.search(r"9/udp +closed +discard +port-unreach", found), found


def test_a_decoy_reaches_itself(office):
    assert answered(INSIDE, f"tcp {WEB} 7", "udp 127.0.0.1 7") == [f"tcp {WEB} 7", "udp 127.0.0.1 7"]


@pytest.mark.parametrize(
    ("egress", "passes"),
    [
        ((), set()),
        (("udp 198.51.100.66/32 53",), {f"udp {PEER} 53"}),
        (("tcp 198.51.100.64/26 7",), {f"tcp {PEER} 7"}),
        (("tcp 198.51.100.0/27 50-60",), {f"tcp {HOST} 53", f"tcp {DB} 53"}),
        (("tcp 0.0.0.0/0 *",), {f"tcp {ip} {port}" for ip in (HOST, DB, PEER) for port in (7, 53)}),
        (("icmp 198.51.100.0/24 *",), {f"ping {ip}" for ip in (HOST, DB, PEER)}),
        (("icmp 2001:db8::/64 *", "tcp 2001:db8::66/128 7"), {f"ping {PEER6}", f"tcp {PEER6} 7"}),
        (("udp 2001:db8::40/122 53",), {f"udp {PEER6} 53"}),
        (("udp 203.0.113.0/24 53",), set()),
    ],
)
def test_exactly_what_egress_names_passes(web, egress: tuple[str, ...], passes: set[str]):
    web.update(Decoy("web", egress=egress), frozenset({"egress"}))
    assert set(answered(INSIDE, *ATTEMPTS)) == passes
    assert egress_of(web, Decoy("web", egress=egress), Decoy("web")) == egress


def test_an_answer_goes_only_where_the_question_came_from(office):
    with namespaces.opened("office", "web") as fd:
        asked = namespaces.inside(fd, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with asked, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        asked.bind(("", 5353))
        asked.settimeout(10)
        client.bind((HOST, 0))
        port = client.getsockname()[1]
        client.sendto(b"question", (WEB, 5353))
        assert asked.recvfrom(100) == (b"question", (HOST, port))
        assert asked.sendto(b"answer", (HOST, port)) == 6
        for elsewhere in ((HOST, port ^ 1), (PEER, port)):
            with pytest.raises(PermissionError):
                asked.sendto(b"answer", elsewhere)


def test_a_connection_that_the_privileged_side_opens_passes(office):
    with namespaces.opened("office", "web") as fd:
        opened = namespaces.inside(fd, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    with opened:
        opened.settimeout(10)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
        opened.connect((PEER, 7))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0)
        opened.sendall(b"hello")
        assert opened.recv(100) == b"hello"


def test_an_open_connection_survives_a_change_of_egress(web):
    with socket.create_connection((WEB, 7), timeout=10) as client:
        for egress in (("tcp 0.0.0.0/0 443",), (), ("udp 0.0.0.0/0 *",)):
            web.update(Decoy("web", egress=egress), frozenset({"egress"}))
            client.sendall(b"still here")
            assert client.recv(100) == b"still here"


def test_creating_a_decoy_again_changes_no_rule(office):
    before = INSIDE.run("nft", "list", "ruleset")
    office.create(Decoy("web"))
    assert INSIDE.run("nft", "list", "ruleset") == before
    assert before.count("table ") == 1


@pytest.mark.parametrize(
    ("hurt", "seen"),
    [
        ("flush ruleset", "missing"),
        ("delete table inet containment", "missing"),
        ("flush chain inet containment output", "altered"),
        ("insert rule inet containment output accept", "altered"),
        ("delete rule inet containment output handle 10", "altered"),
        ("chain inet containment output { policy accept; }", "altered"),
        ("add chain inet containment more", "altered"),
        ("table ip other { chain in { type filter hook input priority 0; policy drop; }; }", "altered"),
    ],
)
def test_rules_that_were_hurt_are_seen_and_put_back(web, hurt: str, seen: str):
    decoy = Decoy("web", egress=("udp 198.51.100.66/32 53",))
    web.update(decoy, frozenset({"egress"}))
    before = INSIDE.run("nft", "list", "ruleset")
    INSIDE.run("nft", hurt)
    assert egress_of(web, decoy) == (seen,)
    web.update(decoy, frozenset({"egress"}))
    assert egress_of(web, decoy) == decoy.egress
    assert INSIDE.run("nft", "list", "ruleset") == before


def test_what_one_decoy_lets_out_is_no_concern_of_another(web):
    web.update(Decoy("web", egress=("tcp 0.0.0.0/0 *",)), frozenset({"egress"}))
    assert answered(Machine("decnet:office:db"), f"tcp {PEER} 7", f"udp {HOST} 53") == []


def test_no_decoy_is_made_where_the_kernel_cannot_contain_it(lab, monkeypatch):
    check.check([Decoy("web")])
    monkeypatch.setattr(firewall, "TABLE", "x" * 300)  # longer than a kernel takes
    firewall._batch.cache_clear()
    with pytest.raises(MissingCapability, match="nf_tables"):
        check.check([Decoy("web")])
    monkeypatch.undo()
    firewall._batch.cache_clear()


NETWORK = """
[general]
name = contained
net = 203.0.113.0/24
seed = s

[web]
ip = 203.0.113.20
services = redis
"""


def test_a_network_tells_of_its_containment_and_repairs_it(lab: Lab, tmp_path: Path):
    decnet, file = Command(tmp_path / "state", supervised=False), tmp_path / "network.ini"
    file.write_text(NETWORK)
    decnet("apply", file)
    inside = Machine("decnet:contained:web")
    assert "policy drop" in inside.run("nft", "list", "ruleset")

    inside.run("nft", "flush", "ruleset")
    assert decnet.status("contained", code=4)["web"]["state"] == "drifted"
    assert "containment rules are missing" in decnet("plan", file)
    decnet("apply", file)
    assert decnet.status("contained")["web"]["state"] == "up"

    file.write_text(NETWORK.replace("seed = s", "seed = s\negress = tcp:198.51.100.0/24:443"))
    plan = decnet("plan", file)
    assert re.search(
        r"~ decoy  web +egress deny → tcp 198\.51\.100\.0/24 443 +live +.*network\.ini:6", plan
    ), plan
    decnet("apply", file)
    assert "tcp dport 443 accept" in inside.run("nft", "list", "ruleset")
    inside.run("nft", "add", "rule", "inet", "containment", "output", "accept")
    assert "containment rules are altered" in decnet("plan", file)
    decnet("apply", file)
    assert decnet.json("plan", "--detailed-exitcode", file)["drift"] == []
    decnet("destroy", "--yes", "contained")


def test_every_field_of_an_unchanged_decoy_is_seen_as_it_was_applied(office):
    decoy = dataclasses.replace(Decoy("web"), egress=())
    assert office.observe([decoy]).resources[decoy.id] == decoy
