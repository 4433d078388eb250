"""The file sink: several writers, rotation, renames, full disks; and reading it all back."""

import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from decnet.events import Event, EventType, FileSink, Filter, Rotation, follow, now, read

ALL = Filter()


def event(number=0, decoy="web-01", kind=EventType.COMMAND):
    return Event.of(kind, {"number": number}, ts=now(), network="lab", decoy=decoy)


@pytest.fixture
def folder(tmp_path):
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield handle
    os.close(handle)


def test_what_is_written_is_read_back_in_order(folder, tmp_path):
    sink = FileSink(folder)
    for number in range(10):
        sink.write(event(number))
    assert [e.data["number"] for e in read(tmp_path, ALL)] == list(range(10))


def test_the_file_is_for_its_owner_only(folder, tmp_path):
    FileSink(folder).write(event())
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o777 == 0o600


def test_events_are_chosen_by_decoy_and_type(folder, tmp_path):
    sink = FileSink(folder)
    sink.write(event(1, "web-01", EventType.OPEN))
    sink.write(event(2, "web-01", EventType.AUTH))
    sink.write(event(3, "db-01", EventType.CLOSE))
    assert [e.data["number"] for e in read(tmp_path, Filter(decoys=("db-01",)))] == [3]
    assert [e.data["number"] for e in read(tmp_path, Filter(types=("connection",)))] == [1, 3]
    assert [e.data["number"] for e in read(tmp_path, Filter(types=("auth.attempt",)))] == [2]


def write_many(path, count, rotation):
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    sink = FileSink(handle, rotation)
    for number in range(count):
        sink.write(event(number, decoy=str(os.getpid())))
        if number % 50 == 0:
            sink._checked = 0.0  # look now, not after a second
    os._exit(1 if sink.dropped else 0)


def test_nothing_is_lost_or_mixed_when_four_processes_write_and_rotate(tmp_path):
    fork = multiprocessing.get_context("fork")
    rotation = Rotation(bytes=20_000, keep=1000)
    writers = [fork.Process(target=write_many, args=(tmp_path, 500, rotation)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    seen = [(e.decoy, e.data["number"]) for e in read(tmp_path, ALL)]
    assert len(seen) == len(set(seen)) == 2000
    assert list(tmp_path.glob("events.jsonl.*"))


def test_old_files_go_when_there_are_too_many(folder, tmp_path):
    sink = FileSink(folder, Rotation(bytes=200, keep=2))
    for number in range(50):
        sink._checked = -1e9
        sink.write(event(number))
    assert sorted(p.name for p in tmp_path.glob("events.jsonl*")) == [
        "events.jsonl",
        "events.jsonl.1",
        "events.jsonl.2",
    ]


def test_a_file_is_put_aside_when_its_first_line_is_old(folder, tmp_path):
    old = '{"id":"01000000-0000-7000-8000-000000000000","ts":"","type":"command","network":"lab"}\n'
    (tmp_path / "events.jsonl").write_text(old)
    FileSink(folder).write(event(1))
    assert (tmp_path / "events.jsonl.1").read_text() == old
    assert [e.data.get("number") for e in read(tmp_path, ALL)] == [None, 1]


def test_a_renamed_file_is_left_and_a_new_one_begun(folder, tmp_path):
    sink = FileSink(folder)
    sink.write(event(1))
    (tmp_path / "events.jsonl").rename(tmp_path / "kept-by-logrotate")
    sink._checked = -1e9
    sink.write(event(2))
    assert [e.data["number"] for e in read(tmp_path, ALL)] == [2]


def test_a_torn_line_is_passed_over(folder, tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b'{"id":"x","ts"\n\xff\xfe\n')
    FileSink(folder).write(event(7))
    assert [e.data["number"] for e in read(tmp_path, ALL)] == [7]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_counted_and_does_not_raise(folder, tmp_path):
    sink = FileSink(folder)
    sink.write(event())
    sink.close()
    sink._fd = os.open("/dev/full", os.O_WRONLY)
    sink._checked = time.monotonic()
    sink.write(event())
    assert sink.dropped == 1


def test_following_sees_what_comes_across_a_rotation(folder, tmp_path):
    sink, seen, done = FileSink(folder), [], threading.Event()
    sink.write(event(0))

    def listen():
        seen.extend(one.data["number"] for one in follow(tmp_path, ALL, done.is_set))

    listener = threading.Thread(target=listen)
    listener.start()
    time.sleep(0.5)
    sink.write(event(1))
    time.sleep(0.5)
    (tmp_path / "events.jsonl").rename(tmp_path / "events.jsonl.1")
    sink._checked = -1e9
    sink.write(event(2))
    deadline = time.monotonic() + 10
    while len(seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    done.set()
    listener.join(5)
    assert seen == [1, 2]
