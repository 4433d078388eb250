"""Where the kernel takes no programs: what a scanner and a visitor make of decoys whose packets nftables rewrites.

``DECNET_SCANS`` (3) scans of each of ``DECNET_PROFILES``; with `all` the verdicts of those that rules do not suffice for,
and of every system by its sysctls alone, are printed as well: the table of docs/os-fingerprints.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from decnet.catalog import load
from decnet.world.rewriting import TABLE
from decnet.world.sockets import MARK
from tests.live.faces import (
    ADDRESS,
    ATTACKER,
    EXACT,
    SCANS,
    Faces,
    address6,
    answers,
    applied,
    chosen,
    inside,
    label,
)
from tests.live.frames import Kernel, asked, mac_of, malformed, own_mac, send
from tests.live.lab import Lab, run
from tests.live.refused import WithoutBpf
from tests.live.test_personalities import counters, sent_and_received

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]

SUFFICIENT = tuple(
    name for name in EXACT if name not in ("openbsd", "macos", "cisco-ios", "lwip", "vxworks", "hp-laserjet")
)
"""Systems that rules suffice for: a scan names them. Of the others something is longer, or shorter, than Linux's."""
SHORT = ("windows10", "freebsd", "lwip")
TARGETS = chosen(SHORT, EXACT)
SCANNED = tuple(name for name in TARGETS if name in SUFFICIENT)
FRAMES = int(os.environ.get("DECNET_FRAMES", "1000"))
MEGABYTES = int(os.environ.get("DECNET_MEGABYTES", "10"))
ATTEMPTS = str(Path(__file__).parent / "attempts.py")
GONE = "TCP/IP personality is gone"


@pytest.fixture(scope="module")
def faces(lab: Lab, tmp_path_factory) -> Iterator[Faces]:
    for kind in ("iptables", "ip6tables"):  # a bridge with br_netfilter keeps malformed frames from a decoy
        run("sysctl", "-qw", f"net.bridge.bridge-nf-call-{kind}=0", check=False)
    with applied(lab, tmp_path_factory.mktemp("faces"), TARGETS, command=WithoutBpf) as made:
        yield made


def nft(faces: Faces, name: str, *words: str) -> str:
    return faces.decoy(name).run("nft", *words)


def repaired(faces: Faces) -> None:
    """What the supervisor does at its next look."""
    faces.decnet("repair", faces.network, f"--state={faces.decnet.state}", code=None)


def detail(faces: Faces, name: str) -> str:
    return faces.decnet.status(faces.network, code=4)[name]["detail"]


def verdict(faces: Faces, name: str) -> str:
    """The best of what nmap says of a decoy, and how sure it is."""

    def scan() -> str:
        command = ("nmap", "-n", "-Pn", "-O", "--osscan-guess", "-p80,81,9", "-oX", "-", ADDRESS[name])
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    found = ET.fromstring(inside(faces.attacker, scan)).iter("osmatch")
    best = next(found, None)
    return f"{best.get('accuracy')} % {best.get('name')}" if best is not None else "nothing"


@pytest.mark.parametrize("name", SCANNED)
def test_every_scan_takes_a_decoy_for_its_system_and_a_visitor_is_served_after_it(faces: Faces, name: str):
    for number in range(SCANS):
        assert label(name) in faces.scanned(name), f"scan {number}"
        assert answers(faces.attacker, ADDRESS[name])
        assert answers(faces.attacker, address6(name))


@pytest.mark.skipif(os.environ.get("DECNET_PROFILES") != "all", reason="long: DECNET_PROFILES=all")
@pytest.mark.parametrize("name", TARGETS)
def test_what_sysctls_alone_do_is_less(faces: Faces, name: str):
    """The negative control. Of what rules do not suffice for they come nearer all the same."""
    with_rules = verdict(faces, name)
    nft(faces, name, "delete", "table", "inet", TABLE)
    alone = verdict(faces, name)
    repaired(faces)
    assert TABLE in nft(faces, name, "list", "tables")
    print(f"\n| `{name}` | {alone} | {with_rules} |")
    if name in SUFFICIENT:
        assert with_rules.startswith("100 %")
        assert not alone.startswith("100 %")
    else:  # as sure as of another system without them, but of the right one
        assert label(name) in with_rules
        assert label(name) not in alone


def test_without_its_rules_a_decoy_is_not_taken_for_its_system_and_they_are_put_back(faces: Faces):
    nft(faces, "windows10", "delete", "table", "inet", TABLE)
    said = faces.attacker.run(
        "nmap", "-n", "-Pn", "-O", "--max-os-tries", "1", "-p80,81", ADDRESS["windows10"]
    )
    assert "OS details: Microsoft Windows 10" not in said
    assert detail(faces, "windows10") == GONE
    repaired(faces)
    assert detail(faces, "windows10") == ""
    assert label("windows10") in faces.scanned("windows10")
    repairs = faces.decnet.events(faces.network, "--type", "decoy.state")
    assert [one["decoy"] for one in repairs if one["data"]["state"] == "repaired"][-1] == "windows10"


def without_a_rule(faces: Faces) -> None:
    rules = nft(faces, "windows10", "-a", "list", "chain", "inet", TABLE, "resets")
    handle = re.findall(r"# handle (\d+)", rules)[-1]
    nft(faces, "windows10", "delete", "rule", "inet", TABLE, "resets", "handle", handle)


def with_one_more(faces: Faces) -> None:
    nft(faces, "windows10", "add", "rule", "inet", TABLE, "input", "counter")


def emptied(faces: Faces) -> None:
    nft(faces, "windows10", "flush", "table", "inet", TABLE)


def without_marks(faces: Faces) -> None:
    faces.decoy("windows10").run("sysctl", "-qw", "net.ipv4.tcp_fwmark_accept=0")


@pytest.mark.parametrize("harm", [without_a_rule, with_one_more, emptied, without_marks])
def test_rules_that_are_not_whole_are_seen_and_put_back(faces: Faces, harm: Callable[[Faces], None]):
    before = nft(faces, "windows10", "list", "table", "inet", TABLE)
    harm(faces)
    assert detail(faces, "windows10") == GONE
    repaired(faces)
    assert detail(faces, "windows10") == ""
    assert nft(faces, "windows10", "list", "table", "inet", TABLE) == before


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_sent_arrives_both_ways_with_the_scale_of_the_system(faces: Faces, name: str):
    def scales(listing: str) -> tuple[int, int]:
        found = re.search(r"wscale:(\d+),(\d+)", listing)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def connected() -> socket.socket:
        return socket.create_connection((ADDRESS[name], 9000), 5)

    with faces.echoing(name):
        there, back = inside(faces.attacker, lambda: sent_and_received(ADDRESS[name], MEGABYTES))
        with inside(faces.attacker, connected):
            ours, theirs = (
                scales(one.run("ss", "-tinH", "state", "established"))
                for one in (faces.attacker, faces.decoy(name))
            )
    assert there == back
    assert ours == theirs[::-1]
    assert ours[0] == (load().oses[name].personality.tcp.wscale or 0)
    for machine in (faces.attacker, faces.decoy(name)):
        after = counters(machine)
        assert (after["TcpExtTSEcrRejected"], after["TcpInCsumErrors"]) == (0, 0)


def heard(faces: Faces, name: str, during: Callable[[], None]) -> list[Packet]:
    """Frames that come from a decoy to the attacker meanwhile."""
    found: list[Packet] = []
    mac = mac_of(faces.attacker, ADDRESS[name])

    def open_wire() -> socket.socket:
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        wire.bind(("eth0", 3))
        wire.settimeout(0.2)
        return wire

    def listen(wire: socket.socket) -> None:
        while not done.is_set():
            with contextlib.suppress(TimeoutError):
                frame = Ether(wire.recv(1 << 16))
                if frame.src == mac:
                    found.append(frame)

    done = threading.Event()
    with inside(faces.attacker, open_wire) as wire:
        listener = threading.Thread(target=listen, args=(wire,))
        listener.start()
        during()
        done.set()
        listener.join()
    return found


def is_whole(frame: Packet) -> bool:
    """Whether every checksum of a frame is what scapy makes of its bytes."""
    kind = IPv6 if IPv6 in frame else IP
    packet = kind(bytes(frame[kind])[: frame[IP].len if kind is IP else 40 + frame[IPv6].plen])
    again = packet.copy()
    for layer in (IP, TCP, UDP, ICMP):
        if (
            layer in again
            and (layer is not UDP or ICMP not in again)
            and (layer is not TCP or ICMP not in again)
        ):
            del again[layer].chksum
    return bytes(kind(bytes(again))) == bytes(packet)


@pytest.mark.parametrize("name", TARGETS)
def test_every_checksum_of_what_is_rewritten_is_right(faces: Faces, name: str):
    assert answers(faces.attacker, ADDRESS[name])
    faces.decoy(name).run("ethtool", "-K", "eth0", "tx", "off", "gso", "off", "tso", "off")

    def visit() -> None:
        for scan in ("-sS", "-sF", "-sN", "-sX", "-sA"):
            faces.attacker.run("nmap", "-n", "-Pn", scan, "-p80,81", "--max-retries", "0", ADDRESS[name])
        faces.attacker.run("nmap", "-n", "-Pn", "-sU", "-p99", "--max-retries", "0", ADDRESS[name])
        faces.attacker.run(
            "nmap", "-n", "-Pn", "-O", "--max-os-tries", "1", "-p80,81", ADDRESS[name], check=False
        )
        for address in (ADDRESS[name], address6(name)):
            answers(faces.attacker, address)
            faces.attacker.run("ping", "-c", "2", "-i", "0.2", "-M", "do", address, check=False)

    frames = [one for one in heard(faces, name, visit) if IP in one or (IPv6 in one and TCP in one)]
    assert [one.summary() for one in frames if not is_whole(one)] == []
    kinds = {str(one[TCP].flags) for one in frames if TCP in one}
    assert {"SA", "A"} <= kinds
    assert len(frames) >= 20


@pytest.mark.parametrize("name", TARGETS)
def test_malformed_frames_do_no_harm(faces: Faces, name: str):
    kernel = Kernel()
    assert answers(faces.attacker, ADDRESS[name])
    macs = mac_of(faces.attacker, ADDRESS[name]), own_mac(faces.attacker)
    send(faces.attacker, malformed(FRAMES, ADDRESS[name], address6(name), macs, name))
    assert answers(faces.attacker, ADDRESS[name])
    assert answers(faces.attacker, address6(name))
    assert kernel.complaints() == []
    assert faces.decnet.status(faces.network, code=4)[name]["state"] == "up"


def test_a_decoy_opens_nothing_and_containment_and_rules_do_not_touch_each_other(faces: Faces):
    decoy = faces.decoy("windows10")
    attempts = [f"tcp {ADDRESS['freebsd']} 9000", f"ping {ADDRESS['freebsd']}"]

    def passed() -> list[str]:
        with faces.echoing("freebsd"):
            return json.loads(decoy.run(sys.executable, ATTEMPTS, "try", json.dumps(attempts)))

    assert passed() == []
    rules = nft(faces, "windows10", "list", "table", "inet", TABLE)
    handles = nft(faces, "windows10", "-a", "list", "table", "inet", "containment").splitlines()[0]
    nft(faces, "windows10", "flush", "table", "inet", TABLE)
    repaired(faces)
    assert handles in nft(faces, "windows10", "-a", "list", "table", "inet", "containment")  # not made anew
    nft(faces, "windows10", "delete", "table", "inet", "containment")
    nft(faces, "windows10", "add", "table", "ip", "foreign")
    assert passed() == attempts  # so they can fail
    repaired(faces)
    assert nft(faces, "windows10", "list", "table", "inet", TABLE) == rules
    assert "foreign" not in nft(faces, "windows10", "list", "tables")
    assert passed() == []


def test_a_number_of_a_visitors_is_never_the_mark_that_containment_lets_out(faces: Faces):
    """What a lone ACK says comes back by the mark of the packet, except that number."""
    assert answers(faces.attacker, ADDRESS["lwip"])
    forbidden = int.from_bytes(MARK.to_bytes(4, sys.byteorder), "big")
    for number, back in ((1000, 1000), (forbidden, 0), (forbidden + 1, forbidden + 1)):
        lone = IP(src=ATTACKER, dst=ADDRESS["lwip"]) / TCP(
            sport=40000, dport=81, flags="A", seq=number, ack=7
        )
        (got,) = asked(faces.attacker, ADDRESS["lwip"], lone)
        assert (str(got[TCP].flags), got[TCP].seq, got[TCP].ack) == ("RA", 7, back)
