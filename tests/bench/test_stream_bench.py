"""The stream of events: how late DECNET_BENCH_LISTENERS (default 500) have each, while one beside them reads nothing.

The server is `decnet api`, the listeners share the process of the test. An event's time begins before it is put into the
store. For the one that does not read, ten times as much is put in as for the others; it must be dropped, and nobody else.
"""

import asyncio
import os
import re
import socket
import time

import httpx
import pytest

from decnet.events import Event, EventType, now
from decnet.events.store import Source, get_repository, record
from tests.api.process import api, cpu, fill, until

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]
SECONDS = float(os.environ.get("DECNET_BENCH_SECONDS", "10"))
LISTENERS = int(os.environ.get("DECNET_BENCH_LISTENERS", "500"))
PATH = "/api/v1/events/stream"
LARGE = 400
"""Events of 4 KB a batch for the one that does not read."""
LEAST = 40
"""Events at least, however slow the machine: with each fourth comes a batch, and ten of them are more than sockets hold."""


class Listener(asyncio.Protocol):
    """Notes when each event came."""

    def __init__(self, request):
        self.request, self.rest, self.came, self.is_open = request, b"", [], True

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data):
        when = time.perf_counter()
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.came += [(int(line[4:]), when) for line in lines if line.startswith(b"id: ")]

    def connection_lost(self, error):
        self.is_open = False


def test_listeners(tmp_path, capsys):
    fill(tmp_path)
    with api(tmp_path) as running, get_repository(tmp_path, writing=True) as store, _deaf(running) as deaf:
        put, spent, listeners = asyncio.run(_listen(running, store))
        until(lambda: figure(running, "decnet_api_listeners_dropped_total") == 1)
        memory = running.memory()
        assert deaf.fileno() > 0
    for one in listeners:
        assert [seq for seq, _ in one.came] == list(put)
    late = sorted((when - put[seq]) * 1000 for one in listeners for seq, when in one.came)
    with capsys.disabled():
        print(
            f"\n{LISTENERS} listeners, {len(put)} events, load of the machine {os.getloadavg()[0]:.1f}: "
            f"median {late[len(late) // 2]:.0f} ms, p99 {late[-1 - len(late) // 100]:.0f} ms, longest {late[-1]:.0f} ms, "
            f"{spent / len(late) * 1e6:.0f} µs of a processor each, memory of the server {memory:.0f} MB"
        )


async def _listen(running, store):
    """When each event was put in, seconds of the processor of the server, and who listened."""
    loop = asyncio.get_running_loop()
    request = _request(running, "?decoy=timed")
    opened = [
        await loop.create_connection(lambda: Listener(request), "127.0.0.1", running.port)
        for _ in range(LISTENERS)
    ]
    listeners = [one for _, one in opened]
    await asyncio.to_thread(until, lambda: figure(running, "decnet_api_listeners") == LISTENERS + 1)
    put, before, source = {}, cpu(running.child), Source("host", "lab")

    def take(events):
        store.take(source, [record(one) for one in events], store.place(source))

    until_then = time.perf_counter() + SECONDS
    while time.perf_counter() < until_then or len(put) < LEAST:
        begun = time.perf_counter()
        await asyncio.to_thread(take, _events("timed", "x", 1))
        put[store.span()[1]] = begun
        await asyncio.sleep(0.05)
        if len(put) % 4 == 0:
            await asyncio.to_thread(take, _events("large", "x" * 4000, LARGE))
    for _ in range(100):
        if all(len(one.came) == len(put) for one in listeners):
            break
        await asyncio.sleep(0.1)
    spent = cpu(running.child) - before
    assert all(one.is_open for one in listeners)
    for transport, _ in opened:
        transport.abort()
    return put, spent, listeners


def _events(decoy, text, count):
    data = {"command": text}
    return [
        Event.of(EventType.COMMAND, data, ts=now(), network="lab", decoy=decoy, service="ssh")
        for _ in range(count)
    ]


def _deaf(running):
    """Somebody who asks for everything and never reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", running.port))
    client.sendall(_request(running, ""))
    return client


def _request(running, query):
    return f"GET {PATH}{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.secret}\r\n\r\n".encode()


def figure(running, name):
    text = httpx.get(f"{running.url}/metrics", headers=running.headers).text
    return float(re.search(rf"^{name} ([0-9.e+]+)$", text, re.MULTILINE)[1])
