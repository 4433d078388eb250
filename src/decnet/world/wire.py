"""A socket that hears which connections begin and end at a decoy's ports, whoever serves them (packet(7)).

It takes the first bytes of packets, from the IP header on: of TCP those with SYN, FIN or RST, of UDP all. Whoever has
such a socket could also send by it, past every packet filter: it stays on the privileged side.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Collection, Sequence
from typing import NamedTuple

from decnet.world import namespaces

HEAD_BYTES = 128
"""What is taken of a packet: an IPv6 header, and the longest of TCP."""
_ETH_P_ALL = 0x0003
_SO_ATTACH_FILTER = 26
_MOST_PORTS = 100
"""Jumps reach 255 instructions; of a service with more ports than this, those of all ports are taken."""
_TCP, _UDP = 6, 17
_FIN_SYN_RST = 0x07

_LOAD_BYTE, _LOAD_HALF, _LOAD_BYTE_X, _LOAD_HALF_X = 0x30, 0x28, 0x50, 0x48
_LOAD_HEADER, _LOAD_X = 0xB1, 0x01
_EQUAL, _HAS, _SHIFT, _GO, _RETURN = 0x15, 0x45, 0x74, 0x05, 0x06
"""Codes of <linux/bpf_common.h>."""


class _Step(NamedTuple):
    """An instruction; ``then`` and ``other`` are labels to go to, empty is the next one. ``label`` names this one."""

    code: int
    value: int = 0
    then: str = ""
    other: str = ""
    label: str = ""


def hearing(namespace_fd: int, interface: str, ports: Collection[tuple[int, str]]) -> socket.socket:
    """A socket on an interface of a namespace. Raises `OSError`."""
    return namespaces.inside(namespace_fd, lambda: _open(interface, ports))


def _open(interface: str, ports: Collection[tuple[int, str]]) -> socket.socket:
    # Of protocol 0 it hears nothing, until the filter is on it.
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
    try:
        code = program(ports)
        held = ctypes.create_string_buffer(code)
        chosen = struct.pack("HL", len(code) // 8, ctypes.addressof(held))
        heard.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, chosen)
        heard.bind((interface, _ETH_P_ALL))
    except BaseException:
        heard.close()
        raise
    return heard


def program(ports: Collection[tuple[int, str]]) -> bytes:
    """The filter, as the kernel reads it (networking/filter.rst)."""
    tcp, udp = ({number for number, proto in ports if proto == name} for name in ("tcp", "udp"))
    return _assembled(
        (
            _Step(_LOAD_BYTE, 0),
            _Step(_SHIFT, 4),
            _Step(_EQUAL, 4, "", "six?"),
            _Step(_LOAD_HALF, 6),
            _Step(_HAS, 0x1FFF, "drop"),  # a later fragment has no header of TCP or UDP
            _Step(_LOAD_HEADER, 0),
            _Step(_LOAD_BYTE, 9),
            _Step(_GO, 0, "which"),
            _Step(_EQUAL, 6, "", "drop", "six?"),
            _Step(_LOAD_X, 40),
            _Step(_LOAD_BYTE, 6),
            _Step(_EQUAL, _TCP, "tcp", "", "which"),
            _Step(_EQUAL, _UDP, "udp", "drop"),
            _Step(_LOAD_BYTE_X, 13, label="tcp"),
            _Step(_HAS, _FIN_SYN_RST, "", "drop"),
            *_of_ports(tcp),
            _Step(_LOAD_HALF_X, 0, label="udp"),
            *_of_ports(udp),
            _Step(_RETURN, 0, label="drop"),
            _Step(_RETURN, HEAD_BYTES, label="take"),
        )
    )


def _of_ports(ports: Collection[int]) -> Sequence[_Step]:
    """Take what comes from or goes to one of these; drop the rest."""
    if len(ports) > _MOST_PORTS // 2:
        return (_Step(_GO, 0, "take"),)
    known = [_Step(_EQUAL, number, "take") for number in sorted(ports)]
    return (_Step(_LOAD_HALF_X, 0), *known, _Step(_LOAD_HALF_X, 2), *known, _Step(_GO, 0, "drop"))


def _assembled(steps: Sequence[_Step]) -> bytes:
    places = {step.label: number for number, step in enumerate(steps) if step.label}
    code = b""
    for number, step in enumerate(steps):
        then, other = (places[label] - number - 1 if label else 0 for label in (step.then, step.other))
        if step.code == _GO:
            code += struct.pack("=HBBI", step.code, 0, 0, then)
        else:
            code += struct.pack("=HBBI", step.code, then, other, step.value)
    return code
