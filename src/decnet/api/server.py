"""The processes: one with the user's privileges that reads tokens and states, and its child that serves without any."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from decnet.api.app import CONNECTIONS, create
from decnet.api.site import Facts, Site, decode, encode
from decnet.api.stream import Hub
from decnet.decoy.privileges import drop
from decnet.errors import DecnetError, UsageError
from decnet.events.store import get_repository

USER = 65_520
"""Unnamed, behind the users of networks (see `decnet.world.names.uid`): no decoy process shares it."""
_SILENT_MS = 30_000
"""A client that takes nothing for this long is cut off by the kernel (TCP_USER_TIMEOUT, tcp(7))."""
_LONGEST_LINE = 64 << 20
_LEAVE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, and with which certificate."""

    state_dir: Path
    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


class Server(uvicorn.Server):
    """One that lets streams end before it waits for requests to end."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """At the end."""
        self._hub.close()
        await super().shutdown(sockets)


def serve(settings: Settings, facts: Callable[[], Facts], ready: Callable[[str], None]) -> int:
    """Serve until told to end; the exit code. ``facts`` is asked again every second. Raises `DecnetError`."""
    known = facts()
    with listen(settings.host, settings.port) as listener:
        mine, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            mine.close()
            os._exit(_child(settings, listener, theirs, known))
        theirs.close()
        host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    ready(f"http{'s' if settings.certificate else ''}://{shown}:{port}/")
    return _feed(child, mine, known, facts)


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


def _feed(child: int, pipe: socket.socket, known: Facts, facts: Callable[[], Facts]) -> int:
    """Tell the child what has changed, and wait for its end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.kill(child, signal.SIGTERM))
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return max(0, os.waitstatus_to_exitcode(status)) or (1 if os.WIFSIGNALED(status) else 0)
        time.sleep(1)
        try:
            now = facts()
        except DecnetError:
            continue  # it is being written: the next look has it
        if now != known:
            known = now
            try:
                pipe.sendall(encode(now))
            except OSError:
                continue


def _child(settings: Settings, listener: socket.socket, pipe: socket.socket, facts: Facts) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(
            number, lambda *_: os._exit(0)
        )  # uvicorn has its own, and raises the signal again at its end
    try:
        with get_repository(settings.state_dir) as store:
            store.open_ahead(CONNECTIONS)
            site = Site(store)
            site.take(facts)
            hub = Hub(site)
            config = uvicorn.Config(
                create(site, hub, tls=settings.certificate is not None),
                loop="uvloop",
                http="httptools",
                ws="none",
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ssl_certfile=settings.certificate,
                ssl_keyfile=settings.key,
                timeout_graceful_shutdown=_LEAVE_SECONDS,
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
                drop(USER)
            return asyncio.run(_serving(Server(config, hub), listener, pipe, site))
    except DecnetError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"  hint: {error.hint}\n" if error.hint else ""))
        return error.exit_code


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
