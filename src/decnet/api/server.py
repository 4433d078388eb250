"""The process that serves, without any privilege: the child of `decnet.api.keeper`."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from decnet.api import developer
from decnet.api.app import create
from decnet.api.connection import Connection
from decnet.api.site import Facts, Site, decode
from decnet.api.stream import Hub
from decnet.decoy.privileges import drop
from decnet.errors import DecnetError, UsageError
from decnet.events.store import get_repository

USER = 65_520
"""Unnamed, behind the users of networks (see `decnet.world.names.uid`): no decoy process shares it."""
_SILENT_MS = 30_000
"""A client that takes nothing for this long is cut off by the kernel (TCP_USER_TIMEOUT, tcp(7))."""
_LONGEST_LINE = 64 << 20
LEAVE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, and with which certificate."""

    state_dir: Path
    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


_COLLECT = (700, 10, 10)
"""Python's own: a command goes through garbage rarely and much of it at a time, for which every request would wait."""


class Server(uvicorn.Server):
    """One that lets streams end before it waits for requests to end."""

    def __init__(
        self,
        config: uvicorn.Config,
        hub: Hub,
        *,
        started: Callable[[], object] = lambda: None,
        ended: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._hub, self._started, self._ended = hub, started, ended

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """At the beginning: ``started`` is called when connections are taken."""
        await super().startup(sockets)
        self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """At the end: ``ended`` is called when the last request is answered."""
        self._hub.close()
        await super().shutdown(sockets)
        self._ended()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `DecnetError`."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_MS)
        # Inherited by what is accepted: else a body waits for the acknowledgement of its head (40 ms, tcp(7)).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise DecnetError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            hint="name another: --port, --host",
        ) from None
    return listener


def run(settings: Settings, listener: socket.socket, pipe: socket.socket, facts: Facts) -> int:
    """Give privileges up and serve; the exit code. What goes wrong before is told on stderr.

    It says one word into ``pipe`` when it serves, hears facts from there, and ends when nobody is at the other end.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(
            number, lambda *_: os._exit(0)
        )  # uvicorn has its own, and raises the signal again at its end
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
    try:
        _allow_files()
        with get_repository(settings.state_dir) as store:
            store.open_ahead()
            site = Site(store)
            site.take(facts)
            hub = Hub(site)
            user = USER if os.geteuid() == 0 else os.geteuid()
            aids = developer.aids(store, user)
            app: ASGIApp = create(site, hub, tls=settings.certificate is not None)
            for aid in aids:
                app = aid.wrap(app)
            config = uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ssl_certfile=settings.certificate,
                ssl_keyfile=settings.key,
                timeout_graceful_shutdown=LEAVE_SECONDS,
                backlog=2048,
            )
            try:
                config.load()  # the certificate's key is root's
            except OSError as error:
                raise UsageError(
                    f"the certificate or its key cannot be used: {error.strerror or error}",
                    hint="PEM files, that the user who starts this may read",
                ) from None
            if os.geteuid() == 0:
                drop(user)
            for aid in aids:
                aid.begin()
            server = Server(config, hub, started=lambda: pipe.send(b"!"), ended=lambda: _end(aids))
            gc.freeze()
            gc.set_threshold(*_COLLECT)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_serving(server, listener, pipe, site))
    except DecnetError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"  hint: {error.hint}\n" if error.hint else ""))
        return error.exit_code


def _end(aids: Iterable[developer.Aid]) -> None:
    for aid in aids:
        aid.end()


def _allow_files() -> None:
    """As many descriptors as it may have: each connection is one, and shells allow 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # a container may refuse what it says is allowed
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serving(server: uvicorn.Server, listener: socket.socket, pipe: socket.socket, site: Site) -> int:
    hearing = asyncio.create_task(_hear(server, pipe, site))
    try:
        await server.serve([listener])
    finally:
        hearing.cancel()
    return 0


async def _hear(server: uvicorn.Server, pipe: socket.socket, site: Site) -> None:
    """Take facts as they come; without the process that tells them this one ends."""
    reader, _ = await asyncio.open_connection(sock=pipe, limit=_LONGEST_LINE)
    while line := await reader.readline():
        site.take(decode(line))
    server.should_exit = True
