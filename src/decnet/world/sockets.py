"""Sockets opened inside a decoy's namespace, to be handed to the process that serves it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence

from decnet.world import namespaces

_BACKLOG = 512
_TYPES = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def listening(namespace_fd: int, ports: Sequence[tuple[int, str]]) -> list[socket.socket]:
    """One bound socket a port (number, ``tcp`` or ``udp``), listening where that applies. All of them, or OSError."""
    return namespaces.inside(namespace_fd, lambda: _open_all(ports))


def _open_all(ports: Sequence[tuple[int, str]]) -> list[socket.socket]:
    with contextlib.ExitStack() as undo:
        found = [_open(number, proto, undo) for number, proto in ports]
        undo.pop_all()
    return found


def _open(number: int, proto: str, undo: contextlib.ExitStack) -> socket.socket:
    opened = undo.enter_context(
        socket.socket(socket.AF_INET, _TYPES[proto] | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    )
    if proto == "tcp":  # on UDP it would let two servers share a port
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(("0.0.0.0", number))  # noqa: S104 (every address of the decoy's own namespace)
    if proto == "tcp":
        opened.listen(_BACKLOG)
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
