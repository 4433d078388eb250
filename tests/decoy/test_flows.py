"""Connections from the packets that begin and end them."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decnet.decoy.flows import Flows

US, THEM = "198.51.100.20", "198.51.100.9"
US6, THEM6 = "2001:db8::20", "2001:db8::9"
SYN, FIN, RST, ACK = 2, 1, 4, 16


def packet(source, destination, ports, body, protocol=6):
    size = 4 + len(body)
    if ":" in source:
        head = struct.pack("!IHBB", 6 << 28, size, protocol, 64)
        family = socket.AF_INET6
    else:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 0, 0, 64, protocol, 0)
        family = socket.AF_INET
    addresses = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    return head + addresses + struct.pack("!HH", *ports) + body


def tcp(flags, sequence, acknowledged=0, data=b"", *, back=False, port=8080, six=False):
    us, them = (US6, THEM6) if six else (US, THEM)
    ends, ports = ((us, them), (port, 4711)) if back else ((them, us), (4711, port))
    body = struct.pack("!IIBBHHH", sequence & 0xFFFF_FFFF, acknowledged & 0xFFFF_FFFF, 5 << 4, flags, 0, 0, 0)
    return packet(*ends, ports, body + data)


def udp(size, *, back=False):
    ends, ports = ((US, THEM), (53, 4711)) if back else ((THEM, US), (4711, 53))
    return packet(*ends, ports, struct.pack("!HH", 8 + size, 0) + bytes(size), 17)


def flows(most=100):
    return Flows({(8080, "tcp"), (53, "udp")}, {US, US6}, most)


def seen(table, *packets, now=1.0):
    return [
        (change.reason or "open", change.flow.received, change.flow.sent)
        for one in packets
        for change in table.see(one, now)
    ]


@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("start", [100, 0xFFFF_FFFE], ids=["plain", "numbers wrap"])
@pytest.mark.parametrize("first", ["visitor", "server"])
def test_a_connection_and_what_was_sent_in_it(six, start, first):
    table = flows()
    beginning = tcp(SYN, start, six=six), tcp(SYN | ACK, 900, start + 1, back=True, six=six)
    assert seen(table, *beginning) == [("open", 0, 0)]
    assert seen(table, *beginning) == [], "sent again"
    assert len(table) == 1
    theirs, ours = start + 1 + 30, 901 + 500
    if first == "visitor":
        ending = tcp(FIN | ACK, theirs, ours, six=six), tcp(FIN | ACK, ours, theirs + 1, back=True, six=six)
    else:
        ending = (
            tcp(FIN | ACK, ours - 5, theirs, b"bytes", back=True, six=six),
            tcp(FIN | ACK, theirs, ours + 1, six=six),
        )
    assert seen(table, *ending) == [("closed", 30, 500)]
    assert len(table) == 0


def test_a_reset_ends_it_and_says_whose_it_was():
    for back, reason in ((False, "peer: reset"), (True, "reset")):
        table = flows()
        seen(table, tcp(SYN, 100), tcp(SYN | ACK, 900, 101, back=True))
        reset = tcp(RST, 901, 101, back=True) if back else tcp(RST, 101)
        assert seen(table, reset) == [(reason, 0, 0)]


def test_what_nobody_answers_is_no_connection():
    table = flows()
    assert seen(table, tcp(SYN, 100), tcp(RST | ACK, 0, 101, back=True), tcp(FIN, 5)) == []
    assert seen(table, tcp(SYN | ACK, 900, 101, back=True, port=22)) == []


def test_a_port_that_is_used_again_is_another_connection():
    table = flows()
    seen(table, tcp(SYN, 100), tcp(SYN | ACK, 900, 101, back=True))
    again = tcp(SYN, 5000), tcp(SYN | ACK, 7000, 5001, back=True)
    assert seen(table, *again) == [("closed", 0, 0), ("open", 0, 0)]


def test_datagrams_are_a_flow_until_they_stop():
    table = flows()
    assert seen(table, udp(7, back=True)) == []
    assert seen(table, udp(10), udp(100, back=True), udp(10)) == [("open", 0, 0)]
    assert list(table.sweep(20.0)) == []
    ((flow, reason),) = table.sweep(40.0)
    assert (reason, flow.received, flow.sent) == ("closed", 20, 100)


def test_half_a_farewell_is_enough_after_a_while():
    table = flows()
    seen(table, tcp(SYN, 100), tcp(SYN | ACK, 900, 101, back=True), tcp(FIN | ACK, 131, 901))
    assert list(table.sweep(30.0)) == []
    ((flow, reason),) = table.sweep(90.0)
    assert (reason, flow.received) == ("closed", 30)


def test_there_are_no_more_than_granted():
    table = flows(most=2)
    for port in (1, 2, 3):
        ports = struct.pack("!HH", port, 8080), struct.pack("!HH", 8080, port)
        asked, answered = tcp(SYN, 100), tcp(SYN | ACK, 900, 101, back=True)
        found = seen(table, asked[:20] + ports[0] + asked[24:], answered[:20] + ports[1] + answered[24:])
    assert [reason for reason, *_ in found] == ["limit: connections", "open"]
    assert len(table) == 2


@given(st.binary(max_size=80), st.integers(0, 60))
def test_no_packet_breaks_anything(noise, length):
    table = flows()
    for one in (noise, tcp(SYN, 1)[:length] + noise, udp(3)[:length] + noise):
        seen(table, one)
    assert len(table) <= 3
