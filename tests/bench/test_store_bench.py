"""The event store in SQLite: events a second from the log, and the time of every question, with floors beside them.

DECNET_BENCH_EVENTS (default 100,000) says how many; the figures of the issue are those of 1,000,000. Half of them are in
when the ingester is killed for the first time in the second test: DECNET_BENCH_KILLS (default 5) times.
"""

import os
import re
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from decnet.events.store import Source, Wanted, get_repository
from decnet.world import names
from tests.events.store import traffic

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
EVENTS = int(os.environ.get("DECNET_BENCH_EVENTS", "100000"))
KILLS = int(os.environ.get("DECNET_BENCH_KILLS", "5"))
ROUNDS = 30
PROGRAM = str(Path(sys.executable).with_name("decnet"))


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """A state folder with a full log."""
    folder = tmp_path_factory.mktemp("store")
    log = folder / "events" / "lab"
    traffic.write(log, EVENTS)
    hand_over(log)
    yield folder
    shutil.rmtree(folder)


def hand_over(log):
    if os.geteuid() == 0:
        for path in (log, *log.iterdir()):
            os.chown(path, names.uid("lab"), names.uid("lab"))


def test_a_full_log_into_sqlite(state, capsys):
    """By the command as it is run; the floor is sqlite3 with the same rows, one table, no index."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen([PROGRAM, "ingest", "lab", "--state", str(state)], stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _peak(process.pid))
        time.sleep(0.05)
    taken = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert process.returncode == 0
    with get_repository(state) as store:
        assert store.stats().events == EVENTS
        size = store.size()
    floor = _floor(state)
    with capsys.disabled():
        print(f"\n{EVENTS} events, load of the machine {os.getloadavg()[0]:.1f}")
        print(
            f"the log into the store   {EVENTS / taken:>9,.0f} events/s, {spent / EVENTS * 1e6:.0f} µs of CPU each"
        )
        print(f"rows into one table      {EVENTS / floor:>9,.0f} events/s")
        print(f"memory of the ingester   {peak / 1024:>9.1f} MB")
        print(f"the store on disk        {size / EVENTS:>9.0f} bytes an event")


def _peak(pid):
    try:
        return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])
    except (OSError, TypeError):
        return 0


def _floor(state):
    source = sqlite3.connect(state / "events.db")
    rows = source.execute("SELECT * FROM event").fetchall()
    source.close()
    target = sqlite3.connect(state / "floor.db")
    target.execute("PRAGMA journal_mode = WAL")
    target.execute(f"CREATE TABLE event ({', '.join(f'c{n}' for n in range(len(rows[0])))})")
    begun = time.perf_counter()
    with target:
        target.executemany(f"INSERT INTO event VALUES ({', '.join('?' * len(rows[0]))})", rows)
    taken = time.perf_counter() - begun
    target.close()
    return taken


def test_questions(state, capsys):
    """Each behind a page of the API, on a connection that is open; the median and the worst of some rounds."""
    middle = traffic.START + EVENTS // 2 * 50_000
    source = Source("host", "lab")
    with get_repository(state) as store:
        some = store.events(limit=1)[0].event
        deep = store.events(Wanted(before=EVENTS // 2), 1)[0].seq
        day = 86_400_000_000
        asked = {
            "a row by its key (the floor)": lambda: store.place(source),
            "events": store.events,
            "events, deep": lambda: store.events(Wanted(before=deep)),
            "events of a decoy": lambda: store.events(Wanted(decoys=(some.decoy,))),
            "events of a service": lambda: store.events(Wanted(services=("ssh",))),
            "events of a type": lambda: store.events(Wanted(types=("auth",))),
            "events of a service and a type that it has none of": lambda: store.events(
                Wanted(services=("ssh",), types=("file.upload",))
            ),
            "events of a source": lambda: store.events(Wanted(sources=(some.src_ip,))),
            "events of a source at a decoy": lambda: store.events(
                Wanted(sources=(some.src_ip,), decoys=(some.decoy,))
            ),
            "events of a session": lambda: store.events(Wanted(session=some.session)),
            "events of a network": lambda: store.events(Wanted(networks=("lab",))),
            "events of an hour": lambda: store.events(Wanted(since=middle, until=middle + day // 24)),
            "events of an hour, a decoy, a type": lambda: store.events(
                Wanted(since=middle, until=middle + day // 24, decoys=(some.decoy,), types=("command",))
            ),
            "events of a decoy and a type": lambda: store.events(
                Wanted(decoys=(some.decoy,), types=("file.upload",))
            ),
            "attackers": store.attackers,
            "an attacker's way": lambda: store.visits(some.src_ip),
            "sessions": store.sessions,
            "sessions of a source": lambda: store.sessions(src_ip=some.src_ip),
            "credentials": store.credentials,
            "credentials, reused": lambda: store.credentials(reused=True),
            "artifacts": store.artifacts,
            "decoys": store.decoys,
            "stats": store.stats,
            "histogram, a day by the hour": lambda: store.histogram(middle, middle + day, 3600),
            "histogram, an hour by the minute": lambda: store.histogram(middle, middle + day // 24, 60),
            "histogram, a year by the day": lambda: store.histogram(
                middle - 180 * day, middle + 180 * day, 86_400
            ),
        }
        table = {name: _times(question) for name, question in asked.items()}
    with capsys.disabled():
        print(f"\n{EVENTS} events, load of the machine {os.getloadavg()[0]:.1f}")
        for name, times in table.items():
            print(f"{name:52} {statistics.median(times):8.2f} ms, at most {max(times):8.2f} ms")


def _times(question):
    question()
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        question()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def test_kills_lose_and_double_nothing(tmp_path, capsys):
    log = tmp_path / "events" / "lab"
    traffic.write(log, EVENTS)
    hand_over(log)
    begun = time.perf_counter()
    for kill in range(KILLS):
        process = subprocess.Popen(
            [PROGRAM, "ingest", "lab", "--follow", "--state", str(tmp_path)], stderr=subprocess.DEVNULL
        )
        wanted = EVENTS * (kill + 1) // (KILLS + 1)
        deadline = time.monotonic() + 600
        while _taken(tmp_path) < wanted:
            assert time.monotonic() < deadline
            time.sleep(0.02 + 0.013 * kill)
        process.kill()
        process.wait()
    subprocess.run([PROGRAM, "ingest", "lab", "--state", str(tmp_path)], check=True, capture_output=True)
    connection = sqlite3.connect(tmp_path / "events.db")
    counts = connection.execute(
        "SELECT count(*), count(DISTINCT id), max(seq), (SELECT sum(events) FROM attacker), (SELECT sum(events) FROM decoy) FROM event"
    ).fetchone()
    connection.close()
    assert counts == (EVENTS,) * 5
    with capsys.disabled():
        print(f"\n{KILLS} kills, {EVENTS} events: 0 lost, 0 doubled, {time.perf_counter() - begun:.0f} s")


def _taken(folder):
    try:
        connection = sqlite3.connect(f"file:{folder}/events.db?mode=ro", uri=True, timeout=5)
        try:
            return connection.execute("SELECT next FROM counter").fetchone()[0] - 1
        finally:
            connection.close()
    except sqlite3.Error:
        return -1
