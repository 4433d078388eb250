"""Rules for SYN-ACKs, and for SYNs of the host's own: MSS, options, window."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from decnet.stack import Value
from decnet.stack.keys import Window
from decnet.stack.options import ABSENT
from decnet.world import expressions as nf
from decnet.world.nftables import Rule
from decnet.world.rewrites.fields import (
    ACK,
    FLAGS,
    MSS,
    NOT_FOUR,
    REST,
    SYN,
    TCP_SUM,
    ZERO,
    has_words,
    ids,
    put_df,
    put_window,
)
from decnet.world.rewrites.probes import PROBED

_OWN = 8
"""The greeting of a host's own SYN."""
_MSS_SEEN = (1452, 1448, 1440, 1420, 1400, 1380, 1360, 1300, 1240, 1200, 1024, 640, 536)
"""What peers announce, where a window is a multiple of it: rules can look a number up, and not divide."""
_MSS_SIX = 1440
"""Of an Ethernet over IPv6."""
_SCALE, _STAMP, _VALUE, _ECHO = b"\1\3\3\0", b"\x08\x0a", b"value", b"echo"
"""Words of a run-time value stand for it."""


def greetings(host: Value) -> Iterator[Rule]:
    """SYN-ACKs and SYNs: MSS, then options and window by what Linux has put in, which says what both sides can."""

    def rule(*parts: bytes) -> Rule:
        return Rule("greetings", parts)

    def put_mss(value: bytes) -> bytes:
        return nf.constant(value + bytes(2)) + nf.write(nf.TRANSPORT, MSS, 2, TCP_SUM)

    has_mss = nf.field(nf.TRANSPORT, MSS - 2, b"\x02\x04")
    answers = nf.is_set(FLAGS, SYN | ACK, SYN | ACK)
    own = struct.pack(">H", host.mss)
    yield rule(has_mss, nf.field(nf.TRANSPORT, MSS, own, nf.MORE), put_mss(own))
    if host.mss_min_peer:
        smaller = nf.load_mark() + nf.compare(nf.NOT_EQUAL, bytes(2)) + nf.compare(nf.LESS, own)
        yield rule(answers, has_mss, smaller, nf.write(nf.TRANSPORT, MSS, 2, TCP_SUM))
        if host.mss_absent != host.mss:
            absent = nf.meta(nf.META_MARK, bytes(4))
            yield rule(answers, has_mss, absent, put_mss(struct.pack(">H", host.mss_absent)))
    is_probed = nf.is_marked(b"\0\0\xff\0", bytes((0, 0, PROBED, 0)))
    yield rule(answers, is_probed, nf.jump("probed"))
    for features in range(_OWN):
        yield from (rule(answers, *parts) for parts in _greeted(host, features, host.greetings[features]))
    offers = nf.is_set(FLAGS, SYN | ACK, SYN)
    for features in range(_OWN):
        yield from (rule(offers, *parts) for parts in _greeted(host, features, host.greetings[_OWN]))
    yield rule(*NOT_FOUR)
    if not host.df_tcp:
        yield rule(put_df(set_=False))
    yield from (rule(answers, *parts) for parts in ids(host.ipid_tcp, was=ZERO))
    yield from (rule(nf.is_set(FLAGS, ACK, 0), *parts) for parts in ids(host.ipid_syn))


def _greeted(host: Value, features: int, greeting: Any) -> Iterator[tuple[bytes, ...]]:
    """Options and window of a segment in which Linux says these features, which length and a word tell."""
    scales, stamps = greeting.scale_at != ABSENT, greeting.stamp_at != ABSENT
    if not greeting.known or (scales, stamps) != (bool(features & 1), bool(features & 4)):
        return
    theirs = _linux(features)
    ours = bytes(greeting.options[: greeting.length])
    words = [ours[at : at + 4] for at in range(4, len(ours), 4)]
    moved = _moved(theirs, words, greeting)
    yield *_laid_out(theirs), *([moved] if moved else ()), put_window(_multiple(greeting, host.mss))
    if greeting.rule:
        found = _laid_out(words if moved else theirs)
        yield from ((*found, *parts) for parts in _windows(host, greeting))


def _laid_out(words: Sequence[bytes]) -> tuple[bytes, ...]:
    """Whether these words follow the MSS: no two layouts of one length begin with the same."""
    first = [word[:3] if word[:3] == _SCALE[:3] else word for word in words[:1]]
    return has_words(6 + len(words)), *(nf.field(nf.TRANSPORT, REST, word) for word in first)


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
            made += nf.load(nf.TRANSPORT, REST + 4 * theirs.index(word), 4, register)
        else:
            made += nf.constant(word, register)
    return made + nf.write(nf.TRANSPORT, REST, 4 * len(wanted), TCP_SUM, nf.WORDS)


def _windows(host: Value, greeting: Any) -> Iterator[tuple[bytes, ...]]:
    """The windows at smaller MSSs, of peers and, over IPv6, of its own, in falling order: the last that fits counts."""
    for mss in (one for one in _MSS_SEEN if max(host.mss_least, 1) < one < host.mss):
        said, size = struct.pack(">H", mss), put_window(_multiple(greeting, mss))
        if mss == _MSS_SIX:
            yield nf.field(nf.TRANSPORT, MSS, said), size
        yield nf.load_mark() + nf.compare(nf.EQUAL, said), size
    if host.mss_least:
        smaller = nf.load_mark() + nf.compare(nf.NOT_EQUAL, bytes(2))
        smaller += nf.compare(nf.AT_MOST, struct.pack(">H", host.mss_least))
        yield smaller, put_window(_multiple(greeting, host.mss_least))


def _multiple(greeting: Any, mss: int) -> int:
    size, rule = int(greeting.window), Window.rules[greeting.rule]
    if rule == "floor-mss":
        return size // mss * mss
    return min(-(-size // mss) * mss, 0xFFFF) if rule == "ceil-mss" else size
