"""Decoys on loopback, all of one real decoy process: sockets passed, bundles rendered, events on disk."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
from pathlib import Path

import msgspec

from decnet.decoy.protocol import PACKET_LIMIT, Reply, Request
from decnet.events import Event, Filter, read
from decnet.services.accounts import Credential
from decnet.services.limits import Limits
from decnet.world import spawn
from decnet.world.sockets import in_memory
from tests.service_testing.conftest import rendered

ADDRESS = "127.0.1.1"
BACKLOG = 512
PERSONAS = {"ssh": {"users": (Credential("root", "toor"),)}}


class Process:
    """A decoy process of its own, with no world around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "events"
        self._run = folder / "run"
        self._spawner = spawn.Spawner("flood", self._run, self.folder, spawn.PROGRAM)
        self._spawner.spawn(0)
        self._control = self.connect()
        self.pid = spawn.peer(self._control)

    def connect(self) -> socket.socket:
        """A further connection to its control socket."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(30)
        with spawn.address(self._run, spawn.control_path(self._run, 0).name) as name:
            connection.connect(name)
        return connection

    def ask(self, request: Request, *descriptors: int) -> Reply:
        socket.send_fds(self._control, [msgspec.json.encode(request)], descriptors)
        reply = msgspec.json.decode(self._control.recv(PACKET_LIMIT), type=Reply)
        assert reply.error == ""
        return reply

    def serve(self, decoy: str, service: str, limits: Limits | None = None) -> int:
        """Start a service of a decoy; its port."""
        with socket.create_server((ADDRESS, 0), backlog=BACKLOG) as opened:
            self._serve(decoy, service, limits, opened.fileno())
            return int(opened.getsockname()[1])

    def change(self, decoy: str, service: str, limits: Limits) -> None:
        """Other limits for a service that runs."""
        self._serve(decoy, service, limits)

    def _serve(self, decoy: str, service: str, limits: Limits | None, *sockets: int) -> None:
        bundle = dataclasses.replace(
            rendered(service, PERSONAS.get(service), name=decoy), limits=limits or Limits()
        )
        with in_memory(msgspec.json.encode(bundle)) as memory:
            self.ask(Request("serve", decoy, service, "hash"), memory, *sockets)

    def events(self, decoy: str = "") -> list[Event]:
        return list(read(self.folder, Filter(decoys=(decoy,) if decoy else ())))

    def end(self) -> None:
        self._control.close()
        os.kill(self.pid, signal.SIGKILL)
        self._spawner.reap()
