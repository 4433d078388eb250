"""Ask a LAN whether somebody has an address, before it is used: ARP for IPv4, neighbour discovery for IPv6.

ARP probes have no sender address (RFC 5227 section 2.1.1), neighbour solicitations none either (RFC 4862 section
5.4.2), so that nobody's cache learns anything from them. All are sent twice and all answers are gathered meanwhile: the
whole takes half a second for up to 2,000 addresses, and longer for more, since a LAN is not flooded.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import select
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

from decnet.errors import MissingCapability, WorldError

ROUNDS = 2
_PATIENCE = 0.15
"""Seconds after each round; a host on a LAN answers within milliseconds."""
_BURST, _PAUSE = 50, 0.005
"""So many packets at a time: 10,000 a second, of 64 bytes each."""
_FRAME = 1514
_ETH_P_ARP, _ETH_P_IPV6 = 0x0806, 0x86DD
_PROTOCOLS = {4: _ETH_P_ARP, 6: _ETH_P_IPV6}
_ARPHRD_ETHER = 1
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_MR_ALLMULTI = 263, 1, 2
_BROADCAST = b"\xff" * 6
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ARP_REQUEST = 1
_ICMPV6, _SOLICITATION, _ADVERTISEMENT = 58, 135, 136
_HOP_LIMIT = 255

Address = IPv4Address | IPv6Address


def in_use(interface: str, addresses: Iterable[str]) -> dict[str, str]:
    """Who answers for which of these addresses (of either family, without prefix length) on an interface's LAN: its MAC.

    Nobody on an interface that is not there. Raises `MissingCapability` without CAP_NET_RAW, `WorldError` when the
    interface cannot be used.
    """
    asked = {ipaddress.ip_address(address): address for address in addresses}
    if not asked:
        return {}
    try:
        index = socket.if_nametoindex(interface)
    except OSError:
        return {}
    try:
        with contextlib.ExitStack() as stack:
            wires = {
                version: stack.enter_context(_wire(interface, index, protocol))
                for version, protocol in _PROTOCOLS.items()
                if any(address.version == version for address in asked)
            }
            found = _ask(wires, tuple(asked))
    except PermissionError:
        raise MissingCapability("asking a LAN for addresses needs CAP_NET_RAW", hint="run as root") from None
    except OSError as error:
        raise WorldError(f"{interface} cannot be asked for addresses: {error.strerror or error}") from None
    return {asked[address]: mac for address, mac in found.items()}


def _wire(interface: str, index: int, protocol: int) -> socket.socket:
    """A raw socket for frames of one protocol on an interface."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        # Answers to a solicitation without a sender go to all nodes (RFC 4861 section 7.2.4).
        membership = struct.pack("@iHH8s", index, _PACKET_MR_ALLMULTI, 0, b"")
        wire.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)
        wire.bind((interface, protocol))
    except OSError:
        wire.close()
        raise
    return wire


def _ask(wires: Mapping[int, socket.socket], addresses: Sequence[Address]) -> dict[Address, str]:
    _, _, _, hardware, own = next(iter(wires.values())).getsockname()
    found: dict[Address, str] = {}
    if hardware != _ARPHRD_ETHER:  # a tunnel has no neighbours to ask
        return found
    for _ in range(ROUNDS):
        left = [address for address in addresses if address not in found]
        for start in range(0, len(left), _BURST):
            for address in left[start : start + _BURST]:
                _send(wires[address.version], question(address, own))
            _listen(wires, found, addresses, own, _PAUSE)
        _listen(wires, found, addresses, own, _PATIENCE)
    return found


def _send(wire: socket.socket, frame: bytes) -> None:
    try:
        wire.send(frame)
    except OSError as error:
        if error.errno != errno.ENOBUFS:  # the device's queue is full: the second round asks again
            raise


def _listen(
    wires: Mapping[int, socket.socket],
    found: dict[Address, str],
    addresses: Sequence[Address],
    own: bytes,
    seconds: float,
) -> None:
    wanted = frozenset(addresses)
    deadline = time.monotonic() + seconds
    while (patience := deadline - time.monotonic()) > 0:
        for wire in select.select(list(wires.values()), [], [], patience)[0]:
            for address, mac in answers(wire.recv(_FRAME)):
                if address in wanted and mac != own:
                    found.setdefault(address, mac.hex(":"))


def question(address: Address, own: bytes) -> bytes:
    """The frame that asks for an address, sent by the MAC ``own``."""
    if isinstance(address, IPv4Address):
        body = _ARP.pack(1, 0x0800, 6, 4, _ARP_REQUEST, own, bytes(4), bytes(6), address.packed)
        return _BROADCAST + own + _ETH_P_ARP.to_bytes(2, "big") + body
    tail = address.packed[-3:]
    group = IPv6Address("ff02::1:ff00:0").packed[:13] + tail
    body = bytes([_SOLICITATION, 0, 0, 0, 0, 0, 0, 0]) + address.packed
    checked = body[:2] + _checksum(bytes(16), group, body).to_bytes(2, "big") + body[4:]
    header = struct.pack("!IHBB", 6 << 28, len(body), _ICMPV6, _HOP_LIMIT) + bytes(16) + group
    return b"\x33\x33\xff" + tail + own + _ETH_P_IPV6.to_bytes(2, "big") + header + checked


def answers(frame: bytes) -> Iterator[tuple[Address, bytes]]:
    """Address and MAC of whoever says in a frame that it has one. Anything at all may be in a frame."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == _ETH_P_ARP and len(frame) >= 14 + _ARP.size:
        link, protocol, hard, soft, operation, mac, sender, _, target = _ARP.unpack_from(frame, 14)
        if (link, protocol, hard, soft) == (1, 0x0800, 6, 4) and any(sender):
            yield IPv4Address(sender), mac
        elif operation == _ARP_REQUEST and not any(sender):  # another who asks for it, to use it (RFC 5227)
            yield IPv4Address(target), mac
    elif kind == _ETH_P_IPV6 and len(frame) >= 14 + 40 + 24:
        is_neighbour = frame[20] == _ICMPV6 and frame[21] == _HOP_LIMIT and frame[54] == _ADVERTISEMENT
        if is_neighbour:
            yield IPv6Address(frame[62:78]), frame[6:12]


def _checksum(source: bytes, target: bytes, body: bytes) -> int:
    """The Internet checksum with the pseudo header of IPv6 (RFC 8200 section 8.1)."""
    data = source + target + struct.pack("!II", len(body), _ICMPV6) + body
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
