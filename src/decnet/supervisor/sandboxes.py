"""The supervisor's eye on sandboxes: it is told at once when one ends, or is found to be unwell."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from decnet.sandbox.protocol import Request
from decnet.supervisor import watch
from decnet.world import sandboxes

_Name = tuple[str, str]


class Sandboxes:
    """Those of one network. ``tell`` is called with what has happened to one, in words."""

    def __init__(self, run_dir: Path, tell: Callable[[str], None]) -> None:
        self._run_dir = run_dir
        self._tell = tell
        self._seen: dict[_Name, _Presence] = {}

    def look(self) -> None:
        """Watch those that are new."""
        for name in sandboxes.found(self._run_dir):
            if name not in self._seen:
                connection = watch.connected(self._run_dir, sandboxes.socket_name(*name))
                if connection is not None:
                    self._seen[name] = _Presence(connection, name, self._ended, self._tell)

    def close(self) -> None:
        """Watch no more."""
        for one in self._seen.values():
            one.close()

    def _ended(self, presence: _Presence) -> None:
        decoy, service = presence.name
        del self._seen[presence.name]
        if (self._run_dir / sandboxes.socket_name(decoy, service)).exists():
            self._tell(f"{decoy}: custom service {service} ended")


class _Presence(watch.Presence):
    def __init__(
        self,
        connection: socket.socket,
        name: _Name,
        ended: Callable[[_Presence], None],
        tell: Callable[[str], None],
    ) -> None:
        super().__init__(connection, ended)
        self.name = name
        self._say = tell
        connection.send(msgspec.json.encode(Request("watch")))

    def _take(self, message: bytes, descriptors: list[int]) -> None:  # noqa: ARG002 (there is one thing it says)
        decoy, service = self.name
        self._say(f"{decoy}: custom service {service} is not well")
