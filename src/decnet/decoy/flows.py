"""Connections told from the packets that begin and end them: for ports whose server is not ours. Pure.

Of TCP there are the packets with SYN, FIN or RST, of UDP all; each as its first bytes, from the IP header on. A
connection is open when the server has answered SYN with SYN-ACK; what was sent is what the sequence numbers say.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

IDLE_SECONDS = 30.0
"""A UDP flow ends when nothing came for so long."""
_HALF_SECONDS = 60.0
"""A TCP connection that one side has closed is over after that long, whatever the other says."""
_ASKED_SECONDS = 10.0
_VISITOR, _SERVER = 1, 2
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_TCP, _UDP = 6, 17
_PROTOCOLS = {_TCP: "tcp", _UDP: "udp"}
_WORD = 0xFFFF_FFFF
_MOST_ASKED = 4096
_LARGEST = 1 << 30
"""More than this between two sequence numbers is no count of bytes, but somebody's invention."""

Key = tuple[str, int, int, str]
"""Visitor's address and port, our port, protocol."""


@dataclass(slots=True)
class Flow:
    """One connection. ``ours`` and ``theirs`` are the initial sequence numbers."""

    key: Key
    local: str
    begun: float
    last: float
    session: str = ""
    ours: int = 0
    theirs: int = 0
    received: int = 0
    sent: int = 0
    finished: int = 0
    """Who has sent FIN."""

    def count(self, whose: int, end: int) -> None:
        """All up to a sequence number of the visitor or the server has been sent."""
        if whose == _VISITOR:
            self.received = max(self.received, _distance(self.theirs, end))
        else:
            self.sent = max(self.sent, _distance(self.ours, end))


class Change(NamedTuple):
    """A flow has begun, or has ended for this reason."""

    flow: Flow
    reason: str = ""


class _Packet(NamedTuple):
    key: Key
    local: str
    inbound: bool
    flags: int
    sequence: int
    acknowledged: int
    size: int
    """Bytes of data."""


class Flows:
    """The flows of some ports (number, protocol) of a host with these addresses; at most ``most`` of them."""

    def __init__(self, ports: Collection[tuple[int, str]], addresses: Collection[str], most: int) -> None:
        self._ports = frozenset(ports)
        self._addresses = frozenset(addresses)
        self.most = most
        self._asked: dict[Key, tuple[int, float]] = {}
        self._open: dict[Key, Flow] = {}

    def __len__(self) -> int:
        return len(self._open)

    def of(self, src_ip: str, src_port: int) -> Flow | None:
        """The flow of a visitor; None when there is none, or more than one could be meant."""
        found = [flow for key, flow in self._open.items() if key[:2] == (src_ip, src_port)]
        return found[0] if len(found) == 1 else None

    def see(self, packet: bytes, now: float) -> Iterator[Change]:
        """What a packet changes. Whatever it is, this does not raise."""
        read = _read(packet, self._ports, self._addresses)
        if read is None:
            return
        yield from self._see_udp(read, now) if read.key[3] == "udp" else self._see_tcp(read, now)

    def sweep(self, now: float) -> Iterator[Change]:
        """What time has ended."""
        self._asked = {key: one for key, one in self._asked.items() if now - one[1] < _ASKED_SECONDS}
        for flow in list(self._open.values()):
            quiet = now - flow.last
            if (flow.key[3] == "udp" and quiet > IDLE_SECONDS) or (flow.finished and quiet > _HALF_SECONDS):
                yield self._end(flow, "closed")

    def end_all(self, reason: str) -> Iterator[Change]:
        """All that is open."""
        for flow in list(self._open.values()):
            yield self._end(flow, reason)

    def _see_udp(self, read: _Packet, now: float) -> Iterator[Change]:
        flow = self._open.pop(read.key, None)
        if flow is None and not read.inbound:
            return
        if flow is None:
            yield from self._room()
            flow = Flow(read.key, read.local, now, now)
            yield Change(flow)
        self._open[read.key] = flow  # at the end: the first are those that were quiet longest
        flow.last = now
        if read.inbound:
            flow.received += read.size
        else:
            flow.sent += read.size

    def _see_tcp(self, read: _Packet, now: float) -> Iterator[Change]:
        flow = self._open.get(read.key)
        if read.flags & _SYN:
            if read.inbound and not read.flags & _ACK:
                if flow is not None and flow.theirs != read.sequence:
                    yield self._end(flow, "closed")
                if len(self._asked) < _MOST_ASKED or read.key in self._asked:
                    self._asked[read.key] = (read.sequence, now)
            elif flow is None and read.flags & _ACK and not read.inbound and read.key in self._asked:
                theirs, _ = self._asked.pop(read.key)
                yield from self._room()
                self._open[read.key] = made = Flow(read.key, read.local, now, now, "", read.sequence, theirs)
                yield Change(made)
            return
        if flow is not None:
            yield from self._ended(flow, read, now)

    def _ended(self, flow: Flow, read: _Packet, now: float) -> Iterator[Change]:
        flow.last = now
        own, other = (_VISITOR, _SERVER) if read.inbound else (_SERVER, _VISITOR)
        flow.count(own, read.sequence + read.size - 1)
        if (
            read.flags & _ACK and not flow.finished & other
        ):  # else it acknowledges the other's FIN too, which counts as a byte
            flow.count(other, read.acknowledged - 1)
        if read.flags & _RST:
            yield self._end(flow, "peer: reset" if read.inbound else "reset")
            return
        flow.finished |= own
        if flow.finished == _VISITOR | _SERVER:
            yield self._end(flow, "closed")

    def _room(self) -> Iterator[Change]:
        while len(self._open) >= max(1, self.most):
            yield self._end(next(iter(self._open.values())), "limit: connections")

    def _end(self, flow: Flow, reason: str) -> Change:
        self._open.pop(flow.key, None)
        return Change(flow, reason)


def _distance(start: int, end: int) -> int:
    """Bytes from one sequence number to another (RFC 9293 section 3.4); none when that cannot be."""
    found = (end - start) & _WORD
    return found if found < _LARGEST else 0


def _read(packet: bytes, ports: Collection[tuple[int, str]], addresses: Collection[str]) -> _Packet | None:
    try:
        found = _network(packet)
        if found is None:
            return None
        source, destination, protocol, head, length = found
        sender, receiver = struct.unpack_from("!HH", packet, head)
        flags = sequence = acknowledged = 0
        if protocol == _TCP:
            sequence, acknowledged, offset, flags = struct.unpack_from("!IIBB", packet, head + 4)
            size = length - (offset >> 4) * 4
        else:
            size = length - 8
    except struct.error:  # too short
        return None
    name = _PROTOCOLS[protocol]
    if destination in addresses and (receiver, name) in ports:
        key, local, inbound = (source, sender, receiver, name), destination, True
    elif source in addresses and (sender, name) in ports:
        key, local, inbound = (destination, receiver, sender, name), source, False
    else:
        return None
    return _Packet(key, local, inbound, flags, sequence, acknowledged, max(0, size))


def _network(packet: bytes) -> tuple[str, str, int, int, int] | None:
    """Source, destination, protocol, where the header of that begins, and how long the rest is with it."""
    version = packet[0] >> 4 if packet else 0
    if version == 4:
        length, protocol = struct.unpack_from("!H5xB", packet, 2)
        head = (packet[0] & 15) * 4
        source, destination = struct.unpack_from("!4s4s", packet, 12)
        family, total = socket.AF_INET, length - head
    elif version == 6:
        total, protocol, source, destination = struct.unpack_from("!HBx16s16s", packet, 4)
        family, head = socket.AF_INET6, 40
    else:
        return None
    if protocol not in _PROTOCOLS:
        return None
    return socket.inet_ntop(family, source), socket.inet_ntop(family, destination), protocol, head, total
