"""What a custom service prints, moved from the engine to whoever tells of it. Nothing here reads a line."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import requests
from docker.errors import DockerException

from decnet.errors import DecnetError
from decnet.world.docker import customs
from decnet.world.docker.engine import Engine

_AWAY = (DecnetError, DockerException, requests.RequestException, OSError)
_LONGEST = 32 * 1024
"""An engine cuts lines at 16 KB."""


class Pump:
    """Sends each entry of one stream of a container's log, its time before it, as one message; closes ``out`` at its end.

    It works in a thread of its own, until the container ends or it is closed.
    """

    def __init__(
        self, network: str, decoy: str, service: str, stream: str, since: float, out: socket.socket
    ) -> None:
        self._name = (network, decoy, service)
        self._wanted = stream
        self._since = since
        self._out = out
        self._stream: Any = None
        self._closed = False
        threading.Thread(target=self._run, name="custom log", daemon=True).start()

    def close(self) -> None:
        """End it, wherever it is."""
        self._closed = True
        with contextlib.suppress(*_AWAY):
            self._out.shutdown(socket.SHUT_RDWR)
        if self._stream is not None:
            with contextlib.suppress(*_AWAY):
                self._stream.close()

    def _run(self) -> None:
        with self._out, contextlib.suppress(*_AWAY, ValueError), Engine() as engine:
            there = customs.find(engine, *self._name)
            if there is None:
                return
            since = int(self._since) or None
            wanted = {"stdout": self._wanted == "stdout", "stderr": self._wanted == "stderr"}
            self._stream = there.logs(**wanted, stream=True, follow=True, timestamps=True, since=since)
            for entry in self._stream:
                if self._closed:
                    return
                self._out.send(entry[:_LONGEST])
