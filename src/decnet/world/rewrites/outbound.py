"""Rules for what goes out, SYNs and SYN-ACKs apart: segments of connections, resets, ICMP, UDP, and the counters of IP-IDs."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from decnet.stack import Value
from decnet.stack.keys import MODES, NUMBERS, QUOTED_ID
from decnet.world import expressions as nf
from decnet.world.nftables import Rule
from decnet.world.rewrites.fields import (
    ACK,
    ACK_AT,
    BROKEN,
    FLAGS,
    ICMP,
    ICMP_SUM,
    INCR,
    IP_SUM,
    LOOPBACK,
    NOT_FOUR,
    OFFSET,
    RST,
    SEQ,
    SYN,
    TCP,
    TCP_SUM,
    UDP,
    WINDOW,
    ZERO,
    answer_of,
    drops,
    ids,
    protocol,
    put_df,
    put_id,
    put_ttl,
    put_window,
)
from decnet.world.rewrites.inbound import marked


def outbound(host: Value) -> Iterator[Rule]:
    """Where each packet goes on, the most frequent first, and segments of connections."""

    def rule(*parts: bytes) -> Rule:
        return Rule("output", parts)

    yield rule(nf.meta(nf.META_OIF, LOOPBACK), nf.accept())
    yield rule(protocol(TCP), nf.is_set(FLAGS, RST | SYN, 0), nf.jump("segments", back=False))
    yield rule(protocol(TCP), nf.is_set(FLAGS, RST, RST), nf.jump("resets", back=False))
    yield rule(protocol(TCP), nf.jump("greetings", back=False))
    yield rule(*NOT_FOUR)
    yield rule(protocol(ICMP), nf.jump("icmp_out", back=False))
    yield rule(protocol(UDP), nf.jump("udp_out", back=False))
    yield Rule("segments", NOT_FOUR)
    if not host.df_tcp:
        yield Rule("segments", (put_df(set_=False),))
    yield from (Rule("segments", parts) for parts in ids(host.ipid_data))


def resets(host: Value) -> Iterator[Rule]:
    """Resets. Those without ACK answer a lone ACK (T4, T6), those with and a zero sequence number anything else."""

    def rule(*parts: bytes) -> Rule:
        return Rule("resets", parts)

    lone, other = nf.is_set(FLAGS, RST | ACK, RST), nf.is_set(FLAGS, RST | ACK, RST | ACK)
    to_nothing = nf.field(nf.TRANSPORT, SEQ, bytes(4))
    answer = answer_of(host, "t6")
    if drops(host, "t4") and drops(host, "t6"):
        yield rule(lone, nf.drop())
    elif answer.mode == MODES.index("reply"):
        yield from (rule(lone, *parts) for parts in _lone(answer))
    if drops(host, "t5"):
        yield rule(other, to_nothing, nf.drop())
    five, seven = answer_of(host, "t5"), answer_of(host, "t7")
    for mask, value, _ in marked(host):
        if not value & ACK:
            place = SEQ if mask & SYN and value & SYN else ACK_AT
            known = nf.load_mark() + nf.compare(nf.NOT_EQUAL, bytes(4))
            yield rule(other, to_nothing, known, nf.write(nf.TRANSPORT, place, 4, TCP_SUM))
    if five.window and five.window == seven.window:
        yield rule(other, nf.field(nf.TRANSPORT, WINDOW, bytes(2)), put_window(five.window))
    yield from (Rule("resets", parts) for parts in _reset_heads(host, lone, other))


def _reset_heads(host: Value, lone: bytes, other: bytes) -> Iterator[tuple[bytes, ...]]:
    yield NOT_FOUR
    if host.ttl_rst != host.ttl_tcp:
        yield (put_ttl(host.ttl_rst),)
    for kind, name in ((lone, "t6"), (other, "t5")):
        if not answer_of(host, name).df:
            yield kind, put_df(set_=False)
    yield from ids(host.ipid_closed, was=ZERO)


def _lone(answer: Any) -> Iterator[tuple[bytes, ...]]:
    """What the reset to a lone ACK has beside the sequence number that Linux gives it."""
    if answer.window:
        yield (put_window(answer.window),)
    if answer.ack == NUMBERS.index("ack"):
        yield nf.load(nf.TRANSPORT, SEQ, 4), nf.write(nf.TRANSPORT, ACK_AT, 4, TCP_SUM)
    elif answer.ack in (NUMBERS.index("seq"), NUMBERS.index("next")):
        yield nf.load_mark(), nf.write(nf.TRANSPORT, ACK_AT, 4, TCP_SUM)
    if answer.flags != RST:
        # last: with ACK it is not found again as a lone one
        yield (nf.change(nf.TRANSPORT, OFFSET, 0xFF00, answer.flags, TCP_SUM),)


def others(host: Value) -> Iterator[Rule]:
    """ICMP and UDP, of IPv4."""

    def rule(*parts: bytes) -> Rule:
        return Rule("icmp_out", parts)

    unreachable, reply = nf.field(nf.TRANSPORT, 0, b"\x03\x03"), nf.field(nf.TRANSPORT, 0, b"\x00")
    if host.u1_mode == MODES.index("drop"):
        yield rule(unreachable, nf.drop())
    if host.ie_mode == MODES.index("drop"):
        yield rule(reply, nf.drop())
    if host.u1_mode == MODES.index("reply"):
        yield from (rule(unreachable, *parts) for parts in _quoted(host))
    if host.ie_mode == MODES.index("reply"):
        yield from (rule(reply, *parts) for parts in _echoed(host))
    if host.ttl_icmp != host.ttl_tcp:
        yield rule(put_ttl(host.ttl_icmp))
    if host.ttl_u1 != host.ttl_icmp:
        yield rule(unreachable, put_ttl(host.ttl_u1))
    yield from (rule(*parts) for parts in ids(host.ipid_icmp, icmp=not host.ipid_shared))
    if host.ttl_udp != host.ttl_tcp:
        yield Rule("udp_out", (put_ttl(host.ttl_udp),))
    if not host.df_udp:
        yield Rule("udp_out", (put_df(set_=False),))
    yield from (Rule("udp_out", parts) for parts in ids(host.ipid_data))


def _quoted(host: Value) -> Iterator[tuple[bytes, ...]]:
    """What a port-unreachable error quotes: of an IP header without options, and of UDP."""
    plain = nf.field(nf.TRANSPORT, 8, b"\x45") + nf.field(nf.TRANSPORT, 17, bytes((UDP,)))
    for mode, offset in ((host.u1_rid, 12), (host.u1_ripck, 18), (host.u1_ruck, 34)):
        put = nf.write(nf.TRANSPORT, offset, 2, ICMP_SUM)
        match QUOTED_ID[mode]:
            case "zero":
                yield plain, nf.constant(bytes(4)), put
            case "bad":
                yield plain, nf.constant(b"\x1b\xad" + bytes(2)), put
            case "swapped":
                yield plain, nf.load(nf.TRANSPORT, offset, 2), nf.to_network(), put
    if host.u1_df:
        yield (put_df(set_=True),)


def _echoed(host: Value) -> Iterator[tuple[bytes, ...]]:
    """Code, type of service and don't-fragment bit of an echo reply: Linux's are the request's, and no."""
    if not host.ie_code:
        yield (nf.change(nf.TRANSPORT, 0, 0xFF00, 0, ICMP_SUM),)
    if not host.ie_tos:
        yield (nf.change(nf.NETWORK, 0, 0xFF00, 0, IP_SUM),)
    if host.ie_df == 1:
        yield (put_df(set_=True),)
    elif host.ie_df:
        yield nf.meta(nf.META_MARK, struct.pack("=I", 1)), put_df(set_=True)


def counts(host: Value) -> Iterator[Rule]:
    """The counters of IP-IDs: one rule each, by which all comes that counts together."""
    rest = {host.ipid_tcp, host.ipid_closed, host.ipid_data, host.ipid_syn}
    alone = set() if host.ipid_shared else {host.ipid_icmp}
    for chain, modes, begin in zip(("ids", "ids_icmp"), (rest, alone), host.counters, strict=True):
        for mode in sorted(modes & {INCR, BROKEN})[:1]:
            turned = nf.to_network() if mode == INCR else b""
            yield Rule(chain, (nf.count(begin & 0xFFFF), turned, put_id()))
