"""What a personality's host says by ICMP, whatever the length of what it answers: right sums, its own TTL."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from decnet.catalog import load
from decnet.world import names, namespaces
from tests.live.command import Command
from tests.live.lab import Lab, Machine, eventually

pytestmark = pytest.mark.live

SYSTEMS = ("windows10", "freebsd", "cisco-ios", "linux-6", "vxworks", "hp-laserjet")
ADDRESS = {name: f"198.51.100.{20 + number}" for number, name in enumerate(SYSTEMS)}
LENGTHS = (8, 100, 465, 500, 512, 513, 700, 1100, 1472)
ECHO_REPLY, UNREACHABLE = 0, 3
CLOSED = 40125


@pytest.fixture(scope="module")
def attacker(lab: Lab, tmp_path_factory) -> Iterator[Machine]:
    file = tmp_path_factory.mktemp("icmp") / "network.ini"
    file.write_text(
        "[general]\nname = icmp\nnet = 198.51.100.0/24\nruntime = netns\n"
        + "".join(f"\n[{name}]\nos = {name}\nip = {ip}\nservices = http\n" for name, ip in ADDRESS.items())
    )
    decnet = Command(file.parent / "state", supervised=False)
    assert "degraded" not in decnet("apply", "--yes", file)
    machine = lab.machine("attacker", "198.51.100.9/24", bridge=names.lan_interface("icmp", "default"))
    eventually(lambda: "1 received" in machine.run("ping", "-c1", "-W1", ADDRESS["linux-6"], check=False))
    yield machine
    lab.unplug(machine)
    decnet("destroy", "--yes", "icmp")


def answer(machine: Machine, address: str, kind: int, ask: Callable[[], None]) -> bytes:
    """The IP packet of a decoy's ICMP message, as it came; whatever is wrong with it."""
    fd = os.open(f"/run/netns/{machine.name}", os.O_RDONLY)
    try:
        return namespaces.inside(fd, lambda: _answer(address, kind, ask))
    finally:
        os.close(fd)


def _answer(address: str, kind: int, ask: Callable[[], None]) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as heard:
        heard.settimeout(1.1)
        for _ in range(5):
            ask()
            with contextlib.suppress(
                TimeoutError
            ):  # some tell of a closed port once a second, after the first few
                while True:
                    packet, (source, _) = heard.recvfrom(65535)
                    if source == address and packet[20] == kind:
                        return packet
    raise AssertionError("no answer")


def added(data: bytes) -> int:
    """The sum of the Internet checksum, RFC 1071: ffff over data that has its own in it."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_closed_port_is_told_of_soundly(attacker: Machine, name: str, length: int):
    def ask() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"x" * length, (ADDRESS[name], CLOSED))

    packet = answer(attacker, ADDRESS[name], UNREACHABLE, ask)
    assert added(packet[:20]) == 0xFFFF
    assert added(packet[20:]) == 0xFFFF
    ip = load().oses[name].personality.ip
    assert packet[8] == (ip.ttl_u1 or ip.ttl_icmp or ip.ttl_tcp)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_an_echo_is_answered_soundly(attacker: Machine, name: str, length: int):
    data = struct.pack("!HH", 7, length) + b"\x17" * length
    asked = struct.pack("!BBH", 8, 0, 0xFFFF ^ added(b"\x08\0" + data)) + data

    def ask() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as one:
            one.sendto(asked, (ADDRESS[name], 0))

    packet = answer(attacker, ADDRESS[name], ECHO_REPLY, ask)
    assert added(packet[:20]) == 0xFFFF
    assert added(packet[20:]) == 0xFFFF
    assert packet[28:] == asked[8:]
    ip = load().oses[name].personality.ip
    assert packet[8] == (ip.ttl_icmp or ip.ttl_tcp)


@pytest.mark.parametrize(
    ("name", "quoted_id", "has_ip_sum", "has_udp_sum"),
    [
        ("freebsd", b"\x10\x42", True, True),
        ("vxworks", b"\x10\x42", False, True),
        ("hp-laserjet", b"\x42\x10", False, False),
    ],
)
def test_a_closed_port_quotes_as_the_system_does(
    attacker: Machine, name: str, quoted_id: bytes, has_ip_sum: bool, has_udp_sum: bool
):
    udp = struct.pack("!HHHH", 40001, CLOSED, 8, 0)
    source, target = (socket.inet_aton(one) for one in ("198.51.100.9", ADDRESS[name]))
    udp_sum = struct.pack("!H", 0xFFFF ^ added(source + target + b"\0\x11\0\x08" + udp))
    header = struct.pack("!BBHHHBBH", 0x45, 0, 28, 0x1042, 0, 64, socket.IPPROTO_UDP, 0) + source + target

    def ask() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as one:
            one.sendto(header + udp[:6] + udp_sum, (ADDRESS[name], 0))

    quoted = answer(attacker, ADDRESS[name], UNREACHABLE, ask)[28:]
    assert quoted[4:6] == quoted_id
    assert (quoted[10:12] != b"\0\0") == has_ip_sum
    assert quoted[26:28] == (udp_sum if has_udp_sum else b"\0\0")
