"""200 parallel clients: PING p99 of one process, with the real redis-server as the floor in the same run."""

import asyncio
import statistics
import time

import pytest

from tests.service_testing.conftest import serve  # noqa: F401 (a fixture)
from tests.service_testing.redis_oracle import OPEN, Raw, real_redis

pytestmark = pytest.mark.bench
CLIENTS, ROUNDS = 200, 20


async def latencies(port: int) -> list[float]:
    """Seconds of each PING of 200 clients that ask at the same time."""
    clients = [await Raw.to(port) for _ in range(CLIENTS)]
    taken: list[float] = []

    async def ask(client: Raw) -> None:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            assert await client.ask("PING") == b"+PONG\r\n"
            taken.append(time.perf_counter() - started)
            await asyncio.sleep(0.2)

    await asyncio.gather(*(ask(client) for client in clients))
    for client in clients:
        await client.close()
    return taken


async def test_ping_of_200_clients(serve, tmp_path, capsys):  # noqa: F811
    running = await serve("redis", {})
    ours = await latencies(running.port)
    async with real_redis(tmp_path, *OPEN) as port:
        floor = await latencies(port)
    with capsys.disabled():
        for name, taken in (("decoy", ours), ("redis-server", floor)):
            cuts = statistics.quantiles(taken, n=100)
            print(f"\n{name}: p50 {cuts[49] * 1000:.2f} ms, p99 {cuts[98] * 1000:.2f} ms", end="")
        print()
    assert statistics.quantiles(ours, n=100)[98] < 0.020
