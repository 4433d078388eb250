"""The bytes of a personality as bpf/personality.h lays them out."""

from __future__ import annotations

import ctypes
import hashlib
import struct
from ipaddress import ip_address

from decnet.stack.keys import ANSWERED, IPIDS, MODES, NUMBERS, QUOTED_ID, AnswerKeys, Personality, Window
from decnet.stack.options import ABSENT, Options

ANSWERS = ("t2", "t3", "t4", "t5", "t6", "t7", "null_open", "fin_open", "xmas_open")
_FEATURES = {"W": 1, "S": 2, "T": 4}
_OWN = 8
_U8, _U16, _U32 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32


class _Greeting(ctypes.Structure):
    _fields_ = (
        *((name, _U8) for name in ("length", "mss_at", "scale_at", "stamp_at")),
        ("window", _U16),
        ("rule", _U8),
        ("known", _U8),
        ("options", _U8 * 40),
    )


class _Answer(ctypes.Structure):
    _fields_ = (*((name, _U8) for name in ("mode", "flags", "seq", "ack", "ttl", "df")), ("window", _U16))


class Value(ctypes.Structure):
    """What the programs read of a host; fields as in bpf/personality.h."""

    _fields_ = (
        *((name, _U32) for name in ("stamp_hz", "isn_mean", "isn_dev", "isn_gcd", "isn_tick")),
        *((name, _U16) for name in ("mss", "mss_absent", "mss_least")),
        *((name, _U8) for name in ("mss_min_peer", "scale", "isn_designed", "acks")),
        *(
            (name, _U8)
            for name in ("ttl_tcp", "ttl_rst", "ttl_icmp", "ttl_u1", "ttl_udp", "hops", "df_tcp", "df_udp")
        ),
        *((f"ipid_{name}", _U8) for name in ("tcp", "closed", "icmp", "data", "syn", "shared")),
        *((f"u1_{name}", _U8) for name in ("mode", "df", "rid", "ripck", "ruck")),
        ("u1_length", _U16),
        *((f"ie_{name}", _U8) for name in ("mode", "df", "code", "tos")),
        ("answers", _Answer * len(ANSWERS)),
        ("greetings", _Greeting * (_OWN + 1)),
        ("counters", _U32 * 2),
    )


SIZE = ctypes.sizeof(Value)
"""Of a value of the map `personalities`."""


def value(personality: Personality) -> bytes:
    """The map's value of a host that has this personality."""
    ip, tcp, u1, ie = personality.ip, personality.tcp, personality.u1, personality.ie
    made = Value()
    made.stamp_hz = tcp.ts_hz
    made.isn_designed = personality.isn.mode == "sequence"
    made.isn_mean, made.isn_dev, made.isn_gcd = personality.isn.mean, personality.isn.dev, personality.isn.gcd
    made.isn_tick = personality.isn.tick
    made.acks = any(_wants_segment(one) for one in (personality.t4, personality.t6))
    made.mss, made.mss_absent, made.mss_least = tcp.mss, tcp.mss_if_absent or tcp.mss, tcp.mss_least
    made.mss_min_peer = tcp.mss_mode == "min-peer"
    made.scale = ABSENT if tcp.wscale is None else tcp.wscale
    made.ttl_tcp, made.df_tcp, made.df_udp = ip.ttl_tcp, ip.df_tcp, ip.df_udp
    made.ttl_rst, made.ttl_icmp = ip.ttl_rst or ip.ttl_tcp, ip.ttl_icmp or ip.ttl_tcp
    made.ttl_u1, made.ttl_udp = ip.ttl_u1 or made.ttl_icmp, ip.ttl_udp or ip.ttl_tcp
    made.hops = personality.v6.hops or ip.ttl_tcp
    for name in ("tcp", "closed", "icmp", "data", "syn"):
        setattr(made, f"ipid_{name}", IPIDS.index(getattr(ip, f"ipid_{name}")))
    made.ipid_shared = ip.ipid_shared
    made.u1_mode, made.u1_df, made.u1_length = MODES.index(u1.mode), u1.df, u1.ipl
    made.u1_rid, made.u1_ripck, made.u1_ruck = map(QUOTED_ID.index, (u1.rid, u1.ripck, u1.ruck))
    made.ie_mode, made.ie_df = MODES.index(ie.mode), ANSWERED.index(ie.dfi)
    made.ie_code, made.ie_tos = (ANSWERED.index("echo") * (word == "echo") for word in (ie.cd, ie.tos))
    for place, name in enumerate(ANSWERS):
        made.answers[place] = _answer(personality, getattr(personality, name))
    for offered in range(_OWN):
        made.greetings[offered] = _greeting(personality, offered)
    if tcp.syn_opts is not None:
        made.greetings[_OWN] = _laid_out(tcp.syn_opts, tcp.syn_window)
    return bytes(made)


def unpacked(packed: bytes) -> Value:
    """The fields of a value. Raises `ValueError` for bytes of another length."""
    if len(packed) != SIZE:
        raise ValueError(f"a personality has {SIZE} bytes, not {len(packed)}")
    return Value.from_buffer_copy(packed)


def begun(packed: bytes, who: str) -> bytes:
    """A value whose IP-IDs go on from where those of a host that is up for long might be, drawn from who it is.

    At zero, all that count would show that they were begun a moment ago, and together.
    """
    counters = hashlib.blake2b(who.encode(), digest_size=Value.counters.size).digest()
    return packed[: Value.counters.offset] + counters + packed[Value.counters.offset + len(counters) :]


def class_id(packed: bytes) -> int:
    """The class id of the filters that mean this value: never 0, which a filter without one has.

    A program sees 16 bits of it. With the host's address they are the key, so two values would have to share both.
    """
    return int.from_bytes(hashlib.blake2b(packed, digest_size=4).digest(), "big") | 1


def key(class_id: int, address: str) -> bytes:
    """The map's key of a host with this address (without prefix length)."""
    packed = ip_address(address).packed
    return struct.pack("=I", class_id & 0xFFFF) + packed + bytes(16 - len(packed))


def _wants_segment(keys: AnswerKeys) -> bool:
    """Whether an answer to an ACK has numbers of it that a reset of the kernel does not have any more."""
    return keys.mode == "reply" and not {keys.seq, keys.ack} <= {"zero", "ack", "other"}


def _answer(personality: Personality, keys: AnswerKeys) -> _Answer:
    df = personality.ip.df_rst if keys.df is None else keys.df
    ttl = keys.ttl or personality.ip.ttl_rst or personality.ip.ttl_tcp
    seq, ack = NUMBERS.index(keys.seq), NUMBERS.index(keys.ack)
    return _Answer(MODES.index(keys.mode), keys.flags.bits, seq, ack, ttl, df, keys.win)


def _greeting(personality: Personality, offered: int) -> _Greeting:
    """What a peer gets that offers these features: the options of those of them that the host has too."""
    tcp = personality.tcp
    able = {"W": tcp.wscale is not None, "S": tcp.sack, "T": tcp.timestamps}
    shared = (
        "".join(letter for letter, bit in _FEATURES.items() if able[letter] and offered & bit).lower()
        or "none"
    )
    options: Options = getattr(tcp, f"opts_{shared}")
    return _laid_out(options, getattr(tcp, f"win_{shared}") or tcp.win)


def _laid_out(options: Options, window: Window) -> _Greeting:
    encoded = options.encode_options()
    made = _Greeting(
        len(encoded.raw), encoded.mss_at, encoded.scale_at, encoded.stamp_at, window.size, window.rule, 1
    )
    made.options[: len(encoded.raw)] = encoded.raw
    return made
