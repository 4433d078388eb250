"""200 parallel clients: PING p99 of one process, with the real redis-server as the floor in the same run.

The load is redis-benchmark's, so that only the server's own time counts. "paced" is a client per connection that asks
five times a second, once it has been let in: 256 are as they come, more of them one every 2 ms (`WELCOME` of
`decnet.decoy.listener`). "flat out" is every connection asking again as soon as it is answered.
"""

import csv
import gc
import statistics
import sys

import pytest

from tests.service_testing.conftest import run, serve  # noqa: F401 (a fixture)
from tests.service_testing.redis_oracle import OPEN, real_redis

pytestmark = pytest.mark.bench
CLIENTS = 200

PACED = """
import selectors, socket, sys, time
port, clients, rounds = map(int, sys.argv[1:])
chosen = selectors.DefaultSelector()
for n in range(clients):
    one = socket.create_connection(("127.0.0.1", port))
    chosen.register(one, selectors.EVENT_READ)
sockets = [key.fileobj for key in chosen.get_map().values()]
for one in sockets:
    one.sendall(b"*1\\r\\n$4\\r\\nPING\\r\\n")
for one in sockets:
    one.recv(64)
sent, taken = {}, []
for _ in range(rounds):
    for one in sockets:
        sent[one] = time.perf_counter()
        one.sendall(b"*1\\r\\n$4\\r\\nPING\\r\\n")
        until = sent[one] + 0.2 / clients
        while (left := until - time.perf_counter()) > 0:
            for key, _ in chosen.select(left):
                key.fileobj.recv(64)
                taken.append(time.perf_counter() - sent.pop(key.fileobj))
print(" ".join(f"{one:.6f}" for one in taken))
"""


async def paced(port: int) -> list[float]:
    """Seconds of each PING of 200 clients, 1,000 a second in all."""
    done = await run(sys.executable, "-c", PACED, str(port), str(CLIENTS), "10")
    return [float(word) for word in done.stdout.split()]


async def flat_out(port: int) -> tuple[float, float]:
    """Requests a second and p99 in milliseconds."""
    done = await run(
        "redis-benchmark", "-p", str(port), "-c", str(CLIENTS), "-n", "20000", "-t", "ping_mbulk", "--csv"
    )
    row = list(csv.reader(done.stdout.decode().splitlines()))[-1]
    return float(row[1]), float(row[6])


@pytest.fixture(autouse=True)
def _frozen():
    """What the tests have loaded is not searched for garbage, as in a decoy process what that has: it took 0.1 s."""
    gc.freeze()
    yield
    gc.unfreeze()


async def test_ping_of_200_clients(serve, tmp_path, capsys):  # noqa: F811
    """The median of three rounds counts, the two by turns, each after some that came flat out."""
    running = await serve("redis", {})
    async with real_redis(tmp_path, *OPEN) as floor:
        ports = {"decoy": running.port, "redis-server": floor}
        figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ports}
        for _ in range(3):
            for name, port in ports.items():
                rate, p99 = await flat_out(port)
                figures[name].append((statistics.quantiles(await paced(port), n=100)[98], rate, p99))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in figures.items()
    }
    for name, (paced_p99, rate, p99) in medians.items():
        told = ", ".join(f"{row[0] * 1000:.2f}" for row in figures[name])
        with capsys.disabled():
            print(
                f"\n{name}: paced p99 {paced_p99 * 1000:.2f} ms (of {told}); "
                f"flat out {rate:.0f}/s, p99 {p99:.1f} ms"
            )
    assert medians["decoy"][0] < 0.020
