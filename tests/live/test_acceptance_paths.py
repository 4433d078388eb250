"""Ways through the programs that a scan does not take: SYN cookies, ACKs over IPv6, resets of two kinds.

With ``DECNET_PROFILES`` also those through the rules that stand in for them.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from decnet.catalog import load
from tests.live.command import Command
from tests.live.faces import ADDRESS, ATTACKER, Faces, address6, answers, applied
from tests.live.frames import asked, is_sound, mac_of, own_mac, send
from tests.live.lab import Lab
from tests.live.refused import WithoutBpf

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

NAMES = ("windows10", "freebsd", "lwip")
"""No time stamps, which leave a cookie no room for options; with them; one whose answer to an ACK is made inbound."""
BY = (Command, WithoutBpf) if os.environ.get("DECNET_PROFILES") else (Command,)
ODD = {"odd": "198.51.100.60", "even": "198.51.100.61"}
MORE = """
[os-odd]
base = macos
t4.df = no
t6.df = yes

[os-even]
base = macos
t4.df = yes
t6.df = no

[odd]
os = odd
ip = 198.51.100.60
services = http

[even]
os = even
ip = 198.51.100.61
services = http
"""
FLAGS = {"F": 0x01, "S": 0x02, "R": 0x04, "A": 0x10}


@pytest.fixture(scope="module", params=BY, ids=lambda one: one.__name__)
def faces(lab: Lab, tmp_path_factory, request) -> Iterator[Faces]:
    folder, command = tmp_path_factory.mktemp("faces"), request.param
    with applied(
        lab, folder, NAMES, more=MORE, command=lambda state: command(state, supervised=False)
    ) as made:
        for name in NAMES:  # so that sums are made before a frame is on the wire, not by a card that is none
            made.decoy(name).run("ethtool", "-K", "eth0", "tx", "off")
        yield made


def ip(name: str, version: int) -> Packet:
    """The header of a packet from the attacker to a decoy."""
    return (
        IP(src=ATTACKER, dst=ADDRESS[name]) if version == 4 else IPv6(src="2001:db8:5::9", dst=address6(name))
    )


def target(name: str, version: int) -> str:
    return ADDRESS[name] if version == 4 else address6(name)


def counted(faces: Faces, name: str, counter: str) -> int:
    out = faces.decoy(name).run("nstat", "-asz", counter)
    return int(re.search(rf"{counter}\s+(\d+)", out)[1])


def greeting(faces: Faces, name: str, version: int) -> Packet:
    """The SYN-ACK to a SYN with every option, as Linux sends it."""
    syn = TCP(
        sport=random.randint(20000, 60000), dport=80, flags="S", seq=7, window=64240,
        options=[("MSS", 1460), ("SAckOK", b""), ("Timestamp", (4711, 0)), ("NOP", None), ("WScale", 7)],
    )  # fmt: skip
    got = asked(faces.attacker, target(name, version), ip(name, version) / syn)
    assert got
    assert got[0][TCP].flags == "SA"
    assert is_sound(got[0])
    return got[0][TCP]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", NAMES)
def test_a_connection_by_a_syn_cookie_works_and_looks_like_the_system(faces: Faces, name: str, version: int):
    assert answers(faces.attacker, target(name, version))
    faces.decoy(name).run("sysctl", "-qw", "net.ipv4.tcp_syncookies=2")
    try:
        before = counted(faces, name, "TcpExtSyncookiesRecv")
        assert answers(faces.attacker, target(name, version))
        assert counted(faces, name, "TcpExtSyncookiesRecv") == before + 1
        seen = greeting(faces, name, version)
    finally:
        faces.decoy(name).run("sysctl", "-qw", "net.ipv4.tcp_syncookies=1")
    tcp = load().oses[name].personality.tcp
    stamped = tcp.timestamps  # without them the cookie remembers the MSS alone
    options = tcp.opts_wst if stamped else tcp.opts_none
    assert letters(seen) == options.replace(",", "")
    window = tcp.win if stamped else tcp.win_none or tcp.win
    mss = dict(seen.options)["MSS"]
    assert seen.window == (window.size // mss * mss if window.rule else window.size)
    assert counted(faces, name, "TcpExtTCPReqQFullDrop") == 0


def letters(segment: Packet) -> str:
    """The options of a segment as profiles write them."""
    short = {"MSS": "M", "WScale": "W", "SAckOK": "S", "Timestamp": "T", "NOP": "N", "EOL": "E"}
    return "".join(short[name] for name, _ in segment.options)


def test_a_visitor_gets_in_while_a_flood_of_syns_fills_the_queue(faces: Faces):
    """What turns cookies on by itself: SYNs of senders that never go on."""
    name = "lwip"
    assert answers(faces.attacker, ADDRESS[name])
    head = bytes.fromhex((mac_of(faces.attacker, ADDRESS[name]) + own_mac(faces.attacker)).replace(":", ""))
    sent, received = (counted(faces, name, f"TcpExtSyncookies{kind}") for kind in ("Sent", "Recv"))
    syns = (
        head + b"\x08\x00" + bytes(IP(src=f"198.51.100.{150 + at % 90}", dst=ADDRESS[name]) / TCP(sport=1024 + at, dport=80, seq=at))
        for at in range(2000)
    )  # fmt: skip
    send(faces.attacker, syns)
    assert counted(faces, name, "TcpExtSyncookiesSent") > sent
    assert answers(faces.attacker, ADDRESS[name])
    assert counted(faces, name, "TcpExtSyncookiesRecv") == received + 1


@pytest.mark.parametrize("port", [80, 81])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", NAMES)
def test_a_lone_ack_gets_the_reset_of_the_system(faces: Faces, name: str, version: int, port: int):
    """By `inbound` where the answer has what the kernel's has no more (lwip), else by `outbound` from the kernel's."""
    assert answers(faces.attacker, target(name, version))
    lone = TCP(sport=random.randint(20000, 60000), dport=port, flags="A", seq=1000, ack=2000, window=1024)
    (got,) = asked(faces.attacker, target(name, version), ip(name, version) / lone)
    personality = load().oses[name].personality
    wanted = personality.t4 if port == 80 else personality.t6
    numbers = {"zero": 0, "ack": 2000, "seq": 1000, "next": 1000}
    assert int(got[TCP].flags) == sum(FLAGS[letter] for letter in wanted.flags)
    assert (got[TCP].seq, got[TCP].ack) == (numbers[wanted.seq], numbers[wanted.ack])
    assert got[TCP].window == wanted.win
    assert is_sound(got)
    hops = got[IP].ttl if version == 4 else got[IPv6].hlim
    assert hops == (personality.ip.ttl_rst or personality.ip.ttl_tcp)


@pytest.mark.parametrize(("name", "on_open", "on_closed"), [("odd", False, True), ("even", True, False)])
def test_the_reset_of_a_closed_port_has_its_own_dont_fragment_bit(
    faces: Faces, name: str, on_open: bool, on_closed: bool
):
    if isinstance(faces.decnet, WithoutBpf):
        pytest.skip("rules do not know what a lone ACK came to")
    assert answers(faces.attacker, ODD[name])
    for port, wanted in ((80, on_open), (81, on_closed)):
        lone = IP(src=ATTACKER, dst=ODD[name]) / TCP(sport=40000, dport=port, flags="A", seq=1, ack=2)
        (got,) = asked(faces.attacker, ODD[name], lone)
        assert got[TCP].flags == "R"
        assert bool(got[IP].flags.DF) is wanted
