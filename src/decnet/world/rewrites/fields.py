"""Fields that rules compare and write, and what a value says of an answer: what all chains need."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from decnet.stack import ANSWERS, Value
from decnet.stack.keys import IPIDS, MODES
from decnet.world import expressions as nf

LOOPBACK = struct.pack("=I", 1)
TCP, UDP, ICMP = 6, 17, 1
FIN, SYN, RST, ACK, ALL = 0x01, 0x02, 0x04, 0x10, 0x3F
SEQ, ACK_AT, OFFSET, FLAGS, WINDOW, MSS, REST = 4, 8, 12, 13, 14, 22, 24
"""Places in a TCP header; behind the MSS, which is first, the rest of the options begins."""
IP_SUM, TCP_SUM, ICMP_SUM = 10, 16, 2
FOUR = (nf.meta(nf.META_NFPROTO, bytes((nf.NFPROTO_IPV4,))),)
NOT_FOUR = (nf.meta(nf.META_NFPROTO, bytes((nf.NFPROTO_IPV4,)), nf.NOT_EQUAL), nf.accept())
"""What is not of IPv4 passes here: behind it IP headers are written."""
ZERO, INCR, STEPS, RANDOM, BROKEN = (IPIDS.index(one) for one in IPIDS[1:])
_DF = 0x4000


def answer_of(host: Value, name: str) -> Any:
    return host.answers[ANSWERS.index(name)]


def replies(host: Value, name: str) -> bool:
    return bool(answer_of(host, name).mode == MODES.index("reply"))


def drops(host: Value, name: str) -> bool:
    return bool(answer_of(host, name).mode == MODES.index("drop"))


def ids(mode: int, *, was: int | None = None, icmp: bool = False) -> Iterator[tuple[bytes, ...]]:
    """The last rules of a packet: its IP-ID. Of a packet that may be cut up none is zero."""
    if mode == was:
        return
    if mode == ZERO:
        uncut = nf.field(nf.NETWORK, 6, b"\x40", mask=b"\x40")
        yield uncut, nf.constant(bytes(4)), put_id()
    elif mode in (INCR, BROKEN):
        yield (nf.jump("ids_icmp" if icmp else "ids"),)
    elif mode == RANDOM:
        yield nf.random(), put_id()
    elif mode == STEPS:
        # the high byte counts by four, the low one is random: steps of 769 to 1279
        yield nf.random(), put_id()
        yield nf.count(0, 64), nf.shift_left(2), nf.write(nf.NETWORK, 4, 1, IP_SUM)


def put_id() -> bytes:
    return nf.write(nf.NETWORK, 4, 2, IP_SUM)


def put_ttl(value: int) -> bytes:
    return nf.change(nf.NETWORK, 8, 0x00FF, value << 8, IP_SUM)


def put_df(*, set_: bool) -> bytes:
    return nf.change(nf.NETWORK, 6, 0xFFFF ^ _DF, _DF if set_ else 0, IP_SUM)


def put_window(value: int) -> bytes:
    return nf.constant(struct.pack(">Hxx", value)) + nf.write(nf.TRANSPORT, WINDOW, 2, TCP_SUM)


def has_flags(mask: int, value: int) -> bytes:
    return nf.is_set(FLAGS, mask, value)


def has_words(words: int) -> bytes:
    return nf.is_set(OFFSET, 0xF0, words << 4)


def protocol(number: int) -> bytes:
    return nf.meta(nf.META_L4PROTO, bytes((number,)))
