"""What rules of nf_tables can say of a TCP/IP personality. Pure: a value as the programs read it → a table.

The kernel's stack does the connections, as with the programs. What goes out is changed in place: TTL, don't-fragment
bit, IP-ID, MSS, window, and the options of SYN-ACKs and SYNs where the system's have as many bytes as Linux's, which
have one layout for each set of features. A rule makes no packet longer or shorter, answers nothing but by a reset, and
cannot give sequence numbers or time stamps of its own.

What an answer needs of what it answers goes with the packet's mark: net.ipv4.fwmark_reflect gives resets and echo
replies the mark of their cause, net.ipv4.tcp_fwmark_accept a SYN-ACK that of its SYN (ip-sysctl). A visitor's number
is never a mark that containment lets out.

IP-IDs that count and those of one byte are written in the order of a little-endian machine.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from decnet.stack import ANSWERS, Value, unpacked
from decnet.stack.keys import IPIDS, MODES, NUMBERS, QUOTED, Window
from decnet.stack.options import ABSENT
from decnet.world import expressions as nf
from decnet.world.nftables import NF_INET_LOCAL_IN, NF_INET_POST_ROUTING, Chain, Rule, Table
from decnet.world.sockets import MARK

VERSION = 1
"""To be raised with every change of what a value makes: what stands is then another's, and is put in anew."""

_LOOPBACK = struct.pack("=I", 1)
_TCP, _UDP, _ICMP = 6, 17, 1
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_ALL = 0x3F
_SEQ, _ACK_AT, _OFFSET, _FLAGS, _WINDOW, _MSS, _REST = 4, 8, 12, 13, 14, 22, 24
"""Places in a TCP header; behind the MSS, which is first, the rest of the options begins."""
_IP_SUM, _TCP_SUM, _ICMP_SUM = 10, 16, 2
_DF = 0x4000
_OWN = 8
"""The greeting of a host's own SYN."""
_MSS_SEEN = (1452, 1448, 1440, 1420, 1400, 1380, 1360, 1300, 1240, 1200, 1024, 640, 536)
"""What peers announce, where a window is a multiple of it: rules can look a number up, and not divide."""
_ZERO, _INCR, _STEPS, _RANDOM, _BROKEN = (IPIDS.index(one) for one in IPIDS[1:])


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
        return struct.pack(">HBB", self.mss, _PROBED, self.stamp_at)

    def matches(self) -> tuple[bytes, ...]:
        """Nobody else's segments have these windows with a time stamp of all ones."""
        stamp = nf.field(nf.TRANSPORT, 20 + self.stamp_at, b"\x08\x0a\xff\xff\xff\xff")
        window = nf.field(nf.TRANSPORT, _WINDOW, struct.pack(">H", self.window))
        return _flags(_ALL, _SYN), window, _doff(self.words), stamp


_PROBED = 0x51
_PROBES = (
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


class Needs(NamedTuple):
    """Settings of the namespace that the rules count on."""

    reflect: bool
    accept: bool


def table(name: str, packed: bytes, without: frozenset[str] = frozenset()) -> Table:
    """The rules of a value, without those that need one of these kinds of expression."""
    host = unpacked(packed)
    chains = (
        Chain("input", NF_INET_LOCAL_IN),
        Chain("output", NF_INET_POST_ROUTING),
        *map(Chain, ("greetings", "probed", "resets", "icmp_out", "udp_out", "ids", "ids_icmp")),
    )
    every = (
        *_input(host),
        *_output(host),
        *_hello(host),
        *_probed(host),
        *_reset(host),
        *_others(host),
        *_counts(host),
    )
    kept = (one for one in every if not any(nf.uses(b"".join(one.expressions), kind) for kind in without))
    return Table(name, (), chains, tuple(kept))


def needs(packed: bytes) -> Needs:
    """What the rules of a value count on."""
    host = unpacked(packed)
    designed = host.isn_designed or host.stamp_hz
    return Needs(_echoes_df(host) or bool(_marked(host)), bool(designed) or _wants_mss(host))


def _input(host: Value) -> Iterator[Rule]:
    """What comes in: what the system answers and Linux does not, and what an answer has to know."""

    def rule(*parts: bytes) -> Rule:
        return Rule("input", parts)

    yield rule(nf.meta(nf.META_IIF, _LOOPBACK), nf.accept())
    if _echoes_df(host):
        asks = _protocol(_ICMP), nf.field(nf.TRANSPORT, 0, b"\x08")
        has_df = nf.field(nf.NETWORK, 6, b"\x40", mask=b"\x40")
        yield rule(*_four(), *asks, has_df, nf.constant(struct.pack("=I", 1)), nf.put_mark(), nf.accept())
    yield rule(nf.meta(nf.META_L4PROTO, bytes((_TCP,)), nf.NOT_EQUAL), nf.accept())
    for probe in _PROBES:
        yield rule(*probe.matches(), nf.constant(probe.mark), nf.put_mark(), nf.accept())
    if _wants_mss(host):
        yield rule(_flags(_SYN | _ACK | _RST, _SYN), nf.load_mss(), nf.put_mark())
    yield from (rule(*parts) for parts in _odd(host))
    marks = _marked(host)
    for mask, value, offset in marks:
        if value & _SYN:  # an answer to a SYN that a socket takes is no reset
            yield rule(_flags(mask, value), nf.known_to_a_socket(), nf.accept())
        yield rule(_flags(mask, value), nf.load(nf.TRANSPORT, offset, 4), nf.put_mark())
    if marks:
        yield rule(nf.meta(nf.META_MARK, struct.pack("=I", MARK)), nf.constant(bytes(4)), nf.put_mark())


def _odd(host: Value) -> Iterator[tuple[bytes, ...]]:
    """Segments that belong to no connection. A reset to one has the numbers of one to a closed port, as nf_reject makes it."""
    nothing, options = _flags(_ALL, 0), nf.field(nf.TRANSPORT, _OFFSET, b"\x50", nf.NOT_EQUAL, b"\xf0")
    kinds = (
        ("null_open", (nothing, _doff(5))),
        ("t2", (nothing, options)),
        ("fin_open", (_flags(_ALL, _FIN),)),
        ("xmas_open", (_flags(_ALL, 0x29),)),
        ("t3", (_flags(_SYN | _FIN | _RST | _ACK, _SYN | _FIN),)),
    )
    for name, matches in kinds:
        answer = _answer(host, name)
        if answer.mode == MODES.index("reply"):
            yield *matches, nf.reset()
        elif answer.mode == MODES.index("as-syn") and name == "t3":
            # without FIN it is a SYN, which the listener answers
            yield *matches, nf.change(nf.TRANSPORT, _OFFSET, 0xFFFE, 0, _TCP_SUM)
    if _drops(host, "t7"):
        yield _flags(_SYN | _RST | _ACK, 0), nf.drop()


def _output(host: Value) -> Iterator[Rule]:
    """Where each packet goes on; what is left is segments of connections."""

    def rule(*parts: bytes) -> Rule:
        return Rule("output", parts)

    yield rule(nf.meta(nf.META_OIF, _LOOPBACK), nf.accept())
    yield rule(_protocol(_TCP), nf.is_set(_FLAGS, _RST, _RST), nf.jump("resets", back=False))
    yield rule(_protocol(_TCP), nf.is_set(_FLAGS, _SYN, _SYN), nf.jump("greetings", back=False))
    yield rule(*_not_four())
    yield rule(_protocol(_ICMP), nf.jump("icmp_out", back=False))
    yield rule(_protocol(_UDP), nf.jump("udp_out", back=False))
    yield rule(nf.meta(nf.META_L4PROTO, bytes((_TCP,)), nf.NOT_EQUAL), nf.accept())
    if not host.df_tcp:
        yield rule(_df(set_=False))
    yield from (rule(*parts) for parts in _ids(host.ipid_data))


def _hello(host: Value) -> Iterator[Rule]:
    """SYN-ACKs and SYNs: MSS, then options and window by what Linux has put in, which says what both sides can."""

    def rule(*parts: bytes) -> Rule:
        return Rule("greetings", parts)

    def put_mss(value: bytes) -> bytes:
        return nf.constant(value + bytes(2)) + nf.write(nf.TRANSPORT, _MSS, 2, _TCP_SUM)

    has_mss = nf.field(nf.TRANSPORT, _MSS - 2, b"\x02\x04")
    answers = nf.is_set(_FLAGS, _SYN | _ACK, _SYN | _ACK)
    own = struct.pack(">H", host.mss)
    yield rule(has_mss, nf.field(nf.TRANSPORT, _MSS, own, nf.MORE), put_mss(own))
    if host.mss_min_peer:
        smaller = nf.load_mark() + nf.compare(nf.NOT_EQUAL, bytes(2)) + nf.compare(nf.LESS, own)
        yield rule(answers, has_mss, smaller, nf.write(nf.TRANSPORT, _MSS, 2, _TCP_SUM))
        if host.mss_absent != host.mss:
            absent = nf.meta(nf.META_MARK, bytes(4))
            yield rule(answers, has_mss, absent, put_mss(struct.pack(">H", host.mss_absent)))
    is_probed = nf.is_marked(b"\0\0\xff\0", bytes((0, 0, _PROBED, 0)))
    yield rule(answers, is_probed, nf.jump("probed"))
    for features in range(_OWN):
        yield from (rule(answers, *parts) for parts in _greeted(host, features, host.greetings[features]))
    offers = nf.is_set(_FLAGS, _SYN | _ACK, _SYN)
    for features in range(_OWN):
        yield from (rule(offers, *parts) for parts in _greeted(host, features, host.greetings[_OWN]))
    yield rule(*_not_four())
    if not host.df_tcp:
        yield rule(_df(set_=False))
    yield from (rule(answers, *parts) for parts in _ids(host.ipid_tcp, was=_ZERO))
    yield from (rule(nf.is_set(_FLAGS, _ACK, 0), *parts) for parts in _ids(host.ipid_syn))


def _probed(host: Value) -> Iterator[Rule]:
    """The SYN-ACK that nobody goes on from: sequence number and time stamp are those of the system."""
    if host.isn_designed and host.isn_mean > 2 * _STEP:
        yield Rule("probed", (nf.random(), nf.write(nf.TRANSPORT, _SEQ, 4, _TCP_SUM)))
        own = host.counters[1] >> 28
        for probe in _PROBES:
            begin = nf.change(nf.TRANSPORT, _SEQ, 0x0FFF, (probe.nibble + own) % 16 << 12, _TCP_SUM)
            yield Rule("probed", (nf.meta(nf.META_MARK, probe.mark), begin))
    if host.stamp_hz in _TICKS:
        has_stamp = nf.field(nf.TRANSPORT, _REST + 2, _STAMP)
        now = nf.clock(_TICKS[host.stamp_hz]) + nf.flip(bytes((host.counters[1] >> 16 & 0xFF, 0, 0, 0)))
        yield Rule("probed", (has_stamp, now, nf.write(nf.TRANSPORT, _REST + 4, 4, _TCP_SUM)))


def _greeted(host: Value, features: int, greeting: Any) -> Iterator[tuple[bytes, ...]]:
    """Options and window of a segment in which Linux says these features, which length and a word tell."""
    scales, stamps = greeting.scale_at != ABSENT, greeting.stamp_at != ABSENT
    if not greeting.known or (scales, stamps) != (bool(features & 1), bool(features & 4)):
        return
    theirs = _linux(features)
    ours = bytes(greeting.options[: greeting.length])
    words = [ours[at : at + 4] for at in range(4, len(ours), 4)]
    moved = _moved(theirs, words, greeting)
    yield *_laid_out(theirs), *([moved] if moved else ()), _window(_multiple(greeting, host.mss))
    if greeting.rule:
        found = _laid_out(words if moved else theirs)
        yield from ((*found, *parts) for parts in _windows(host, greeting))


def _laid_out(words: Sequence[bytes]) -> tuple[bytes, ...]:
    """Whether these words follow the MSS: no two layouts of one length begin with the same."""
    first = [word[:3] if word[:3] == _SCALE[:3] else word for word in words[:1]]
    return _doff(6 + len(words)), *(nf.field(nf.TRANSPORT, _REST, word) for word in first)


_SCALE, _STAMP, _VALUE, _ECHO = b"\1\3\3\0", b"\x08\x0a", b"value", b"echo"


def _linux(features: int) -> list[bytes]:
    """The words behind the MSS that Linux writes: S,T or N,N,T or N,N,S, then N,W. Those of a run-time value stand for it."""
    words = []
    if features & 4:
        words += [(b"\4\2" if features & 2 else b"\1\1") + _STAMP, _VALUE, _ECHO]
    elif features & 2:
        words.append(b"\1\1\4\2")
    return [*words, _SCALE] if features & 1 else words


def _moved(theirs: Sequence[bytes], ours: Sequence[bytes], greeting: Any) -> bytes:
    """Put the words in the system's order; empty where they are, or where rules cannot."""
    wanted = list(ours)
    if greeting.scale_at != ABSENT:
        wanted[(greeting.scale_at - 4) // 4] = _SCALE if (greeting.scale_at + 1) % 4 == 0 else b""
    if greeting.stamp_at != ABSENT:
        at = (greeting.stamp_at - 4) // 4
        wanted[at : at + 2] = (_VALUE, _ECHO) if greeting.stamp_at % 4 == 0 else (b"", b"")
    if len(wanted) != len(theirs) or wanted == list(theirs) or not all(wanted):
        return b""
    if greeting.options[0] != 2 or not {_VALUE, _SCALE} & set(wanted) <= set(theirs):
        return b""
    made = b""
    for number, word in enumerate(wanted):
        register = nf.WORDS + number
        if word in (_SCALE, _VALUE, _ECHO):
            made += nf.load(nf.TRANSPORT, _REST + 4 * theirs.index(word), 4, register)
        else:
            made += nf.constant(word, register)
    return made + nf.write(nf.TRANSPORT, _REST, 4 * len(wanted), _TCP_SUM, nf.WORDS)


def _windows(host: Value, greeting: Any) -> Iterator[tuple[bytes, ...]]:
    """The windows at MSSs of peers that are smaller."""
    for mss in (one for one in _MSS_SEEN if max(host.mss_least, 1) < one < host.mss):
        is_it = nf.load_mark() + nf.compare(nf.EQUAL, struct.pack(">H", mss))
        yield is_it, _window(_multiple(greeting, mss))
    if host.mss_least:
        smaller = nf.load_mark() + nf.compare(nf.NOT_EQUAL, bytes(2))
        smaller += nf.compare(nf.AT_MOST, struct.pack(">H", host.mss_least))
        yield smaller, _window(_multiple(greeting, host.mss_least))


def _multiple(greeting: Any, mss: int) -> int:
    size, rule = int(greeting.window), Window.rules[greeting.rule]
    if rule == "floor-mss":
        return size // mss * mss
    return min(-(-size // mss) * mss, 0xFFFF) if rule == "ceil-mss" else size


def _reset(host: Value) -> Iterator[Rule]:
    """Resets. Those without ACK answer a lone ACK (T4, T6), those with and a zero sequence number anything else."""

    def rule(*parts: bytes) -> Rule:
        return Rule("resets", parts)

    lone, other = nf.is_set(_FLAGS, _RST | _ACK, _RST), nf.is_set(_FLAGS, _RST | _ACK, _RST | _ACK)
    to_nothing = nf.field(nf.TRANSPORT, _SEQ, bytes(4))
    answer = _answer(host, "t6")
    if _drops(host, "t4") and _drops(host, "t6"):
        yield rule(lone, nf.drop())
    elif answer.mode == MODES.index("reply"):
        yield from (rule(lone, *parts) for parts in _lone(answer))
    if _drops(host, "t5"):
        yield rule(other, to_nothing, nf.drop())
    five, seven = _answer(host, "t5"), _answer(host, "t7")
    for mask, value, _ in _marked(host):
        if not value & _ACK:
            place = _SEQ if mask & _SYN and value & _SYN else _ACK_AT
            known = nf.load_mark() + nf.compare(nf.NOT_EQUAL, bytes(4))
            yield rule(other, to_nothing, known, nf.write(nf.TRANSPORT, place, 4, _TCP_SUM))
    if five.window and five.window == seven.window:
        yield rule(other, nf.field(nf.TRANSPORT, _WINDOW, bytes(2)), _window(five.window))
    yield rule(*_not_four())
    if host.ttl_rst != host.ttl_tcp:
        yield rule(_ttl(host.ttl_rst))
    if not answer.df:
        yield rule(_df(set_=False))
    yield from (rule(*parts) for parts in _ids(host.ipid_closed, was=_ZERO))


def _lone(answer: Any) -> Iterator[tuple[bytes, ...]]:
    """What the reset to a lone ACK has beside the sequence number that Linux gives it."""
    if answer.window:
        yield (_window(answer.window),)
    if answer.ack == NUMBERS.index("ack"):
        yield nf.load(nf.TRANSPORT, _SEQ, 4), nf.write(nf.TRANSPORT, _ACK_AT, 4, _TCP_SUM)
    elif answer.ack in (NUMBERS.index("seq"), NUMBERS.index("next")):
        yield nf.load_mark(), nf.write(nf.TRANSPORT, _ACK_AT, 4, _TCP_SUM)
    if answer.flags != _RST:
        # last: with ACK it is not found again as a lone one
        yield (nf.change(nf.TRANSPORT, _OFFSET, 0xFF00, answer.flags, _TCP_SUM),)


def _marked(host: Value) -> list[tuple[int, int, int]]:
    """Segments whose answer has a number of theirs that Linux does not give: mask and value of flags, place of the number."""
    made = []
    if _replies(host, "t5") and _answer(host, "t5").seq == NUMBERS.index("ack"):
        made.append((_SYN | _RST | _ACK, _SYN, _ACK_AT))
    elif _replies(host, "t7") and _answer(host, "t7").ack == NUMBERS.index("seq"):
        made.append((_FIN | _SYN | _RST | _ACK, _FIN, _SEQ))
    if _replies(host, "t6") and _answer(host, "t6").ack in (NUMBERS.index("seq"), NUMBERS.index("next")):
        made.append((_SYN | _RST | _ACK, _ACK, _SEQ))
    return made


def _others(host: Value) -> Iterator[Rule]:
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
        yield rule(_ttl(host.ttl_icmp))
    if host.ttl_u1 != host.ttl_icmp:
        yield rule(unreachable, _ttl(host.ttl_u1))
    yield from (rule(*parts) for parts in _ids(host.ipid_icmp, icmp=not host.ipid_shared))
    if host.ttl_udp != host.ttl_tcp:
        yield Rule("udp_out", (_ttl(host.ttl_udp),))
    if not host.df_udp:
        yield Rule("udp_out", (_df(set_=False),))
    yield from (Rule("udp_out", parts) for parts in _ids(host.ipid_data))


def _quoted(host: Value) -> Iterator[tuple[bytes, ...]]:
    """What a port-unreachable error quotes: of an IP header without options, and of UDP."""
    plain = nf.field(nf.TRANSPORT, 8, b"\x45") + nf.field(nf.TRANSPORT, 17, bytes((_UDP,)))
    for mode, offset in ((host.u1_rid, 12), (host.u1_ripck, 18), (host.u1_ruck, 34)):
        if mode != QUOTED.index("good"):
            value = bytes(2) if mode == QUOTED.index("zero") else b"\x1b\xad"
            put = nf.write(nf.TRANSPORT, offset, 2, _ICMP_SUM)
            yield plain, nf.constant(value + bytes(2)), put
    if host.u1_df:
        yield (_df(set_=True),)


def _echoed(host: Value) -> Iterator[tuple[bytes, ...]]:
    """Code, type of service and don't-fragment bit of an echo reply: Linux's are the request's, and no."""
    if not host.ie_code:
        yield (nf.change(nf.TRANSPORT, 0, 0xFF00, 0, _ICMP_SUM),)
    if not host.ie_tos:
        yield (nf.change(nf.NETWORK, 0, 0xFF00, 0, _IP_SUM),)
    if host.ie_df == 1:
        yield (_df(set_=True),)
    elif host.ie_df:
        yield nf.meta(nf.META_MARK, struct.pack("=I", 1)), _df(set_=True)


def _counts(host: Value) -> Iterator[Rule]:
    """The counters of IP-IDs: one rule each, by which all comes that counts together."""
    rest = {host.ipid_tcp, host.ipid_closed, host.ipid_data, host.ipid_syn}
    alone = set() if host.ipid_shared else {host.ipid_icmp}
    for chain, modes, begin in zip(("ids", "ids_icmp"), (rest, alone), host.counters, strict=True):
        for mode in sorted(modes & {_INCR, _BROKEN})[:1]:
            turned = nf.to_network() if mode == _INCR else b""
            yield Rule(chain, (nf.count(begin & 0xFFFF), turned, _put_id()))


def _ids(mode: int, *, was: int | None = None, icmp: bool = False) -> Iterator[tuple[bytes, ...]]:
    """The last rules of a packet: its IP-ID. Of a packet that may be cut up none is zero."""
    if mode == was:
        return
    if mode == _ZERO:
        uncut = nf.field(nf.NETWORK, 6, b"\x40", mask=b"\x40")
        yield uncut, nf.constant(bytes(4)), _put_id()
    elif mode in (_INCR, _BROKEN):
        yield (nf.jump("ids_icmp" if icmp else "ids"),)
    elif mode == _RANDOM:
        yield nf.random(), _put_id()
    elif mode == _STEPS:
        # the high byte counts by four, the low one is random: steps of 769 to 1279
        yield nf.random(), _put_id()
        yield nf.count(0, 64), nf.shift_left(2), nf.write(nf.NETWORK, 4, 1, _IP_SUM)


def _put_id() -> bytes:
    return nf.write(nf.NETWORK, 4, 2, _IP_SUM)


def _ttl(value: int) -> bytes:
    return nf.change(nf.NETWORK, 8, 0x00FF, value << 8, _IP_SUM)


def _df(*, set_: bool) -> bytes:
    return nf.change(nf.NETWORK, 6, 0xFFFF ^ _DF, _DF if set_ else 0, _IP_SUM)


def _window(value: int) -> bytes:
    return nf.constant(struct.pack(">Hxx", value)) + nf.write(nf.TRANSPORT, _WINDOW, 2, _TCP_SUM)


def _flags(mask: int, value: int) -> bytes:
    return nf.is_set(_FLAGS, mask, value)


def _doff(words: int) -> bytes:
    return nf.is_set(_OFFSET, 0xF0, words << 4)


def _protocol(number: int) -> bytes:
    return nf.meta(nf.META_L4PROTO, bytes((number,)))


def _four() -> tuple[bytes, ...]:
    return (nf.meta(nf.META_NFPROTO, bytes((nf.NFPROTO_IPV4,))),)


def _not_four() -> tuple[bytes, ...]:
    return nf.meta(nf.META_NFPROTO, bytes((nf.NFPROTO_IPV4,)), nf.NOT_EQUAL), nf.accept()


def _answer(host: Value, name: str) -> Any:
    return host.answers[ANSWERS.index(name)]


def _replies(host: Value, name: str) -> bool:
    return bool(_answer(host, name).mode == MODES.index("reply"))


def _drops(host: Value, name: str) -> bool:
    return bool(_answer(host, name).mode == MODES.index("drop"))


def _echoes_df(host: Value) -> bool:
    return bool(host.ie_mode == MODES.index("reply") and host.ie_df > 1)


def _wants_mss(host: Value) -> bool:
    return bool(host.mss_min_peer or any(one.rule for one in list(host.greetings)[:_OWN]))
