"""What an engine tells of a network's containers and Docker networks, as it happens."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import requests
from docker.errors import DockerException

from decnet.errors import MissingCapability
from decnet.world.docker import labels, networks
from decnet.world.docker.engine import Engine

_TOLD = {
    "container": {"die", "destroy", "pause", "start", "stop", "unpause"},
    "network": {"destroy", "disconnect"},
}
"""Type → actions that may be drift."""
_TOLD_OF_CUSTOM = {"destroy", "pause", "kill", "stop", "health_status: unhealthy"}
"""Of a custom service: one that ends by itself is the engine's to start again, ever later when it ends soon."""
_AWAY = (MissingCapability, DockerException, requests.RequestException, OSError)
_AGAIN_SECONDS = 1.0


class Listener:
    """Calls ``tell`` from a thread of its own, which waits for an engine that is away and tells when it is back."""

    def __init__(self, network: str, since: int, tell: Callable[[str], object]) -> None:
        """What happened since (Unix seconds) is told too, but that containers were started."""
        self._network = network
        self._since = since
        self._began = time.time_ns()
        self._tell = tell
        threading.Thread(target=self._listen, name="docker events", daemon=True).start()

    def _listen(self) -> None:
        lost = False
        while True:
            with contextlib.suppress(*_AWAY), Engine() as engine:
                if lost:
                    self._tell("the Docker Engine is back")
                since = None if lost else self._since
                lost = True
                for event in engine.client.events(since, decode=True, filters={"type": list(_TOLD)}):
                    text = said(event, self._network)
                    if text and not (event["Action"] == "start" and event["timeNano"] < self._began):
                        self._tell(text)
            time.sleep(_AGAIN_SECONDS)


def said(event: dict[str, Any], network: str) -> str:
    """An event for a person; empty where it is nothing of this network's."""
    kind, action = event.get("Type", ""), event.get("Action", "")
    of = event.get("Actor", {}).get("Attributes", {})
    if kind == "container" and labels.CUSTOM in of:
        return _of_custom(action, of) if of.get(labels.NETWORK) == network else ""
    if action not in _TOLD.get(kind, ()):
        return ""
    if kind == "container":
        return f"{of[labels.DECOY]}: container {_PAST[action]}" if of.get(labels.NETWORK) == network else ""
    name = str(of.get("name", ""))
    return f"Docker network {name}: {_PAST[action]}" if name.startswith(networks.name(network, "")) else ""


def _of_custom(action: str, of: dict[str, str]) -> str:
    if action not in _TOLD_OF_CUSTOM:
        return ""
    return f"{of.get(labels.CARRIER)}: custom service {of[labels.CUSTOM]} {_PAST[action]}"


_PAST = {
    "die": "ended",
    "destroy": "removed",
    "health_status: unhealthy": "is not well",
    "kill": "was told to end",
    "disconnect": "a container was disconnected",
    "pause": "paused",
    "start": "started",
    "stop": "stopped",
    "unpause": "went on",
}
