"""The API on a real socket, in a thread of the test."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
import uvloop

from decnet.api.app import create
from decnet.api.connection import Connection
from decnet.api.server import Server, listen
from decnet.api.site import Site
from decnet.api.stream import Hub


def _run(server, listener):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve([listener]))


@contextmanager
def served(site: Site) -> Iterator[tuple[str, Server]]:
    """Its address, and the server."""
    hub = Hub(site)
    listener = listen("127.0.0.1", 0)
    server = Server(uvicorn.Config(create(site, hub), http=Connection, log_level="error", ws="none",
                                   access_log=False, timeout_graceful_shutdown=1), hub)  # fmt: skip
    thread = threading.Thread(target=lambda: _run(server, listener))
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    try:
        yield "http://{}:{}".format(*listener.getsockname()), server
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()
