"""`decnet api` under load: Locust's users in processes of their own, a real store that changes ten times a second.

STRESS_USERS=2000 STRESS_SPAWN_RATE=200 pytest -m stress tests/stress/ -v -x -n0 -s
"""

import os
from pathlib import Path

import pytest

from tests.api.process import MANY, api, changing, fill
from tests.stress.runs import Knobs, run

KNOBS = Knobs()
CONNECTIONS = 50
pytestmark = [pytest.mark.stress, pytest.mark.timeout(KNOBS.duration + 900)]
PATHS = ("events?limit=50", "attackers?limit=50", "stats", "histogram")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = Path(KNOBS.state) if KNOBS.state else tmp_path_factory.mktemp("stress")
    if not (folder / "events.db").exists():
        fill(folder, KNOBS.events, **MANY)
    with api(folder, env={"DECNET_DEVELOPER_TRACING": "false"}) as started, changing(folder):
        yield started


def test_many_users_look_around(running):
    server = running.child
    seconds = KNOBS.duration + KNOBS.users // KNOBS.spawn_rate  # so long with all of them
    found = run(running, KNOBS, "users", "User", KNOBS.users, KNOBS.spawn_rate, seconds)
    judge(running, server, found, f"{KNOBS.users} users")


@pytest.mark.parametrize("path", PATHS)
def test_connections_without_a_pause(running, path):
    server = running.child
    title = path.partition("?")[0]
    seconds = max(2, KNOBS.duration // len(PATHS))
    found = run(running, KNOBS, title, "Flat", CONNECTIONS, CONNECTIONS, seconds, path)
    judge(running, server, found, f"{path}, {CONNECTIONS} connections")


def judge(running, server, found, what):
    print(f"\n{what}, {KNOBS.events:,} events, load of the machine {os.getloadavg()[0]:.1f}: {found}")
    assert found.why == ()
    assert found.failures == 0
    assert found.requests > KNOBS.duration
    assert running.child == server, "the server ended and another took its place"
    assert found.memory < 150
    assert found.rps >= KNOBS.min_rps
    assert found.p99 <= KNOBS.max_p99_ms
