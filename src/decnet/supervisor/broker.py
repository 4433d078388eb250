"""Opens further sockets for services that need them while they run: in their decoy's namespace, bound, and bounded.

A decoy process can make no socket itself. What it is given here listens, or is bound for datagrams; nothing connects.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections import deque

from decnet.world import namespaces, sockets

_LOWEST_PORT = 1024
"""A lower port is a service's, and services are opened when they are applied."""
_RATE, _SECONDS = 50, 1.0
"""Sockets opened for one network in a time: the supervisor has other work."""


class Broker:
    """Further sockets of one network."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._recent: deque[float] = deque(maxlen=_RATE)

    def open(self, decoy: str, proto: str, port: int) -> socket.socket:
        """One socket on ``port`` (0: any) of a decoy. Raises OSError: not allowed, in use, too many at once."""
        if proto not in {"tcp", "udp"} or not (port == 0 or _LOWEST_PORT <= port <= 65535):
            raise OSError(errno.EACCES, "not allowed")
        now = time.monotonic()
        if len(self._recent) == _RATE and now - self._recent[0] < _SECONDS:
            raise OSError(errno.EAGAIN, "too many at once")
        self._recent.append(now)
        fd = os.open(namespaces.path(self._network, decoy), os.O_RDONLY | os.O_CLOEXEC)
        try:
            return sockets.further(fd, port, proto)
        finally:
            os.close(fd)
