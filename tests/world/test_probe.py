"""Frames that ask whether somebody has an address, and those that say so (RFC 5227, RFC 4861)."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from decnet.world.probe import answers, in_use, question

OWN, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("020000000099")


def reply(address: str, mac: bytes = OTHER, operation: int = 2) -> bytes:
    head = OWN + mac + b"\x08\x06" + bytes.fromhex("0001080006040000")[:6] + operation.to_bytes(2, "big")
    return head + mac + ip_address(address).packed + OWN + bytes(4)


def advertisement(address: str, mac: bytes = OTHER, kind: int = 136, hops: int = 255) -> bytes:
    body = bytes([kind, 0, 0, 0, 0x20, 0, 0, 0]) + ip_address(address).packed
    header = bytes.fromhex("60000000") + len(body).to_bytes(2, "big") + bytes([58, hops])
    header += ip_address(address).packed + ip_address("ff02::1").packed
    return bytes.fromhex("333300000001") + mac + b"\x86\xdd" + header + body


def test_an_arp_probe_has_no_sender_address():
    frame = question(ip_address("198.51.100.20"), OWN)
    assert frame.hex() == (
        "ffffffffffff" "020000000001" "0806" "0001" "0800" "06" "04" "0001"
        "020000000001" "00000000" "000000000000" "c6336414"
    )  # fmt: skip


def test_a_solicitation_goes_to_those_whose_address_ends_like_this():
    frame = question(ip_address("2001:db8::1:2345"), OWN)
    assert frame[:14].hex() == "3333ff01234502000000000186dd"
    assert frame[14:22].hex() == "6000000000183aff"
    assert (ip_address(frame[22:38]), ip_address(frame[38:54])) == (
        ip_address("::"),
        ip_address("ff02::1:ff01:2345"),
    )
    assert (frame[54], ip_address(frame[62:78])) == (135, ip_address("2001:db8::1:2345"))
    pseudo = frame[22:54] + (24).to_bytes(4, "big") + (58).to_bytes(4, "big") + frame[54:]
    total = sum(int.from_bytes(pseudo[at : at + 2], "big") for at in range(0, len(pseudo), 2))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (reply("198.51.100.20"), ("198.51.100.20", OTHER)),
        (reply("198.51.100.20", operation=1), ("198.51.100.20", OTHER)),
        (advertisement("2001:db8::7"), ("2001:db8::7", OTHER)),
    ],
    ids=["a reply", "a request of its own", "an advertisement"],
)
def test_who_has_an_address_says_so(frame, said):
    assert [(str(address), mac) for address, mac in answers(frame)] == [said]


def test_another_probe_for_it_is_an_answer_too():
    frame = question(ip_address("198.51.100.20"), OTHER)
    assert [(str(address), mac) for address, mac in answers(frame)] == [("198.51.100.20", OTHER)]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(60),
        b"\xff" * 60,
        reply("198.51.100.20")[:30],
        reply("198.51.100.20")[:14],
        advertisement("2001:db8::7", kind=135),
        advertisement("2001:db8::7", hops=64),
        advertisement("2001:db8::7")[:70],
    ],
)
def test_anything_else_says_nothing(frame):
    assert list(answers(frame)) == []


def test_an_interface_that_is_not_there_has_no_neighbours():
    assert in_use("no-such-if", ["198.51.100.20"]) == {}
    assert in_use("lo", []) == {}
