"""Sockets opened inside a decoy's namespace, to be handed to the process that serves it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from decnet.world import namespaces

MARK = 0x64636E74
"""SO_MARK of a connection that the privileged side opens for a decoy: containment lets its packets out.

Only for the time of ``connect``: a TCP connection that stands needs it no more, and a socket that keeps it could be
connected anew by whoever it is handed to. So it is set to 0 again before that. Setting it takes CAP_NET_ADMIN.
"""
_BACKLOG = 512
_ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104 (every address of the decoy's own namespace)
_TYPES = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def listening(namespace_fd: int, ports: Sequence[tuple[int, str]]) -> list[socket.socket]:
    """One bound socket a port (number, ``tcp`` or ``udp``), listening where that applies. All of them, or OSError.

    In a namespace that has IPv6 they are followed by one more a port, in the same order, for IPv6 alone.
    """
    return namespaces.inside(namespace_fd, lambda: _open_all(ports, _families()))


def _families() -> tuple[socket.AddressFamily, ...]:
    """What this thread's namespace has addresses of."""
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
        if Path("/proc/thread-self/net/if_inet6").read_bytes():
            return (socket.AF_INET, socket.AF_INET6)
    return (socket.AF_INET,)


def _open_all(
    ports: Sequence[tuple[int, str]], families: Sequence[socket.AddressFamily]
) -> list[socket.socket]:
    with contextlib.ExitStack() as undo:
        found = [_open(family, number, proto, undo) for family in families for number, proto in ports]
        undo.pop_all()
    return found


def _open(family: socket.AddressFamily, number: int, proto: str, undo: contextlib.ExitStack) -> socket.socket:
    opened = undo.enter_context(
        socket.socket(family, _TYPES[proto] | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    )
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if proto == "tcp":  # on UDP it would let two servers share a port
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind((_ANY[family], number))
    if proto == "tcp":
        opened.listen(_BACKLOG)
    return opened


def further(namespace_fd: int, port: int, proto: str) -> socket.socket:
    """One more socket for a service that runs: bound to ``port`` (0: any), listening where that applies. Or OSError.

    The packet filter of the namespace lets its answers out, as those of any socket, and nothing it begins.
    """
    (opened,) = namespaces.inside(namespace_fd, lambda: _open_all([(port, proto)], (socket.AF_INET,)))
    return opened


@contextlib.contextmanager
def in_memory(content: bytes) -> Iterator[int]:
    """A descriptor of anonymous memory that holds ``content``."""
    fd = os.memfd_create("bundle", os.MFD_CLOEXEC)
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(content)
        yield fd
    finally:
        os.close(fd)
