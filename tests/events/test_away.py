"""Whatever kind a sink is of: it may be away for long, its disk may be full, the log may rotate; what is kept arrives.

DECNET_AWAY_SECONDS (2) says for how long it is away, DECNET_EVENTS (2,000) how many events are written meanwhile.
"""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

from decnet.events.file import FileSink, Rotation
from tests.events.peers import PEERS
from tests.events.shipping import Log, event

AWAY_SECONDS = float(os.environ.get("DECNET_AWAY_SECONDS", "2"))
EVENTS = int(os.environ.get("DECNET_EVENTS", "2000"))
PATIENCE_SECONDS = 30 + EVENTS // 500
pytestmark = pytest.mark.timeout(int(AWAY_SECONDS) + 4 * PATIENCE_SECONDS)


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=PEERS)
def peer(request, tmp_path, log):
    folder = tmp_path / "peer"
    folder.mkdir()
    made = PEERS[request.param](folder, log)
    yield made
    made.kill()


def test_a_sink_that_is_away_for_long_gets_all_of_it_in_order(log, peer):
    log.ship("sink", peer.setting)
    begun = time.monotonic()
    for begin in range(0, EVENTS, 500):
        log.write(*(event(number, text="x" * 200) for number in range(begin, min(EVENTS, begin + 500))))
    log.until(lambda: log.status("sink").state == "failing" and peer.away in log.status("sink").error)
    os.kill(log.pid(), signal.SIGKILL)
    log.ship("sink", peer.setting)
    time.sleep(max(0.0, AWAY_SECONDS - (time.monotonic() - begun)))
    assert (log.status("sink").queued, log.status("sink").sent) == (EVENTS, 0)
    assert log.status("sink").oldest >= AWAY_SECONDS - 1
    peer.start()
    log.until(lambda: len(peer.numbers()) > EVENTS // 10, PATIENCE_SECONDS)
    peer.kill()
    os.kill(log.pid(), signal.SIGKILL)
    log.ship("sink", peer.setting)
    peer.start()
    log.until(lambda: log.status("sink").queued == 0, PATIENCE_SECONDS)
    assert log.status("sink").state == "connected"
    log.until(lambda: list(dict.fromkeys(peer.numbers())) == list(range(EVENTS)), PATIENCE_SECONDS)
    assert (log.status("sink").dropped, log.status("sink").dropped_bytes) == (0, 0)


def test_what_the_log_does_not_keep_any_longer_is_counted_and_the_rest_arrives(log, peer):
    log.sink = FileSink(log.folder, Rotation(bytes=20_000, keep=3))
    log.ship("sink", peer.setting)
    log.until(lambda: log.status("sink").error)
    for number in range(12):
        log.write(*(event(100 * number + one, text="x" * 300) for one in range(100)))
        time.sleep(0.15)  # a writer looks ten times a second whether its file is full
        log.status("sink")  # as `decnet status` does: what rotation takes is counted to the event
    peer.start()
    log.until(lambda: log.status("sink").queued == 0, PATIENCE_SECONDS)
    status = log.status("sink")
    assert status.dropped > 0
    assert status.dropped + status.sent == 1200
    log.until(lambda: len(set(peer.numbers())) == status.sent)
    assert list(dict.fromkeys(peer.numbers())) == list(range(status.dropped, 1200))


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-n", "-t", "tmpfs", "-o", "size=256k", "none", place]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    yield place
    subprocess.run(["umount", "-n", "-l", place], check=True)


@pytest.mark.live
@pytest.mark.parametrize("kind", PEERS)
def test_a_full_disk_of_the_log_is_told_of_and_everything_goes_on_when_there_is_room(
    small_disk, tmp_path, kind
):
    log = Log(small_disk)
    (folder := tmp_path / "peer").mkdir()
    peer = PEERS[kind](folder, log)
    try:
        log.ship("sink", peer.setting)
        peer.start()
        log.write(event(0))
        log.until(lambda: log.status("sink").sent == 1)
        filler = small_disk / "filler"
        with contextlib.suppress(OSError):
            filler.write_bytes(b"x" * 500_000)
        log.write(*(event(number, text="x" * 1000) for number in range(1, 100)))
        assert log.sink.dropped > 0
        log.until(lambda: "place cannot be saved" in log.status("sink").error)
        assert log.status("sink").state == "connected"
        filler.unlink()
        log.write(event(100))
        log.until(lambda: log.status("sink").error == "")
        kept = [
            one for line in (log.events / "events.jsonl").read_bytes().splitlines() if (one := _decoded(line))
        ]
        assert [one["data"]["dropped"] for one in kept if one["type"] == "error"] == [log.sink.dropped]
        numbers = [one["data"]["number"] for one in kept if "number" in one["data"]]
        assert (numbers[0], numbers[-1], len(numbers)) == (0, 100, 101 - log.sink.dropped)
        log.until(lambda: list(dict.fromkeys(peer.numbers())) == numbers)
    finally:
        peer.kill()
        log.close()


def _decoded(line):
    with contextlib.suppress(ValueError):
        return json.loads(line)
    return None
