"""The API: requests a second of the four questions of the issue, 50 connections each, and a bare application as the floor.

The server is a process of its own, with the loop and the parser of `decnet api`. The store has DECNET_BENCH_EVENTS
events (default 100,000), of 500 attackers at 200 decoys. Two cases: a store that does not change, which answers from
memory, and one that changes ten times a second.
"""

import asyncio
import os
import re
import subprocess
import sys
import time

import pytest
import uvicorn

from tests.api.process import MANY, api, changing, cpu, fill

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]
SECONDS = float(os.environ.get("DECNET_BENCH_SECONDS", "10"))
EVENTS = int(os.environ.get("DECNET_BENCH_EVENTS", "100000"))
CONNECTIONS = 50
PATHS = ("events?limit=50", "attackers?limit=50", "stats", "histogram")


async def bare(scope, receive, send):
    """The floor: what the server does without us."""
    body = b"x" * 1000
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    fill(folder, EVENTS, **MANY)
    return folder


def test_requests_a_second(state, capsys):
    with api(state) as running:
        server = running.port, running.secret, running.child
        still = {path: asyncio.run(_load(*server, f"/api/v1/{path}")) for path in PATHS}
        with changing(state):
            moved = {path: asyncio.run(_load(*server, f"/api/v1/{path}")) for path in PATHS}
        memory = running.memory()
    floor = _floor()
    with capsys.disabled():
        print(f"\n{EVENTS} events, {CONNECTIONS} connections, load of the machine {os.getloadavg()[0]:.1f}")
        print(f"{'bare application':34}{_told(floor)}")
        for name, found in (("", still), (", changing", moved)):
            for path, figures in found.items():
                print(f"{path + name:34}{_told(figures)}")
        print(f"memory of the server {memory:.0f} MB")
    assert memory < 150


def _told(figures):
    rate, median, p99, spent = figures
    return f"{rate:>8,.0f} requests/s, median {median:5.1f} ms, p99 {p99:6.1f} ms, CPU {spent:3.0f} %"


def _floor():
    program = (
        "import sys, uvicorn; sys.path.insert(0, '.'); from tests.bench.test_api_bench import bare; "
        "uvicorn.run(bare, port=int(sys.argv[1]), loop='uvloop', http='httptools', access_log=False, "
        "log_level='error', lifespan='off')"
    )
    port = _free_port()
    process = subprocess.Popen([sys.executable, "-c", program, str(port)])
    try:
        _wait(port)
        return asyncio.run(_load(port, "", process.pid, "/"))
    finally:
        process.terminate()
        process.wait(20)


def _free_port():
    with uvicorn.Config(bare, port=0, log_level="critical").bind_socket() as taken:
        return taken.getsockname()[1]


def _wait(port):
    async def is_there():
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    deadline = time.monotonic() + 20
    while not asyncio.run(is_there()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def _load(port, secret, pid, path):
    """Requests a second, median and p99 in ms, CPU of the server in percent of a core."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n\r\n".encode()
    taken = []
    begun, before = time.perf_counter(), cpu(pid)
    await asyncio.gather(*(_client(port, request, begun + SECONDS, taken) for _ in range(CONNECTIONS)))
    lasted, spent = time.perf_counter() - begun, cpu(pid) - before
    taken.sort()
    return (
        len(taken) / lasted,
        taken[len(taken) // 2] * 1000,
        taken[-max(1, len(taken) // 100)] * 1000,
        spent / lasted * 100,
    )


async def _client(port, request, until, taken):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    while (begun := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
        taken.append(time.perf_counter() - begun)
    writer.close()
