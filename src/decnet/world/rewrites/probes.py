"""nmap's six sequence probes, and what their answers have of a system: sequence numbers and time stamps."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from decnet.stack import Value
from decnet.world import expressions as nf
from decnet.world.nftables import Rule
from decnet.world.rewrites.fields import (
    ALL,
    REST,
    SEQ,
    SYN,
    TCP_SUM,
    WINDOW,
    has_flags,
    has_words,
)


class Probe(NamedTuple):
    """One of nmap's six sequence probes: its window, length in words, where its time stamp is in the options, its MSS."""

    window: int
    words: int
    stamp_at: int
    mss: int
    nibble: int
    """What the sequence number of the answer begins with."""

    @property
    def mark(self) -> bytes:
        """As one of a peer with this MSS, and one that is not of a number that a visitor says."""
        return struct.pack(">HBB", self.mss, PROBED, self.stamp_at)

    def matches(self) -> tuple[bytes, ...]:
        """Nobody else's segments have these windows with a time stamp of all ones."""
        stamp = nf.field(nf.TRANSPORT, 20 + self.stamp_at, b"\x08\x0a\xff\xff\xff\xff")
        window = nf.field(nf.TRANSPORT, WINDOW, struct.pack(">H", self.window))
        return has_flags(ALL, SYN), window, has_words(self.words), stamp


PROBED = 0x51
PROBES = (
    Probe(1, 10, 8, 1460, 0x0),
    Probe(63, 10, 9, 1400, 0x2),
    Probe(4, 10, 0, 640, 0x8),
    Probe(4, 9, 2, 0, 0xA),
    Probe(16, 10, 6, 536, 0x0),
    Probe(512, 9, 6, 265, 0x2),
)
"""Steps of 2 and 6, by turns, of which 16 are all numbers: with what is random behind them, half a thousand million less
or more than a thousand million on average. By what is asked and not by turns, so that two scanners see the same."""
_STEP = 1 << 28
_TICKS = {1000: 20, 250: 22, 200: 22, 100: 23, 10: 27}
"""Ticks a second of the system → the power of two of nanoseconds that a scan takes for as many."""


def probed(host: Value) -> Iterator[Rule]:
    """The SYN-ACK that nobody goes on from: sequence number and time stamp are those of the system."""
    if host.isn_designed and host.isn_mean > 2 * _STEP:
        yield Rule("probed", (nf.random(), nf.write(nf.TRANSPORT, SEQ, 4, TCP_SUM)))
        own = host.counters[1] >> 28
        for probe in PROBES:
            begin = nf.change(nf.TRANSPORT, SEQ, 0x0FFF, (probe.nibble + own) % 16 << 12, TCP_SUM)
            yield Rule("probed", (nf.meta(nf.META_MARK, probe.mark), begin))
    if host.stamp_hz in _TICKS:
        has_stamp = nf.field(nf.TRANSPORT, REST + 2, b"\x08\x0a")
        now = nf.clock(_TICKS[host.stamp_hz]) + nf.flip(bytes((host.counters[1] >> 16 & 0xFF, 0, 0, 0)))
        yield Rule("probed", (has_stamp, now, nf.write(nf.TRANSPORT, REST + 4, 4, TCP_SUM)))
