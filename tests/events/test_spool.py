"""The log as a queue: a reader's place survives restarts, rotation, renames, torn lines; what is lost is counted."""

import json
import os

import pytest

from decnet.events import Event, EventType, FileSink, Rotation, now
from decnet.events.file import encode
from decnet.events.reader import decode
from decnet.events.spool import Place, Spool


def event(number):
    return Event.of(EventType.COMMAND, {"number": number}, ts=now(), network="lab", decoy="web-01")


def numbers(entries):
    return [json.loads(entry.line)["data"]["number"] for entry in entries]


class Log:
    """A folder that events are written to, and readers of it."""

    def __init__(self, path, keep=3):
        self.path = path
        self.folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self.sink = FileSink(self.folder, Rotation(bytes=1 << 30, keep=keep))
        self.written = 0

    def write(self, count=1):
        for _ in range(count):
            self.sink.write(event(self.written))
            self.written += 1

    def rotate(self):
        self.sink._rotate()

    def spool(self, place=None, **options):
        return Spool(self.folder, place, **options)

    @property
    def current(self):
        return self.path / "events.jsonl"


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path)
    yield made
    os.close(made.folder)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """A file that was put aside is finished: here nobody is late."""
    monkeypatch.setattr("decnet.events.spool.LATE_SECONDS", -1.0)


def take(spool, count=1000, *, settle=True):
    entries = []
    while more := spool.read(count - len(entries), 1 << 20):
        entries += more
    if settle and entries:
        spool.settle(entries[-1].mark, len(entries))
    return numbers(entries)


def test_what_is_kept_is_read_from_its_beginning_and_then_what_comes(log):
    log.write(3)
    log.rotate()
    log.write(2)
    spool = log.spool()
    assert take(spool) == [0, 1, 2, 3, 4]
    log.write(2)
    assert take(spool) == [5, 6]


def test_a_reader_of_what_comes_only_passes_over_what_is_there(log):
    log.write(3)
    spool = log.spool(history=False)
    assert take(spool) == []
    log.write(1)
    assert take(spool) == [3]


def test_a_reader_before_the_first_event_misses_none(log):
    spools = [log.spool(), log.spool(history=False), log.spool(Place())]
    log.write(2)
    assert [take(spool) for spool in spools] == [[0, 1]] * 3


@pytest.mark.parametrize("rotations", [0, 1, 3])
def test_a_new_reader_goes_on_where_the_last_one_was(log, rotations):
    log.write(4)
    spool = log.spool()
    assert take(spool, 2) == [0, 1]
    place = spool.place
    for _ in range(rotations):
        log.rotate()
        log.write(2)
    again = log.spool(place)
    assert take(again) == list(range(2, 4 + 2 * rotations))
    assert (again.place.sent, again.place.dropped) == (4 + 2 * rotations, 0)


def test_what_is_not_settled_is_read_again(log):
    log.write(4)
    spool = log.spool()
    assert take(spool, 2) == [0, 1]
    assert take(spool, settle=False) == [2, 3]
    spool.rewind()
    assert take(spool) == [2, 3]
    assert spool.place.sent == 4


def test_rotation_while_reading_loses_nothing(log):
    spool, seen = log.spool(), []
    for _ in range(6):
        log.write(3)
        seen += take(spool, 2)
        log.rotate()
    log.write(1)
    assert seen + take(spool) == list(range(19))
    assert spool.place.dropped == 0


def test_what_rotation_takes_from_a_slow_reader_is_counted_to_the_event(log):
    log.write(5)
    spool = log.spool()
    assert take(spool, 2) == [0, 1]
    for _ in range(4):  # the fourth takes the first file away
        log.rotate()
        log.write(1)
        spool.backlog()
        spool.read(0, 0)
    assert take(spool) == [5, 6, 7, 8]
    assert (spool.place.sent, spool.place.dropped) == (6, 3)
    assert spool.place.dropped_bytes == 3 * len(encode(event(0)))


def test_what_rotation_takes_while_nobody_reads_is_counted_in_bytes(log):
    log.write(5)
    spool = log.spool()
    assert take(spool, 2) == [0, 1]
    place, size = spool.place, len(encode(event(0)))
    spool.close()
    for number in range(6):  # the first three files go
        log.rotate()
        log.write(number + 1)
    again = log.spool(place)
    assert take(again) == list(range(5 + 1 + 2, log.written))
    assert again.place.dropped_bytes == pytest.approx((3 + 1 + 2) * size, abs=20)


def test_a_rewind_does_not_bring_back_what_was_given_up(log):
    log.write(4)
    spool = log.spool()
    assert take(spool, 2, settle=False) == [0, 1]
    for _ in range(4):
        log.rotate()
        log.write(1)
        spool.read(0, 0)
    spool.rewind()
    assert take(spool) == [4, 5, 6, 7]
    assert (spool.place.sent, spool.place.dropped) == (4, 4)


def test_a_file_that_somebody_else_renamed_is_read_to_its_end(log):
    log.write(3)
    log.rotate()
    log.write(2)
    spool = log.spool()
    assert take(spool, 4) == [0, 1, 2, 3]
    log.current.rename(log.path / "kept-by-logrotate")
    log.sink.close()
    log.write(2)
    assert take(spool) == [4, 5, 6]


def test_a_reader_that_comes_while_the_log_has_no_newest_file_goes_on_where_it_was(log):
    """Who rotates without our lock renames first; the next write makes the file anew."""
    log.write(2)
    log.rotate()
    log.write(3)
    spool = log.spool()
    assert take(spool, 4) == [0, 1, 2, 3]
    place = spool.place
    spool.close()
    log.current.rename(log.path / "events.jsonl.0")
    (log.path / "events.jsonl.1").rename(log.path / "events.jsonl.2")
    (log.path / "events.jsonl.0").rename(log.path / "events.jsonl.1")
    log.sink.close()
    again, fresh, from_now = log.spool(place), log.spool(), log.spool(history=False)
    log.write(1)
    assert (take(again), again.place.dropped_bytes) == ([4, 5], 0)
    assert take(fresh) == [0, 1, 2, 3, 4, 5]
    assert take(from_now) == [5]


def test_a_reader_that_comes_between_two_renames_misses_nothing(log):
    for _ in range(3):
        log.write(1)
        log.rotate()
    log.write(1)
    (log.path / "events.jsonl.2").rename(log.path / "events.jsonl.3")
    assert take(log.spool()) == [1, 2, 3]


def test_a_torn_line_costs_one_event_and_is_counted(log):
    log.write(1)
    with log.current.open("ab") as file:
        file.write(encode(event(-1))[:50])
    log.write(1)  # another writer knows nothing of it, and goes on in the same line
    with log.current.open("ab") as file:
        file.write(b"\xff\xfe nonsense\n")
    log.write(1)
    spool = log.spool()
    entries = spool.read(100, 1 << 20)
    kept = [decode(entry.line) for entry in entries]
    assert [one.data["number"] for one in kept if one] == [0, 1, 2]
    spool.settle(entries[-1].mark, 3)
    assert (spool.place.sent, spool.place.dropped) == (3, 1)


def test_a_last_line_without_its_end_is_waited_for(log):
    whole = encode(event(7))
    log.current.write_bytes(whole[:30])
    spool = log.spool()
    assert take(spool) == []
    with log.current.open("ab") as file:
        file.write(whole[30:])
    assert take(spool) == [7]


def test_a_torn_end_of_a_file_that_was_put_aside_is_passed_over(log):
    log.write(1)
    with log.current.open("ab") as file:
        file.write(b'{"id":"0')
    log.rotate()
    log.write(1)
    spool = log.spool()
    assert take(spool) == [0, 1]
    assert spool.place.dropped == 1


def test_a_line_that_never_ends_is_given_up(log, monkeypatch):
    monkeypatch.setattr("decnet.events.spool.LINE_LIMIT", 1000)
    monkeypatch.setattr("decnet.events.spool._CHUNK", 400)
    log.current.write_bytes(b"x" * 3000 + b"\n")
    log.sink.close()
    log.write(1)
    entries = log.spool().read(10, 1 << 20)
    assert json.loads(entries[-1].line)["data"]["number"] == 0


def test_an_inode_that_is_used_again_is_not_taken_for_the_old_file(log):
    log.write(2)
    spool = log.spool()
    take(spool)
    place = spool.place
    again = log.spool(Place(inode=place.inode, head="0" * 36, offset=10, last=place.last))
    assert take(again) == [0, 1]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_not_opened(log, kind):
    if kind == "link":
        log.current.symlink_to("/etc/hostname")
    elif kind == "pipe":
        os.mkfifo(log.current)
    else:
        log.current.mkdir()
    assert take(log.spool()) == []


def test_the_backlog_is_counted(log):
    log.write(5)
    log.rotate()
    log.write(5)
    spool = log.spool()
    assert spool.backlog().events == 10
    take(spool, 3)
    waiting = spool.backlog()
    assert (waiting.events, waiting.bytes) == (7, 7 * len(encode(event(0))))
    assert 0 <= waiting.oldest < 10
    take(spool)
    assert spool.backlog() == (type(waiting))(0, 0, 0.0)
