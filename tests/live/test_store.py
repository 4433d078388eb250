"""The ingester on a real disk that is full."""

import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from decnet.world import names
from tests.events.store import traffic

pytestmark = pytest.mark.live
EVENTS = 30_000


def test_a_full_disk_is_told_and_nothing_is_lost_or_doubled_when_there_is_room(lab, tmp_path):
    disk, state = tmp_path / "disk", tmp_path / "state"
    disk.mkdir()
    log = state / "events" / "lab"
    traffic.write(log, EVENTS)
    for path in (log, *log.iterdir()):
        os.chown(path, names.uid("lab"), -1)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs", disk], check=True)
    process = subprocess.Popen(
        [Path(sys.executable).with_name("decnet"), "ingest", "lab", "--follow", "--state", state],
        env={**os.environ, "DECNET_DB_URL": f"sqlite:///{disk}/events.db"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    told: list[str] = []
    reader = threading.Thread(target=lambda: told.extend(process.stderr), daemon=True)
    reader.start()
    try:
        _until(lambda: told)
        assert re.fullmatch(
            r"ingest: the store .*/events.db cannot be used: .*(full|disk I/O).*; trying again\n", told[0]
        )
        assert 0 <= _taken(disk) < EVENTS
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        _until(lambda: _taken(disk) == EVENTS)
    finally:
        process.terminate()
        process.wait(20)
        reader.join(5)
        process.stdout.close()
        process.stderr.close()
    with sqlite3.connect(disk / "events.db") as connection:
        counts = connection.execute(
            "SELECT count(*), count(DISTINCT id), (SELECT sum(events) FROM attacker) FROM event"
        ).fetchone()
    connection.close()
    subprocess.run(["umount", disk], check=True)
    assert counts == (EVENTS,) * 3
    assert len(told) < 5


def _taken(folder: Path) -> int:
    connection = sqlite3.connect(f"file:{folder}/events.db?mode=ro", uri=True, timeout=5)
    try:
        return connection.execute("SELECT next FROM counter").fetchone()[0] - 1
    except sqlite3.Error:
        return -1
    finally:
        connection.close()


def _until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
