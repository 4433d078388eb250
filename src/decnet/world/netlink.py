"""Talk to the kernel over NETLINK_ROUTE: many messages in one packet, answers read with `struct`.

What we send to change something is encoded by pyroute2 (`decnet.world.messages`). The socket and the reading are our
own: pyroute2's cost an event loop per socket and 1 ms per link (measured with 0.9.7), a look at 1,000 decoys takes
4,000 reads, and a `plan`, which only reads, need not load it at all (0.15 s).

rtnetlink(7), netlink(7), <linux/rtnetlink.h>, <linux/if_link.h>.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLM_F_DUMP_INTR = 0x10
NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_NEWLINK = 16
RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH = 18, 22, 26, 30
RTM_NEWQDISC, RTM_NEWTFILTER, RTM_GETTFILTER = 36, 44, 46
RTM_NEWNSID, RTM_GETNSID = 88, 90

IFF_UP, IFF_LOWER_UP = 0x1, 0x1_0000
RT_TABLE_MAIN = 254
DEFAULT, DEFAULT6 = "0.0.0.0/0", "::/0"
"""Destinations of default routes."""

_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK = 270, 10, 11
_CREATE_NEW = 0x600
"""NLM_F_CREATE and NLM_F_EXCL."""
_IFLA_LINKINFO, _IFLA_INFO_KIND = 18, 1
_NLA_TYPE = 0x3FFF
"""Mask of an attribute's type: the two upper bits are flags."""
_RTEXT_FILTER_SKIP_STATS = 1 << 3
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")
_RTMSG = struct.Struct("=8BI")
_NDMSG = struct.Struct("=B3xiHBB")
INGRESS, EGRESS = 0xFFFF_FFF2, 0xFFFF_FFF3
"""Parents of filters at the two ends of a clsact queueing discipline (<linux/pkt_sched.h>)."""
_CLSACT = 0xFFFF_FFF1
_TCMSG = struct.Struct("=B3xi3I")
_U32 = struct.Struct("=I")
_INFO_NAMESPACE = bytes(4)
"""struct rtgenmsg: one byte of family, padded."""
_NETNSA_NSID, _NETNSA_FD = 1, 3
_ANY_ID = 0xFFFF_FFFF
"""-1: the kernel chooses."""
_AF_BRIDGE = 7
_FAMILIES: dict[int, int] = {socket.AF_INET: 4, socket.AF_INET6: 16}
"""Family → bytes of an address."""
_RTN_UNICAST = 1
_IFA_F_DADFAILED = 0x08
_TRIES = 5
_BUFFER = 1 << 16
_TIMEOUT = 30.0
"""Seconds. The kernel answers in the send call; only a broken one gets here."""

ONE_AT_A_TIME = threading.RLock()
"""Held by a thread that changes links, addresses or net.ipv6 settings, or makes a namespace. The kernel does one such
thing at a time, whatever we do; but who comes to a setting meanwhile is not put to sleep, he tries again and again: with
8 threads that was a third of what an apply of 1,000 decoys took of the processor."""


class NetlinkError(OSError):
    """The kernel refused a message: errno, and its own words where it gives any (extended ack)."""


class LinkSeen(NamedTuple):
    """An interface as the kernel tells it. ``parent`` is IFLA_LINK: an index, maybe of another namespace."""

    ifindex: int
    name: str
    group: int
    flags: int
    mtu: int
    mac: str
    kind: str
    parent: int
    master: int
    alias: str


class AddressSeen(NamedTuple):
    """An address with its prefix length on an interface."""

    ifindex: int
    address: str
    flags: int = 0

    @property
    def failed(self) -> bool:
        """Whether somebody else has it: duplicate address detection (RFC 4862, section 5.4) said so."""
        return bool(self.flags & _IFA_F_DADFAILED)


class RouteSeen(NamedTuple):
    """A route of the main table; a default route's ``destination`` is `DEFAULT` or `DEFAULT6`, ``gateway`` may be empty."""

    destination: str
    gateway: str
    ifindex: int
    metric: int
    window: int = 0


class FilterSeen(NamedTuple):
    """A program on an end of an interface's clsact: its name, and the class id that it reads."""

    name: str
    class_id: int
    program: int


class Socket:
    """A socket of a netlink protocol in the network namespace of the thread that opens it; threads take turns."""

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._socket.settimeout(_TIMEOUT)
        self._sequence = 0
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def change(self, *messages: bytearray) -> None:
        """Send all in one packet and take every answer; raise `NetlinkError` for the first that was refused.

        The kernel goes on after a refused one, as it does with a batch of ip(8) under ``-force``.
        """
        refused = [error for error in self.attempt(*messages) if error]
        if refused:
            raise refused[0]

    def attempt(self, *messages: bytearray) -> list[NetlinkError | None]:
        """Like `change`, with one answer a message in order: an error, or None."""
        with ONE_AT_A_TIME, self._turn:
            return self._attempt(messages)

    def _attempt(self, messages: tuple[bytearray, ...]) -> list[NetlinkError | None]:
        first = self._sequence + 1
        for message in messages:
            self._sequence += 1
            _stamp(message, self._sequence)
        self._socket.sendall(b"".join(messages))
        answers: list[NetlinkError | None] = [None] * len(messages)
        missing = len(messages)
        while missing:
            for kind, flags, sequence, payload in split(self._socket.recv(_BUFFER)):
                if kind == NLMSG_ERROR and sequence >= first:
                    answers[sequence - first] = _error(payload, flags)
                    missing -= 1
        return answers

    def links(self) -> list[LinkSeen]:
        """Every interface of the namespace."""
        body = _IFINFO.pack(0, 0, 0, 0, 0) + _attribute(29, _U32.pack(_RTEXT_FILTER_SKIP_STATS))
        return [parse_link(payload) for payload in self._dump(RTM_GETLINK, body)]

    def link(self, name: str) -> LinkSeen | None:
        """One interface by name."""
        body = _IFINFO.pack(0, 0, 0, 0, 0) + _attribute(3, name.encode() + b"\0")
        with ONE_AT_A_TIME, self._turn:
            self._send(RTM_GETLINK, 0, body)
            for kind, flags, _, payload in split(self._socket.recv(_BUFFER)):
                if kind != NLMSG_ERROR:
                    return parse_link(payload)
                error = _error(payload, flags)
                if error and error.errno != errno.ENODEV:
                    raise error
        return None

    def addresses(self, family: int = socket.AF_INET) -> list[AddressSeen]:
        """Every address of the namespace of a family; ``AF_UNSPEC`` are both."""
        found = []
        for payload in self._dump(RTM_GETADDR, _IFADDR.pack(family, 0, 0, 0, 0)):
            kind, prefix, flags, _, index = _IFADDR.unpack_from(payload)
            attributes = _attributes(payload, _IFADDR.size)
            raw = attributes.get(2) or attributes.get(1)  # IFA_LOCAL, else IFA_ADDRESS
            if raw and kind in _FAMILIES:
                found.append(AddressSeen(index, f"{socket.inet_ntop(kind, raw)}/{prefix}", flags))
        return found

    def routes(self, family: int = socket.AF_INET) -> list[RouteSeen]:
        """Every route of the main table and a family; ``AF_UNSPEC`` are both."""
        found = []
        for payload in self._dump(RTM_GETROUTE, _RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)):
            kind, prefix, _, _, table, _, _, type_, _ = _RTMSG.unpack_from(payload)
            # without a way out IPv6 has a route to nowhere
            real = kind == socket.AF_INET or type_ == _RTN_UNICAST
            if table == RT_TABLE_MAIN and kind in _FAMILIES and real:
                found.append(_route(kind, prefix, _attributes(payload, _RTMSG.size)))
        return found

    def filters(self, index: int, end: int) -> list[FilterSeen]:
        """The programs on one end of an interface's clsact; none where it has no clsact."""
        found = []
        for payload in self._dump(RTM_GETTFILTER, _TCMSG.pack(0, index, 0, end, 0)):
            attributes = _attributes(payload, _TCMSG.size)
            options = _attributes(attributes.get(2, b""), 0)  # TCA_OPTIONS
            if _text(attributes.get(1, b"")) == "bpf" and 11 in options:  # TCA_KIND, TCA_BPF_ID
                name, class_id = _text(options.get(7, b"")), _number(options.get(3, b""))
                found.append(FilterSeen(name, class_id, _number(options[11])))
        return found

    def listens_to(self) -> list[tuple[int, str]]:
        """Index and MAC of what interfaces take besides their own address: a parent, the MACs of its macvlans."""
        found = []
        for payload in self._dump(RTM_GETNEIGH, _NDMSG.pack(_AF_BRIDGE, 0, 0, 0, 0)):
            _, index, _, _, _ = _NDMSG.unpack_from(payload)
            found.append((index, _attributes(payload, _NDMSG.size).get(2, b"").hex(":")))  # NDA_LLADDR
        return found

    def namespace_id(self, fd: int) -> int:
        """The id that the namespace open at ``fd`` has in this one; it gets one when it has none (RTM_NEWNSID)."""
        none = _INFO_NAMESPACE + _attribute(_NETNSA_FD, _U32.pack(fd))
        fresh = _HEADER.size, RTM_NEWNSID, _attribute(_NETNSA_NSID, _U32.pack(_ANY_ID))
        message = bytearray(_HEADER.pack(fresh[0] + len(none) + len(fresh[2]), fresh[1], 0, 0, 0))
        (error,) = self.attempt(message + none + fresh[2])
        if error and error.errno != errno.EEXIST:
            raise error
        with self._turn:
            self._send(RTM_GETNSID, 0, none)
            for kind, flags, _, payload in split(self._socket.recv(_BUFFER)):
                if kind == NLMSG_ERROR:
                    raise _error(payload, flags) or NetlinkError(0, "no namespace id")
                return _number(_attributes(payload, len(_INFO_NAMESPACE))[_NETNSA_NSID])
        raise NetlinkError(errno.ENODATA, "no namespace id")

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        size = _HEADER.size + len(body)
        self._socket.sendall(_HEADER.pack(size, kind, NLM_F_REQUEST | flags, self._sequence, 0) + body)

    def _dump(self, kind: int, body: bytes) -> list[bytes]:
        """Ask again when the table changed under the dump; believe the last answer of a table that never rests."""
        with self._turn:
            for _ in range(_TRIES):
                found, torn = self._dump_once(kind, body)
                if not torn:
                    break
        return found

    def _dump_once(self, kind: int, body: bytes) -> tuple[list[bytes], bool]:
        self._send(kind, NLM_F_DUMP, body)
        found: list[bytes] = []
        torn = False
        while True:
            for answer, flags, sequence, payload in split(self._socket.recv(_BUFFER)):
                if sequence != self._sequence:
                    continue
                torn = torn or bool(flags & NLM_F_DUMP_INTR)
                if answer == NLMSG_DONE:
                    return found, torn
                if answer == NLMSG_ERROR:
                    raise _error(payload, flags) or NetlinkError(0, "dump ended early")
                found.append(payload)


def probe(kind: str) -> bytearray:
    """Ask for an interface of a kind and for nothing that it needs: what the kernel lacks, it says.

    The one message that a plan sends, so it is not encoded by pyroute2.
    """
    info = _attribute(_IFLA_INFO_KIND, kind.encode() + b"\0")
    body = _IFINFO.pack(0, 0, 0, 0, 0) + _attribute(_IFLA_LINKINFO, info)
    return bytearray(_HEADER.pack(_HEADER.size + len(body), RTM_NEWLINK, _CREATE_NEW, 0, 0) + body)


def probe_filters(index: int) -> tuple[bytearray, bytearray]:
    """Ask for clsact on an interface, and for a bpf filter without its program: EINVAL is all that is wrong with it."""
    kinds = (_attribute(1, b"clsact\0"), _attribute(1, b"bpf\0"))
    qdisc = _TCMSG.pack(0, index, 0xFFFF_0000, _CLSACT, 0) + kinds[0]
    filter_ = _TCMSG.pack(0, index, 1, EGRESS, 1 << 16 | socket.htons(3)) + kinds[1]
    bodies = ((RTM_NEWQDISC, qdisc), (RTM_NEWTFILTER, filter_))
    first, second = (
        bytearray(_HEADER.pack(_HEADER.size + len(body), kind, _CREATE_NEW, 0, 0) + body)
        for kind, body in bodies
    )
    return first, second


def _stamp(message: bytearray, sequence: int) -> None:
    size, kind, flags, _, _ = _HEADER.unpack_from(message)
    _HEADER.pack_into(message, 0, size, kind, flags | NLM_F_REQUEST | NLM_F_ACK, sequence, 0)
    message += bytes(-len(message) % 4)


def split(packet: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, flags, sequence and payload of each message in a packet."""
    at = 0
    while at + _HEADER.size <= len(packet):
        size, kind, flags, sequence, _ = _HEADER.unpack_from(packet, at)
        if size < _HEADER.size:
            return
        yield kind, flags, sequence, packet[at + _HEADER.size : at + size]
        at += (size + 3) & ~3


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def _attributes(payload: bytes, at: int) -> dict[int, bytes]:
    found = {}
    end = len(payload)
    while at + 4 <= end:
        size, kind = _ATTRIBUTE.unpack_from(payload, at)
        if size < _ATTRIBUTE.size:
            break
        found[kind & _NLA_TYPE] = payload[at + 4 : at + size]
        at += (size + 3) & ~3
    return found


def _error(payload: bytes, flags: int) -> NetlinkError | None:
    """NLMSG_ERROR: minus errno, the header it answers (capped), then NLMSGERR_ATTR_MSG = 1 where flags say so."""
    number = -int.from_bytes(payload[:4], "little", signed=True)
    if not number:
        return None
    words = _attributes(payload, 4 + _HEADER.size).get(1, b"") if flags & 0x200 else b""
    return NetlinkError(number, words.rstrip(b"\0").decode(errors="replace") or os.strerror(number))


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode(errors="replace")


def _number(raw: bytes) -> int:
    return int.from_bytes(raw[:4], "little")


def parse_link(payload: bytes) -> LinkSeen:
    _, _, index, flags, _ = _IFINFO.unpack_from(payload)
    found = _attributes(payload, _IFINFO.size)
    return LinkSeen(
        ifindex=index,
        name=_text(found.get(3, b"")),
        group=_number(found.get(27, b"")),
        flags=flags,
        mtu=_number(found.get(4, b"")),
        mac=found.get(1, b"").hex(":"),
        kind=_text(_attributes(found[18], 0).get(1, b"")) if 18 in found else "",
        parent=_number(found.get(5, b"")),
        master=_number(found.get(10, b"")),
        alias=_text(found.get(20, b"")),
    )


def _route(family: int, prefix: int, found: dict[int, bytes]) -> RouteSeen:
    destination = socket.inet_ntop(family, found.get(1, bytes(_FAMILIES[family])))
    gateway = socket.inet_ntop(family, found[5]) if 5 in found else ""
    window = _attributes(found[8], 0).get(3, b"") if 8 in found else b""  # RTA_METRICS, RTAX_WINDOW
    numbers = (_number(found.get(4, b"")), _number(found.get(6, b"")), _number(window))
    return RouteSeen(f"{destination}/{prefix}", gateway, *numbers)
