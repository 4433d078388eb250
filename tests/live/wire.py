"""What goes over a LAN of the lab: a conversation that must not break, and the frames that are heard."""

from __future__ import annotations

import collections
import contextlib
import errno
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from decnet.world import namespaces, sockets
from tests.live.lab import Machine

_SO_RCVBUFFORCE = 33
_KINDS = {0x0806: "ARP", 0x0800: "IPv4", 0x86DD: "IPv6"}
_ICMPV6 = {133: "RS", 135: "DAD", 143: "MLD"}


@dataclass(frozen=True)
class Conversation:
    """A TCP connection of the host to a server in a decoy."""

    client: socket.socket
    server: socket.socket

    def echoes(self, data: bytes) -> bool:
        """Whether ``data`` arrives at either end."""
        for sender, receiver in ((self.client, self.server), (self.server, self.client)):
            sending = threading.Thread(target=sender.sendall, args=(data,))
            sending.start()
            got = b""
            while len(got) < len(data) and (more := receiver.recv(65536)):
                got += more
            sending.join()
            if got != data:
                return False
        return True


@contextlib.contextmanager
def conversation(network: str, decoy: str, ip: str, port: int = 7) -> Iterator[Conversation]:
    with namespaces.opened(network, decoy) as fd, contextlib.ExitStack() as stack:
        listening = [stack.enter_context(one) for one in sockets.listening(fd, [(port, "tcp")])]
        client = stack.enter_context(socket.create_connection((ip, port), 5))
        listening[":" in ip].settimeout(5)
        server = stack.enter_context(listening[":" in ip].accept()[0])
        for one in (client, server):
            one.settimeout(20)
        yield Conversation(client, server)


def frames(interface: str, during: Callable[[], None], seconds: float = 5) -> collections.Counter[str]:
    """Frames by kind that come in on an interface while ``during`` runs and for some seconds after."""
    found: collections.Counter[str] = collections.Counter()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
        wire.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 24)
        wire.bind((interface, 0))
        during()
        wire.settimeout(0.2)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                frame, (_, _, direction, *_) = wire.recvfrom(2048)
            except TimeoutError:
                continue
            except OSError as error:
                if error.errno != errno.ENETDOWN:
                    raise
                continue
            if direction != socket.PACKET_OUTGOING:
                found[_kind(frame)] += 1
    return found


def frames_at(machine: Machine, during: Callable[[], None], seconds: float = 5) -> collections.Counter[str]:
    """The same at another machine: a parent hears its macvlans only on their way out."""
    ready, done = threading.Event(), threading.Event()

    def listen() -> collections.Counter[str]:
        def wait() -> None:
            ready.set()
            done.wait(60)

        return frames("eth0", wait, seconds)

    def run() -> None:
        ready.wait(20)
        try:
            during()
        finally:
            done.set()

    acting = threading.Thread(target=run)
    acting.start()
    with Path(f"/run/netns/{machine.name}").open("rb") as file:
        found = namespaces.inside(file.fileno(), listen)
    acting.join()
    return found


def _kind(frame: bytes) -> str:
    (kind,) = struct.unpack_from("!H", frame, 12)
    if kind == 0x86DD:
        upper, at = (frame[54], 62) if frame[20] == 0 else (frame[20], 54)  # MLD has a hop-by-hop header
        if upper == socket.IPPROTO_ICMPV6:
            return _ICMPV6.get(frame[at], f"ICMPv6 {frame[at]}")
    return _KINDS.get(kind, hex(kind))
