"""Duplicates of the listening sockets of every service: what a decoy process that was started again gets back.

A decoy process serves attackers, so nothing it says of a descriptor is believed: the kernel tells what each is, and
whose namespace it belongs to.
"""

from __future__ import annotations

import fcntl
import os
import resource
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from decnet.world import namespaces

_SIOCGSKNS = 0x894C
"""ioctl of <linux/sockios.h>: a descriptor of the namespace that a socket was made in."""
_PROTOCOLS = {socket.SOCK_STREAM: "tcp", socket.SOCK_DGRAM: "udp"}
Port = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """One service's sockets, and the process id of who listens on them."""

    pid: int
    ports: tuple[Port, ...]
    sockets: tuple[socket.socket, ...]

    def close(self) -> None:
        for one in self.sockets:
            one.close()


class Keeper:
    """The sockets of a network, by decoy and service."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._kept: dict[tuple[str, str], Kept] = {}
        self._room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
        """A process that has been taken over could show sockets without end; the rest is for our own work."""

    def keep(self, pid: int, decoy: str, service: str, sockets: Sequence[socket.socket]) -> bool:
        """Take a service's sockets, if each is what it ought to be and there is room; else close them."""
        ports = [_port(one) for one in sockets]
        kept = Kept(pid, tuple(port for port in ports if port), tuple(sockets))
        if not (
            0 < len(sockets) <= self._room
            and all(ports)
            and all(self.is_inside(one, decoy) for one in sockets)
        ):
            kept.close()
            return False
        self.drop(decoy, service)
        self._kept[decoy, service] = kept
        self._room -= len(sockets)
        return True

    def take(self, decoy: str, service: str, ports: Sequence[Port]) -> tuple[socket.socket, ...]:
        """Give a service's sockets away if they are for these ports and for the namespace of today; else close them."""
        kept = self._kept.pop((decoy, service), None)
        if kept is None:
            return ()
        self._room += len(kept.sockets)
        if set(kept.ports) == set(ports) and all(self.is_inside(one, decoy) for one in kept.sockets):
            return kept.sockets
        kept.close()
        return ()

    def drop(self, decoy: str, service: str, pid: int = 0) -> None:
        """Close a service's sockets; with a ``pid`` only if they are that process's."""
        kept = self._kept.get((decoy, service))
        if kept and pid in (0, kept.pid):
            del self._kept[decoy, service]
            self._room += len(kept.sockets)
            kept.close()

    def drop_decoy(self, decoy: str) -> None:
        """Close all of a decoy: its namespace has gone."""
        for name in [name for name in self._kept if name[0] == decoy]:
            self.drop(*name)

    def orphans(self, alive: Collection[int]) -> list[tuple[str, str]]:
        """Decoys and services whose sockets are here and whose process is not alive."""
        return [name for name, kept in self._kept.items() if kept.pid not in alive]

    def is_served(self, pid: int, decoy: str) -> bool:
        """Whether a process has shown a socket of this decoy's namespace."""
        return any(name[0] == decoy and kept.pid == pid for name, kept in self._kept.items())

    def is_inside(self, one: socket.socket, decoy: str) -> bool:
        """Whether a socket belongs to the namespace that has the decoy's name now."""
        try:
            fd = fcntl.ioctl(one.fileno(), _SIOCGSKNS)
        except OSError:
            return False
        try:
            return os.path.samestat(os.fstat(fd), namespaces.path(self._network, decoy).stat())
        except (OSError, ValueError):  # no such namespace, or no name at all
            return False
        finally:
            os.close(fd)


def _port(one: socket.socket) -> Port | None:
    """The port of a listening or bound socket; None for anything else."""
    if one.family not in {socket.AF_INET, socket.AF_INET6} or one.type not in _PROTOCOLS:
        return None
    try:
        listens = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        number = one.getsockname()[1]
    except OSError:
        return None
    if not number or (one.type == socket.SOCK_STREAM and not listens):
        return None
    return number, _PROTOCOLS[one.type]
