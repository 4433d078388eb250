"""Frames of our own on a lab machine's wire, built by scapy: sent from its ``eth0``, and what comes back."""

from __future__ import annotations

import logging
import os
import random
import re
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw, fuzz

from tests.live.faces import inside
from tests.live.lab import Machine

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)  # it says of every malformed frame that it is one
PORTS = (80, 81)
"""An open and a closed one."""


def mac_of(machine: Machine, address: str) -> str:
    """The MAC of a neighbour that was just talked to."""
    return re.search(r"lladdr (\S+)", machine.run("ip", "neigh", "show", address))[1]


def own_mac(machine: Machine) -> str:
    return re.search(r"link/ether (\S+)", machine.run("ip", "link", "show", "eth0"))[1]


def send(machine: Machine, frames: Iterable[bytes]) -> None:
    """Put frames on the wire as they are."""

    def out() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("eth0", 0))
            for frame in frames:
                wire.send(frame)

    inside(machine, out)


def asked(machine: Machine, target: str, packet: Packet, seconds: float = 0.4) -> list[Packet]:
    """Send an IP packet to a neighbour; the TCP segments that come back to its port, as scapy reads them."""
    frame = Ether(src=own_mac(machine), dst=mac_of(machine, target)) / packet

    def out() -> list[Packet]:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
            wire.bind(("eth0", 3))
            wire.settimeout(seconds)
            wire.send(bytes(frame))
            return list(_replies(wire, packet, time.monotonic() + seconds))

    return inside(machine, out)


def _replies(wire: socket.socket, packet: Packet, deadline: float) -> Iterator[Packet]:
    while time.monotonic() < deadline:
        try:
            got = Ether(wire.recv(2048))
        except TimeoutError:
            return
        if TCP in got and got[TCP].dport == packet[TCP].sport and got[TCP].sport == packet[TCP].dport:
            yield got


def is_sound(frame: Packet) -> bool:
    """Whether the TCP checksum of a frame from the wire is right."""
    kind = IPv6 if IPv6 in frame else IP
    again = frame[kind].copy()
    again[TCP].remove_payload()  # padding of short frames
    was = again[TCP].chksum
    del again[TCP].chksum
    return kind(bytes(again))[TCP].chksum == was


def malformed(count: int, target: str, target6: str, macs: tuple[str, str], seed: str) -> Iterator[bytes]:
    """Frames that no honest host sends: fuzzed headers, cut off, in overlapping fragments, with bits turned; by a seed.

    Scapy's fuzzing, cuts, fragments and turned bits by turns, over IPv4 and IPv6. ``macs`` are those of target and sender.
    """
    random.seed(seed)  # scapy's volatile values are drawn from the module
    head = bytes.fromhex("".join(macs).replace(":", ""))
    makers = (_fuzzed, _cut, _in_fragments, _turned)
    made = 0
    while made < count:
        packets = makers[made % len(makers)](target, target6)
        for packet in packets:
            yield head + packet
            made += 1
            if made == count:
                return


def _typed(packet: Packet) -> bytes:
    raw = bytes(packet)
    return (b"\x86\xdd" if isinstance(packet, IPv6) else b"\x08\x00") + raw


def _head(target: str, target6: str) -> Packet:
    """A header of either version, some with what a stack seldom sees between it and the segment."""
    if random.random() < 0.5:
        options = random.choice(([], [], [], random.randbytes(random.choice((4, 12, 40)))))
        return IP(dst=target, src="198.51.100.9", options=Raw(options) if options else [])
    six = IPv6(dst=target6, src="2001:db8:5::9")
    between = random.choice((None, None, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, IPv6ExtHdrDestOpt))
    return six / fuzz(between()) if between else six


def _body() -> Packet:
    flags = random.choice(("S", "SA", "A", "F", "R", "FPU", "SF", "", "PA", random.randint(0, 511)))
    port = random.choice((*PORTS, random.randint(0, 65535)))
    segment = TCP(
        dport=port,
        sport=random.randint(0, 65535),
        flags=flags,
        seq=random.getrandbits(32),
        window=random.choice((1, 4, 16, 63, 512, random.randint(0, 65535))),
        options=random.choice(_OPTIONS),
    )
    other = random.choice((ICMP(type=8), UDP(dport=port), ICMPv6EchoRequest()))
    return random.choice((segment, segment, segment, other)) / Raw(
        random.randbytes(random.choice((0, 0, 1, 700)))
    )


_OPTIONS = (
    [],
    [("MSS", 1460), ("Timestamp", (0xFFFFFFFF, 0)), ("SAckOK", b"")],
    [("WScale", 10), ("NOP", None), ("MSS", 1460), ("Timestamp", (0xFFFFFFFF, 0)), ("SAckOK", b"")],
    [("MSS", 0), ("WScale", 255)],
    [("MSS", 265), ("NOP", None), ("NOP", None), ("Timestamp", (1, 1)), ("EOL", None)],
)


def _fuzzed(target: str, target6: str) -> Iterator[bytes]:
    body = random.choice((TCP, TCP, UDP, ICMP, ICMPv6EchoRequest))()
    head = _head(target, target6)
    if random.random() < 0.3:
        head = fuzz(head)
        head.dst = target6 if isinstance(head, IPv6) else target
    yield _typed(head / fuzz(body))


def _cut(target: str, target6: str) -> Iterator[bytes]:
    """Ends in the middle; half of them say in the header how long they are, half are longer by their header."""
    whole = _head(target, target6) / _body()
    raw = bytearray(_typed(whole))
    end = random.randint(3, len(raw))
    if random.random() < 0.5 and end > 8:
        at = 6 if isinstance(whole, IPv6) else 4
        raw[at : at + 2] = (end - 2).to_bytes(2, "big")
    yield bytes(raw[:end])


def _in_fragments(target: str, target6: str) -> Iterator[bytes]:
    """Each of a few, some twice or not at all, not in their order."""
    size = random.choice((8, 16, 64, 512))
    if random.random() < 0.5:
        whole = IP(dst=target, src="198.51.100.9", id=random.getrandbits(16)) / _body()
        pieces = [_typed(one) for one in fragment(whole, fragsize=size)[:8]]
    else:
        body, number = bytes(_body()), random.getrandbits(32)
        head = IPv6(dst=target6, src="2001:db8:5::9")
        pieces = [
            _typed(
                head
                / IPv6ExtHdrFragment(nh=6, id=number, offset=at // 8, m=random.choice((1, 1, 1, 0)))
                / Raw(body[at : at + size + random.choice((0, 0, 8, 3))])
            )
            for at in range(0, min(len(body), 8 * size), size)
        ]
    yield from random.choices(pieces, k=len(pieces))


def _turned(target: str, target6: str) -> Iterator[bytes]:
    """A sound packet with a few bits of its headers turned after all sums were made."""
    raw = bytearray(_typed(_head(target, target6) / _body()))
    for _ in range(random.randint(1, 4)):
        raw[random.randrange(2, min(len(raw), 90))] ^= 1 << random.randrange(8)
    yield bytes(raw)


class Kernel:
    """What the kernel complains of from now on: warnings, oopses, and the taint that they leave."""

    def __init__(self) -> None:
        self._log = Path("/dev/kmsg").open("rb", buffering=0)  # noqa: SIM115 (until `complaints`)
        self._log.seek(0, 2)
        self._taint = self._tainted()

    def _tainted(self) -> str:
        return Path("/proc/sys/kernel/tainted").read_text()

    def complaints(self) -> list[str]:
        fd = self._log.fileno()
        os.set_blocking(fd, False)
        found = [f"tainted {self._tainted()}"] if self._tainted() != self._taint else []
        while True:
            try:
                line = os.read(fd, 8192).decode(errors="replace")
            except BlockingIOError:
                break
            except BrokenPipeError:  # the ring went round: the next read goes on
                continue
            if re.search(r"WARNING:|BUG:|Oops|general protection|verifier bug", line):
                found.append(line)
        self._log.close()
        return found
