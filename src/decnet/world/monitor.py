"""Hear what changes in a network's namespaces and in the host's, as it changes: one socket for all of them.

A netlink socket with NETLINK_LISTEN_ALL_NSID hears the notifications of every namespace that has an id in the
socket's own (netlink(7), rtnetlink's RTM_NEWNSID), and is told the id beside each (a control message). So a thousand
namespaces cost two sockets.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self

from decnet.world import names, namespaces
from decnet.world.netlink import Socket, parse_link, split

_SOL_NETLINK, _ADD_MEMBERSHIP, _LISTEN_ALL_NSID = 270, 1, 8
_NETLINK_NETFILTER = 12
_ROUTE_GROUPS = {1: "link", 4: "filter", 5: "address", 7: "route", 9: "address"}
"""RTNLGRP_LINK, _TC, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR of <linux/rtnetlink.h>."""
_NFTABLES_GROUP = 7
"""NFNLGRP_NFTABLES of <linux/netfilter/nfnetlink.h>."""
_RTM_NEWLINK, _RTM_DELLINK, _RTM_NEWADDR, _RTM_DELADDR, _RTM_NEWROUTE, _RTM_DELROUTE = 16, 17, 20, 21, 24, 25
_RTM_DELQDISC, _RTM_DELTFILTER = 37, 45
_WORDS = {
    _RTM_NEWLINK: "link changed",
    _RTM_DELLINK: "link deleted",
    _RTM_NEWADDR: "address added",
    _RTM_DELADDR: "address deleted",
    _RTM_NEWROUTE: "route added",
    _RTM_DELROUTE: "route deleted",
    _RTM_DELQDISC: "filters deleted",
    _RTM_DELTFILTER: "filter deleted",
}
_BUFFER = 1 << 16
_QUEUE = 8 << 20
"""Bytes the kernel may keep for us while we are busy; beyond it we are told that something was lost."""
_INT = struct.Struct("=i")


class Heard(NamedTuple):
    """One notification: where (the decoy, or empty for the host), and what, for a person."""

    decoy: str
    text: str


class Monitor:
    """Listens to one network. `follow` brings in namespaces that are new; `heard` reads without waiting."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._group = names.group(network)
        self._decoys: dict[int, str] = {}
        self._known: dict[str, int] = {}
        self._ours: set[int] = set()
        self._unread = bytearray(1)
        self._kernel = Socket()
        self._route = _listening(socket.NETLINK_ROUTE, *_ROUTE_GROUPS)
        self._filter = _listening(_NETLINK_NETFILTER, _NFTABLES_GROUP)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets."""
        for one in (self._kernel, self._route, self._filter):
            one.close()

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """To be waited for."""
        return (self._route, self._filter)

    @property
    def decoys(self) -> frozenset[str]:
        """Decoys whose namespace was there at the last `follow`."""
        return frozenset(self._known)

    def follow(self) -> frozenset[str]:
        """Look at the names in /run/netns; decoys whose name has gone since the last look."""
        there = namespaces.inodes(self._network)
        fresh = [decoy for decoy, inode in there.items() if inode != self._known.get(decoy)]
        gone = frozenset(self._known) - frozenset(there)
        for decoy in gone:
            del self._known[decoy]
        self._decoys = {number: decoy for number, decoy in self._decoys.items() if decoy in self._known}
        for decoy in fresh:
            with contextlib.suppress(OSError):  # gone again, as fast as it came
                self._known[decoy] = there[decoy]
                fd = os.open(namespaces.path(self._network, decoy), os.O_RDONLY | os.O_CLOEXEC)
                try:
                    self._decoys[self._kernel.namespace_id(fd)] = decoy
                finally:
                    os.close(fd)
        if fresh or gone:
            self._ours = {seen.ifindex for seen in self._kernel.links() if seen.group == self._group}
        return gone

    def heard(self) -> Iterator[Heard]:
        """What was said since the last time."""
        yield from self._read(self._route)
        yield from self._read(self._filter)

    def skip(self) -> None:
        """Let go of what was said since the last time, unread."""
        for source in self.sockets:
            with contextlib.suppress(OSError):  # nothing more, or more than the queue had room for
                while source.recv_into(self._unread):
                    pass

    def _read(self, source: socket.socket) -> Iterator[Heard]:
        while True:
            try:
                packet, control, _, _ = source.recvmsg(_BUFFER, 64)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                yield Heard("", "more changed than could be followed")
                continue
            decoy = self._decoys.get(_nsid_of(control), "") if control else ""
            if control and not decoy:  # a namespace of somebody else
                continue
            if not control and source is self._filter:  # the host's own rules are not ours to watch
                continue
            for kind, _, _, payload in split(packet):
                text = self._route_text(kind, payload, decoy) if source is self._route else "rules changed"
                if text:
                    yield Heard(decoy, text)

    def _route_text(self, kind: int, payload: bytes, decoy: str) -> str:
        word = _WORDS.get(kind, "")
        if not word or decoy:
            return word
        if kind in {_RTM_NEWLINK, _RTM_DELLINK}:
            seen = parse_link(payload)
            return f"{seen.name}: {word}" if seen.group == self._group or seen.ifindex in self._ours else ""
        if kind in {_RTM_NEWADDR, _RTM_DELADDR}:
            return word if int.from_bytes(payload[4:8], "little") in self._ours else ""
        return ""


def _listening(protocol: int, *groups: int) -> socket.socket:
    heard = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol
    )
    with contextlib.suppress(OSError):
        heard.setsockopt(socket.SOL_SOCKET, 33, _QUEUE)  # SO_RCVBUFFORCE
    heard.bind(
        (0, 0)
    )  # a socket without a port id counts as the sender of what the kernel says, and hears nothing
    heard.setsockopt(_SOL_NETLINK, _LISTEN_ALL_NSID, 1)
    for group in groups:
        heard.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
    return heard


def _nsid_of(control: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in control:
        if level == _SOL_NETLINK and kind == _LISTEN_ALL_NSID:
            return int(_INT.unpack_from(data)[0])
    return -1
