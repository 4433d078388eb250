"""What a profile says of a TCP/IP stack: one dataclass a section of profiles/os/NAME.ini, fields are its keys.

Times in seconds unless the name says otherwise, sizes in bytes. RFC 791 (IP), 792 (ICMP), 9293 (TCP), 7323 (window scale,
time stamps), 2018 (SACK), 6528 (initial sequence numbers), 6864 (IP-ID).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from decnet.ini.schema import key
from decnet.stack.options import Options

IPIDS = ("keep", "zero", "incr", "random-positive", "random", "broken")
MODES = ("kernel", "drop", "reply", "as-syn")
NUMBERS = ("zero", "ack", "seq", "next", "other")
QUOTED = ("good", "zero", "bad")
QUOTED_ID = (*QUOTED, "swapped")
ANSWERED = ("no", "yes", "echo")
_FLAGS = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, "A": 0x10, "U": 0x20, "E": 0x40}
_IPID = "`keep` is the kernel's, `incr` counts, `random-positive` counts in large steps, `broken` in the wrong byte order."


class Window(str):
    """A TCP window: ``65535``, or ``floor-mss 65535``, the largest multiple of the MSS in it (``ceil-mss``: around it)."""

    __slots__ = ()
    label = "window"
    rules = ("const", "floor-mss", "ceil-mss")

    @classmethod
    def parse(cls, text: str) -> Window:
        """Raises `ValueError` for anything but the forms above, and for more than 65535."""
        rule, _, size = f"const {text}".rpartition(" ")
        rule = rule.removeprefix("const ")
        if rule not in cls.rules or not size.isdecimal() or int(size) > 0xFFFF:
            raise ValueError(f"expected a window such as 65535 or floor-mss 65535, not {text!r}")
        return cls(size if rule == "const" else f"{rule} {size}")

    @property
    def rule(self) -> int:
        """Index in `rules`."""
        return self.rules.index(self.partition(" ")[0]) if " " in self else 0

    @property
    def size(self) -> int:
        return int(self.rpartition(" ")[2])


class Flags(str):
    """TCP flags: letters of ``FSRPAUE``."""

    __slots__ = ()
    label = "TCP flags"

    @classmethod
    def parse(cls, text: str) -> Flags:
        """Raises `ValueError` for other letters."""
        unknown = sorted(set(text.upper()) - set(_FLAGS))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no flag; known: {', '.join(_FLAGS)}")
        return cls(text.upper())

    @property
    def bits(self) -> int:
        return sum(_FLAGS[letter] for letter in set(self))


@dataclass(frozen=True, slots=True)
class IpKeys:
    """``[ip]``: header fields."""

    ttl_tcp: int = key(64, "TTL of TCP segments, and the namespace's default.", minimum=1, maximum=255)
    ttl_rst: int = key(0, "TTL of resets; 0 is `ttl_tcp`.", minimum=0, maximum=255)
    ttl_icmp: int = key(0, "TTL of echo replies; 0 is `ttl_tcp`.", minimum=0, maximum=255)
    ttl_u1: int = key(0, "TTL of port-unreachable errors; 0 is `ttl_icmp`.", minimum=0, maximum=255)
    ttl_udp: int = key(0, "TTL of UDP; 0 is `ttl_tcp`.", minimum=0, maximum=255)
    df_tcp: bool = key(True, "Whether TCP segments have the don't-fragment bit.")
    df_rst: bool = key(True, "Whether resets have it.")
    df_udp: bool = key(True, "Whether UDP has it.")
    ipid_tcp: str = key("zero", f"IP-ID of SYN-ACKs. {_IPID}", choices=IPIDS)
    ipid_closed: str = key("zero", "IP-ID of resets.", choices=IPIDS)
    ipid_icmp: str = key("incr", "IP-ID of ICMP.", choices=IPIDS)
    ipid_data: str = key("keep", "IP-ID of everything else.", choices=IPIDS)
    ipid_syn: str = key("keep", "IP-ID of SYNs that the host itself sends.", choices=IPIDS)
    ipid_shared: bool = key(False, "Whether ICMP counts together with the rest.")


@dataclass(frozen=True, slots=True)
class TcpKeys:
    """``[tcp]``: what a connection begins with. Options and windows by what both sides can: W scale, S SACK, T stamps.

    The defaults are Linux's.
    """

    mss: int = key(
        1460, "The largest MSS it announces; a smaller MTU makes it smaller.", minimum=88, maximum=65495
    )
    mss_mode: str = key(
        "own", "Whether it announces its own, or at most the peer's.", choices=("own", "min-peer")
    )
    mss_if_absent: int = key(0, "The MSS of a peer that says none; 0 is its own.", minimum=0, maximum=65495)
    mss_least: int = key(
        0, "What a smaller MSS counts as where a window is a multiple of it.", minimum=0, maximum=1460
    )
    wscale: int | None = key(7, "Window scale, for real; `none` does without.", minimum=0, maximum=14)
    sack: bool = key(True, "Whether it does selective acknowledgement.")
    timestamps: bool = key(True, "Whether it does time stamps.")
    ts_hz: int = key(
        1000,
        "Ticks a second of the time stamps that a sequence probe sees; 0 is an offset for each connection.",
        minimum=0,
        maximum=100_000,
    )
    ecn: bool = key(True, "Whether it agrees to explicit congestion notification.")
    opts_none: Options = key(Options("M"), "Options of a SYN-ACK when both can nothing further.")
    opts_w: Options = key(Options("M,N,W"), "… when both can scale.")
    opts_s: Options = key(Options("M,N,N,S"), "… SACK.")
    opts_ws: Options = key(Options("M,N,N,S,N,W"), "… scale and SACK.")
    opts_t: Options = key(Options("M,N,N,T"), "… time stamps.")
    opts_wt: Options = key(Options("M,N,N,T,N,W"), "… scale and time stamps.")
    opts_st: Options = key(Options("M,S,T"), "… SACK and time stamps.")
    opts_wst: Options = key(Options("M,S,T,N,W"), "… all three.")
    win: Window = key(Window("65535"), "Window of a SYN-ACK.", example="floor-mss 65535")
    win_none: Window | None = key(
        None, "… when both can nothing further; `win` where not given, as in the next."
    )
    win_w: Window | None = key(None, "… scale.")
    win_s: Window | None = key(None, "… SACK.")
    win_ws: Window | None = key(None, "… scale and SACK.")
    win_t: Window | None = key(None, "… time stamps.")
    win_wt: Window | None = key(None, "… scale and time stamps.")
    win_st: Window | None = key(None, "… SACK and time stamps.")
    win_wst: Window | None = key(None, "… all three.")
    syn_opts: Options | None = key(
        None, "Options of its own SYNs, with or without time stamps; the kernel's where not given."
    )
    syn_window: Window = key(Window("65535"), "Window of its own SYNs.")


@dataclass(frozen=True, slots=True)
class IsnKeys:
    """``[isn]``: initial sequence numbers, as a scanner that counts them sees them."""

    mode: str = key("kernel", "The kernel's, or a designed sequence.", choices=("kernel", "sequence"))
    mean: int = key(0, "Mean of the steps from one connection to the next.", minimum=0, maximum=0x7FFFFFFF)
    dev: int = key(0, "How far steps lie from it, by turns below and above.", minimum=0, maximum=0x7FFFFFFF)
    gcd: int = key(1, "What every step is a multiple of.", minimum=1, maximum=0xFFFFFF)
    tick: int = key(
        0, "What each half second adds, whether somebody connects or not.", minimum=0, maximum=0x7FFFFFFF
    )


@dataclass(frozen=True, slots=True)
class AnswerKeys:
    """``[t2]`` … ``[t7]``, ``[null_open]``, ``[fin_open]``, ``[xmas_open]``: the answer to a segment of no connection."""

    mode: str = key("kernel", "Nothing (`drop`), this answer, that to a SYN, or the kernel's.", choices=MODES)
    flags: Flags = key(Flags("AR"), "Its flags.")
    seq: str = key(
        "zero",
        "Its sequence number: that or the ACK of the segment, what comes next, another.",
        choices=NUMBERS,
    )
    ack: str = key("next", "Its ACK number, likewise.", choices=NUMBERS)
    win: int = key(0, "Its window.", minimum=0, maximum=65535)
    ttl: int = key(0, "Its TTL; 0 is `ip.ttl_rst`.", minimum=0, maximum=255)
    df: bool | None = key(None, "Its don't-fragment bit; `ip.df_rst` where not given.")


@dataclass(frozen=True, slots=True)
class U1Keys:
    """``[u1]``: port-unreachable errors, and what they quote of the packet they answer."""

    mode: str = key("reply", "Nothing, this answer, or the kernel's.", choices=("kernel", "drop", "reply"))
    ipl: int = key(0, "Length of the whole packet at most; 0 is the kernel's.", minimum=0, maximum=576)
    df: bool = key(False, "Don't-fragment bit.")
    rid: str = key("good", "IP-ID quoted; `swapped` has its bytes the wrong way round.", choices=QUOTED_ID)
    ripck: str = key("good", "IP checksum quoted.", choices=QUOTED)
    ruck: str = key("good", "UDP checksum quoted.", choices=QUOTED)


@dataclass(frozen=True, slots=True)
class IeKeys:
    """``[ie]``: echo replies."""

    mode: str = key("reply", "Nothing, this answer, or the kernel's.", choices=("kernel", "drop", "reply"))
    dfi: str = key("no", "Don't-fragment bit: never, always, or that of the request.", choices=ANSWERED)
    cd: str = key("echo", "Code: 0, or that of the request.", choices=("zero", "echo"))
    tos: str = key("echo", "Type of service: 0, or that of the request.", choices=("zero", "echo"))


@dataclass(frozen=True, slots=True)
class V6Keys:
    """``[v6]``: where IPv6 differs."""

    hops: int = key(0, "Hop limit; 0 is `ip.ttl_tcp`.", minimum=0, maximum=255)


_SILENT = AnswerKeys(mode="drop")
_LONE_ACK = AnswerKeys(mode="reply", flags=Flags("R"), seq="ack", ack="zero")
_CLOSED = AnswerKeys(mode="reply")


@dataclass(frozen=True, slots=True)
class Personality:
    """A whole TCP/IP personality; a section that a profile lacks is that of Linux."""

    ip: IpKeys = field(default=IpKeys())
    tcp: TcpKeys = field(default=TcpKeys())
    isn: IsnKeys = field(default=IsnKeys())
    t2: AnswerKeys = field(default=_SILENT)
    t3: AnswerKeys = field(default=_SILENT)
    t4: AnswerKeys = field(default=_LONE_ACK)
    t5: AnswerKeys = field(default=_CLOSED)
    t6: AnswerKeys = field(default=_LONE_ACK)
    t7: AnswerKeys = field(default=_CLOSED)
    null_open: AnswerKeys = field(default=_SILENT)
    fin_open: AnswerKeys = field(default=_SILENT)
    xmas_open: AnswerKeys = field(default=_SILENT)
    u1: U1Keys = field(default=U1Keys())
    ie: IeKeys = field(default=IeKeys())
    v6: V6Keys = field(default=V6Keys())
