"""What is heard of a container of high interaction, and what is taken out of it: both handed on unread.

Each source works in a thread of its own, until it is done or closed.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import select
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests
from docker.errors import DockerException
from docker.models.containers import Container as Handle

from decnet.decoy import artifacts
from decnet.errors import DecnetError
from decnet.world import calls
from decnet.world.docker import customs, guests
from decnet.world.docker.engine import Engine
from decnet.world.docker.furniture import is_ours

_AWAY = (DecnetError, DockerException, requests.RequestException, OSError)
_LOOK_SECONDS = 0.1
"""How soon a container that has started is heard."""
_MEASURE_SECONDS = 20
"""How often it is looked how much visitors have written."""
_PIECE = 32 * 1024
_MOST_FILES = 200
"""Files of one look; what else has changed comes with the next."""
_LONGEST_LIST, _LIST_SECONDS = 16 << 20, 30
_CHANGED, _ADDED = 0, 1
_ENGINES = frozenset({"/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab"})
_LOGS = ("/var/log/", "/run/")
"""What sshd itself writes."""


class _Source(ABC):
    """A thread with a socket that its work goes into."""

    def __init__(self, network: str, decoy: str, service: str, out: socket.socket) -> None:
        self._name = (network, decoy, service)
        self._out = out
        self._closed = threading.Event()
        threading.Thread(target=self._run, name=type(self).__name__, daemon=True).start()

    def close(self) -> None:
        """End it, wherever it is."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._out.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        with self._out, contextlib.suppress(*_AWAY, ValueError), Engine() as engine:
            self._work(engine)

    @abstractmethod
    def _work(self, engine: Engine) -> None:
        """What the thread does, until it is closed."""


class Ears(_Source):
    """Sends a ring for each time that the container starts, with the name of its process namespace."""

    def __init__(self, network: str, decoy: str, service: str, out: socket.socket) -> None:
        self.due: datetime | None = None
        """When its container is to be made anew; None for never, and when it was told of."""
        super().__init__(network, decoy, service, out)

    def _work(self, engine: Engine) -> None:
        last = 0
        while not self._closed.is_set():
            there = customs.find(engine, *self._name)
            pid = int(there.attrs["State"]["Pid"]) if there is not None else 0
            if not pid or pid == last:
                self._closed.wait(_LOOK_SECONDS)
                continue
            try:
                process = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            try:
                last = pid
                self.due = guests.due(there.attrs) if there is not None else None
                self._hand_over(pid)
                while not self._is_over(process):
                    if there is not None and guests.is_full(engine, there.attrs):
                        self.due = datetime.now(UTC)
            finally:
                os.close(process)

    def _hand_over(self, pid: int) -> None:
        heard = calls.hear(pid)
        try:
            name = str(os.stat(f"/proc/{pid}/ns/pid").st_ino).encode()  # noqa: PTH116 (no file)
            socket.send_fds(self._out, [name], [heard.ring, *heard.programs])
        finally:
            heard.close()

    def _is_over(self, process: int) -> bool:
        """Whether the container has ended, or nobody wants to hear any more; after a while neither."""
        waiting = select.poll()
        waiting.register(process, select.POLLIN)
        waiting.register(self._out, 0)  # only that it is hung up
        found = [fd for fd, _ in waiting.poll(_MEASURE_SECONDS * 1000)]
        if self._out.fileno() in found:
            self._closed.set()
        return bool(found)


_seen: dict[tuple[str, str, str], tuple[str, dict[str, tuple[int, str]]]] = {}
"""Service → its container, and what was taken out of it already: path → size and time of the last change."""


class Takings(_Source):
    """Sends every file that was added or changed since the last look; see `decnet.decoy.artifacts`."""

    def _work(self, engine: Engine) -> None:
        there = customs.find(engine, *self._name)
        if there is None:
            return
        known = self._known(there)
        count = 0
        for path in _changed(engine, there):
            if self._closed.is_set() or count >= _MOST_FILES:
                return
            state = _state(engine, there, path)
            if state is None or known.get(path) == state or state[0] > artifacts.LARGEST:
                continue
            if is_ours(path) and guests.moment(state[1]) < guests.moment(there.attrs["Created"]):
                continue
            known[path] = state
            count += 1
            self._send(there, path)

    def _known(self, there: Handle) -> dict[str, tuple[int, str]]:
        container, known = _seen.get(self._name, ("", {}))
        if container != there.id:
            known = {}
            _seen[self._name] = str(there.id), known
        return known

    def _send(self, there: Handle, path: str) -> None:
        stream, _ = there.get_archive(path, chunk_size=_PIECE)
        self._out.send(artifacts.PATH + path.encode("utf-8", "surrogateescape")[:4096])
        left = artifacts.LARGEST + _PIECE
        for piece in stream:  # a file that became a folder since it was looked at may be without end
            left -= len(piece)
            if left < 0:
                break
            for start in range(0, len(piece), _PIECE):
                self._out.send(artifacts.PIECE + piece[start : start + _PIECE])
        self._out.send(artifacts.END)


def _changed(engine: Engine, there: Handle) -> Iterator[str]:
    """Paths that the engine says are other than in the image. Of more than it takes to fill the list, none."""
    api = engine.client.api
    address = f"{api.base_url}/v{api.api_version}/containers/{there.id}/changes"
    with api.get(address, stream=True, timeout=_LIST_SECONDS) as answer:
        told = answer.raw.read(_LONGEST_LIST + 1, decode_content=True) if answer.ok else b""
    if len(told) > _LONGEST_LIST:
        return
    for change in json.loads(told or b"null") or ():
        path = str(change["Path"])
        if change["Kind"] in (_CHANGED, _ADDED) and path not in _ENGINES and not path.startswith(_LOGS):
            yield path


def _state(engine: Engine, there: Handle, path: str) -> tuple[int, str] | None:
    """Size and time of a regular file, as the engine tells without reading it; None for anything else."""
    api = engine.client.api
    answer = api.head(
        f"{api.base_url}/v{api.api_version}/containers/{there.id}/archive?path={quote(path)}",
        timeout=_LIST_SECONDS,
    )
    try:
        told: dict[str, Any] = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
        mode = int(told["mode"])
    except (KeyError, ValueError, binascii.Error):
        return None
    return (int(told["size"]), str(told["mtime"])) if _is_regular(mode) else None


def _is_regular(mode: int) -> bool:
    """Whether a mode of Go's os.FileMode is that of a plain file: no bit of a type is set."""
    return not mode & 0x8F280000
