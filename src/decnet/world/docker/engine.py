"""The connection to a Docker Engine, by the rules of the docker command: DOCKER_HOST, then the context, then the socket.

Engines from 20.10 on (API 1.41). The SDK's client is not made for threads, so each thread has its own.
"""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any, Self

import docker
import requests
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.errors import APIError, DockerException, ImageNotFound
from docker.utils import kwargs_from_env

from decnet.errors import MissingCapability, WorldError
from decnet.world.docker import contexts, presence

OLDEST = (1, 41)
"""API of Engine 20.10."""
MAC_OF_ENDPOINT = (1, 44)
"""From here on a MAC belongs to the endpoint, before to the container (Engine 25.0)."""
ANSWER_SECONDS = 120
_PING_SECONDS = 5
_DEFAULT = f"unix://{presence.SOCKET}"
_AWAY = (requests.ConnectionError, requests.Timeout, DockerException, OSError)
_WORDS = {
    "no space left on device": "the engine's disk is full: docker system df, docker image prune",
    "is already in use by container": "a container of somebody else has the name: docker ps -a, docker rename",
    "Pool overlaps": "another Docker network has these addresses: docker network ls, docker network inspect",
    "Conflict. The container name": "a container of somebody else has the name: docker ps -a, docker rename",
}
"""What an engine says → what to do."""


class Engine:
    """An engine that answers. Threads may share it; close it in the end, or use it in a ``with`` block."""

    def __init__(self) -> None:
        """Raises `MissingCapability` when no engine answers, or one that is too old."""
        self._own = threading.local()
        self._clients: list[docker.DockerClient] = []
        self._lock = threading.Lock()
        told = _told()
        self.release: str = told["Version"]
        self.api = min(_version(told["ApiVersion"]), _version(DEFAULT_DOCKER_API_VERSION))
        if self.api < OLDEST:
            raise MissingCapability(
                f"the Docker Engine is {self.release} (API {told['ApiVersion']})",
                hint="decnet needs Engine 20.10 (API 1.41) or later; or say `runtime = netns`",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def client(self) -> docker.DockerClient:
        """This thread's client."""
        found: docker.DockerClient | None = getattr(self._own, "client", None)
        if found is None:
            found = self._own.client = _client(ANSWER_SECONDS, self.api)
            with self._lock:
                self._clients.append(found)
        return found

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()
        self._own = threading.local()


def is_there() -> bool:
    """Whether an engine answers here that decnet can use."""
    if not presence.may_be_there():
        return False
    try:
        Engine().close()
    except MissingCapability:
        return False
    return True


def advice(words: str) -> str:
    """What to do about something that an engine said; empty when nothing is known of it."""
    return next((hint for part, hint in _WORDS.items() if part in words), "")


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what an engine refuses, or that it is away, into a `WorldError` about ``what``."""
    try:
        yield
    except ImageNotFound as error:
        raise WorldError(
            f"{what}: {_said(error)}", hint="see: decnet image ls, decnet image build FILE"
        ) from None
    except APIError as error:
        words = _said(error)
        raise WorldError(f"{what}: {words}", hint=advice(words)) from None
    except _AWAY as error:
        raise WorldError(f"{what}: the Docker Engine does not answer: {_cause(error)}", hint=_HINT) from None


_HINT = "see: docker version; systemctl status docker; DOCKER_HOST names another engine"


def _told() -> dict[str, Any]:
    """What the engine says of itself. Raises `MissingCapability`."""
    try:
        _knock(_endpoint()["base_url"])
        with contextlib.closing(_client(_PING_SECONDS, OLDEST)) as client:
            return dict(client.version())
    except _AWAY as error:
        raise MissingCapability(f"no Docker Engine answers: {_cause(error)}", hint=_HINT) from None


def _client(seconds: int, api: tuple[int, int]) -> docker.DockerClient:
    """A client of the engine; it connects when it is asked something."""
    asked = _endpoint()
    by_ssh = asked["base_url"].startswith("ssh://")
    if by_ssh:
        _load_ssh()
    client = docker.DockerClient(
        version="{}.{}".format(*api), timeout=seconds, use_ssh_client=by_ssh, **asked
    )
    # REQUESTS_CA_BUNDLE would take the place of DOCKER_CERT_PATH, and no proxy is asked for an engine of this host.
    client.api.trust_env = False
    return client


def _load_ssh() -> None:
    """Give the SDK what this package keeps it from loading. Raises `MissingCapability` where it is not installed."""
    if sys.modules.get("paramiko", sys) is None:
        del sys.modules["paramiko"]
    try:
        from docker.transport.sshconn import SSHHTTPAdapter  # noqa: PLC0415 (see there)
    except ImportError:
        raise MissingCapability(
            "an engine behind SSH needs paramiko", hint="pip install 'docker[ssh]'"
        ) from None
    # where it would be, had it been loaded with the rest
    docker.api.client.SSHHTTPAdapter = SSHHTTPAdapter  # type: ignore[attr-defined]


def _endpoint() -> dict[str, Any]:
    """What the docker command would talk to: ``base_url`` and, where it asks for it, ``tls``. Raises `MissingCapability`."""
    asked: dict[str, Any] = dict(kwargs_from_env())
    if "base_url" not in asked:
        asked |= contexts.endpoint()
    return {"base_url": _DEFAULT, **asked}


def _knock(url: str) -> None:
    """Raise OSError when nobody is behind a Unix socket: the SDK would leave a socket of its own open then."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(_PING_SECONDS)
            door.connect(url.removeprefix("unix://"))


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def _said(error: APIError) -> str:
    return str(error.explanation or error).strip()


def _cause(error: BaseException) -> str:
    """The innermost reason, without the names of libraries."""
    text = str(error)
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return re.sub(r"\w+\(<?[\w. ]+(object at 0x\w+)?>?, ?", "", str(error) or text).strip("()'\" ")
