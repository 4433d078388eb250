"""Rules for what comes in: what the system answers and Linux does not, and marks for what an answer has to know."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from decnet.stack import Value
from decnet.stack.keys import MODES, NUMBERS
from decnet.world import expressions as nf
from decnet.world.nftables import Rule
from decnet.world.rewrites.fields import (
    ACK,
    ACK_AT,
    ALL,
    FIN,
    FLAGS,
    FOUR,
    ICMP,
    LOOPBACK,
    OFFSET,
    RST,
    SEQ,
    SYN,
    TCP,
    TCP_SUM,
    answer_of,
    drops,
    has_flags,
    has_words,
    protocol,
    replies,
)
from decnet.world.rewrites.probes import PROBES, probed
from decnet.world.sockets import MARK


def inbound(host: Value) -> Iterator[Rule]:
    """What comes in: what the system answers and Linux does not, and what an answer has to know."""

    def rule(*parts: bytes) -> Rule:
        return Rule("input", parts)

    yield rule(nf.meta(nf.META_IIF, LOOPBACK), nf.accept())
    if echoes_df(host):
        asks = protocol(ICMP), nf.field(nf.TRANSPORT, 0, b"\x08")
        has_df = nf.field(nf.NETWORK, 6, b"\x40", mask=b"\x40")
        yield rule(*FOUR, *asks, has_df, nf.constant(struct.pack("=I", 1)), nf.put_mark(), nf.accept())
    yield rule(nf.meta(nf.META_L4PROTO, bytes((TCP,)), nf.NOT_EQUAL), nf.accept())
    marks = marked(host)
    if not any(value & ACK for _, value, _ in marks):
        yield rule(nf.is_set(FLAGS, ACK, ACK), nf.accept())
    for probe in PROBES if any(probed(host)) else ():
        yield rule(*probe.matches(), nf.constant(probe.mark), nf.put_mark(), nf.accept())
    if wants_mss(host):
        yield rule(has_flags(SYN | ACK | RST, SYN), nf.load_mss(), nf.put_mark())
    yield from (rule(*parts) for parts in _odd(host))
    for mask, value, offset in marks:
        if value & SYN:  # an answer to a SYN that a socket takes is no reset
            yield rule(has_flags(mask, value), nf.known_to_a_socket(), nf.accept())
        yield rule(has_flags(mask, value), nf.load(nf.TRANSPORT, offset, 4), nf.put_mark())
    if marks:
        yield rule(nf.meta(nf.META_MARK, struct.pack("=I", MARK)), nf.constant(bytes(4)), nf.put_mark())


def _odd(host: Value) -> Iterator[tuple[bytes, ...]]:
    """Segments that belong to no connection. A reset to one has the numbers of one to a closed port, as nf_reject makes it."""
    nothing, options = has_flags(ALL, 0), nf.field(nf.TRANSPORT, OFFSET, b"\x50", nf.NOT_EQUAL, b"\xf0")
    kinds = (
        ("null_open", (nothing, has_words(5))),
        ("t2", (nothing, options)),
        ("fin_open", (has_flags(ALL, FIN),)),
        ("xmas_open", (has_flags(ALL, 0x29),)),
        ("t3", (has_flags(SYN | FIN | RST | ACK, SYN | FIN),)),
    )
    for name, matches in kinds:
        answer = answer_of(host, name)
        if answer.mode == MODES.index("reply"):
            yield *matches, nf.reset()
        elif answer.mode == MODES.index("as-syn") and name == "t3":
            # without FIN it is a SYN, which the listener answers
            yield *matches, nf.change(nf.TRANSPORT, OFFSET, 0xFFFE, 0, TCP_SUM)
    if drops(host, "t7"):
        yield has_flags(SYN | RST | ACK, 0), nf.drop()


def marked(host: Value) -> list[tuple[int, int, int]]:
    """Segments whose answer has a number of theirs that Linux does not give: mask and value of flags, place of the number."""
    made = []
    if replies(host, "t5") and answer_of(host, "t5").seq == NUMBERS.index("ack"):
        made.append((SYN | RST | ACK, SYN, ACK_AT))
    elif replies(host, "t7") and answer_of(host, "t7").ack == NUMBERS.index("seq"):
        made.append((FIN | SYN | RST | ACK, FIN, SEQ))
    if replies(host, "t6") and answer_of(host, "t6").ack in (NUMBERS.index("seq"), NUMBERS.index("next")):
        made.append((SYN | RST | ACK, ACK, SEQ))
    return made


def echoes_df(host: Value) -> bool:
    return bool(host.ie_mode == MODES.index("reply") and host.ie_df > 1)


def wants_mss(host: Value) -> bool:
    """Whether what it announces follows from what its peer does."""
    return bool(host.mss_min_peer or any(one.rule for one in host.greetings))
