"""From the log to the store: every event once, whatever is killed, rotated, torn or hostile."""

import hashlib
import json
import os
import random
import shutil
import stat

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decnet.errors import StoreAway
from decnet.events import Event, EventType, FileSink, Rotation, now, read
from decnet.events.file import encode
from decnet.events.reader import Filter
from decnet.events.spool import Spool
from decnet.events.store import Intake, Source, Wanted, get_repository, ingest, record, records, writer
from tests.events.store import traffic
from tests.events.store.whole import everything

SOURCE = Source("host", "lab")


def take_in(store, log, **options):
    return Intake(store, log[1], SOURCE, **options).once()


def test_the_store_has_what_the_log_has(store, log):
    traffic.write(log[0], 5000)
    recap = take_in(store, log)
    assert (recap.new, recap.known, recap.refused) == (5000, 0, 0)
    assert [one.event for one in store.every()] == list(read(log[0], Filter()))
    assert [one.seq for one in store.every()] == list(range(1, 5001))


def test_a_second_run_takes_in_only_what_is_new(store, log):
    traffic.write(log[0], 300)
    take_in(store, log)
    traffic.write(log[0], 200, first=300)
    recap = take_in(store, log)
    assert (recap.new, recap.known) == (200, 0)


def test_a_log_without_a_place_is_known_by_its_ids(store, log):
    traffic.write(log[0], 900)
    take_in(store, log)
    before = everything(store)
    recap = Intake(store, log[1], Source("another-name", "lab")).once()
    assert (recap.new, recap.known) == (0, 900)
    assert everything(store) == before


def test_the_counts_are_those_of_the_events(store, log):
    traffic.write(log[0], 4000, attackers=20, decoys=10)
    take_in(store, log)
    events = list(read(log[0], Filter()))
    stats = store.stats()
    assert stats.events == 4000
    assert stats.types == {
        kind: count for kind in EventType if (count := sum(e.type is kind for e in events))
    }
    assert stats.services == {
        name: sum(e.service == name for e in events) for name in {e.service for e in events}
    }
    assert (stats.attackers, stats.decoys) == (len({e.src_ip for e in events}), 10)
    assert stats.sessions == stats.types["connection.open"]
    assert stats.attempts == stats.types["auth.attempt"]
    one = store.attacker(events[0].src_ip)
    mine = [e for e in events if e.src_ip == one.ip]
    assert (one.events, one.decoys) == (len(mine), len({e.decoy for e in mine}))
    assert one.commands == sum(e.type is EventType.COMMAND for e in mine)
    assert {visit.decoy for visit in store.visits(one.ip)} == {e.decoy for e in mine}
    session = store.session(events[0].session)
    assert session.events == sum(e.session == events[0].session for e in events)
    assert (session.received, session.sent, session.closed > 0) == (420, 1300, True)


def test_reused_secrets_are_known(store, log):
    def tried(number, decoy, src, secret, user="root"):
        when = traffic.START + number
        return Event(
            id=traffic.identity(number, when), ts="2026-11-22T17:16:42.000001Z", type=EventType.AUTH, network="lab",
            decoy=decoy, service="ssh", src_ip=src,
            data={"principal": user, "secret": secret, "secret_kind": "plaintext", "outcome": "refused"},
        )  # fmt: skip

    events = [
        tried(1, "a", "198.51.100.1", "Summer2024"),
        tried(2, "b", "198.51.100.1", "Summer2024", "admin"),
        tried(3, "a", "198.51.100.2", "Summer2024"),
        tried(4, "a", "198.51.100.1", "only here"),
        tried(5, "a", "198.51.100.1", "only here"),
    ]
    (log[0] / "events.jsonl").write_bytes(b"".join(map(encode, events)))
    take_in(store, log)
    reused = {(c.principal, c.secret): c for c in store.credentials(reused=True)}
    assert set(reused) == {("root", "Summer2024"), ("admin", "Summer2024")}
    root = reused["root", "Summer2024"]
    assert (root.attempts, root.principals, root.sources, root.decoys) == (2, 2, 2, 2)
    (alone,) = store.credentials(secret="only here")
    assert (alone.attempts, alone.sources, alone.decoys) == (2, 1, 1)


class Killed(Exception):  # noqa: N818
    """What ends an ingester in a test, at any point."""


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_batches_and_any_kill_give_the_rows_of_one_pass(tmp_path_factory, monkeypatch, data):
    """A kill is an exception after any statement: what a killed process leaves is what its transaction leaves."""
    root = tmp_path_factory.mktemp("any")
    folder = root / "log"
    traffic.write(folder, 240, attackers=6, decoys=5, first=data.draw(st.integers(0, 5)) * 1000)
    handle = os.open(folder, os.O_RDONLY)
    try:
        with get_repository(root / "one", writing=True) as one:
            Intake(one, handle, SOURCE).once()
            whole = everything(one)
        with get_repository(root / "many", writing=True) as many:
            places = iter(data.draw(st.lists(st.integers(0, 25), min_size=1, max_size=5)))
            for _ in range(8):
                left = next(places, None)
                monkeypatch.setattr(ingest, "_BATCH_EVENTS", data.draw(st.integers(1, 120)))
                with monkeypatch.context() as patched:
                    for name in ("_hold", "_decoys", "_sessions", "_credentials", "_save_place"):
                        patched.setattr(writer, name, _dying(getattr(writer, name), left := [left]))
                        left = left[0]
                    try:
                        Intake(many, handle, SOURCE).once()
                    except Killed:
                        continue
                break
            Intake(many, handle, SOURCE).once()
            assert everything(many) == whole
    finally:
        os.close(handle)


def _dying(function, left):
    """A function that raises after so many calls, before or after its work."""
    count = [left[0]]

    def called(*args):
        if count[0] is not None and count[0] <= 0:
            raise Killed
        result = function(*args)
        if count[0] is not None:
            count[0] -= 1
            if count[0] == 0 and random.Random(left[0]).random() < 0.5:
                raise Killed
        return result

    return called


def test_a_rotation_between_two_runs_costs_nothing_and_doubles_nothing(store, log):
    sink = FileSink(log[1], Rotation(bytes=30_000, seconds=1e12, keep=50))
    events = list(traffic.events(2000))
    for number, event in enumerate(events):
        sink._checked = 0.0
        sink.write(event)
        if number % 300 == 250:
            take_in(store, log)
    take_in(store, log)
    assert len(list(log[0].glob("events.jsonl.*"))) > 10
    assert [one.event.id for one in store.every()] == [event.id for event in events]


HOSTILE = [
    b'{"id":"no id","ts":"2026-11-22T17:16:42Z","type":"command","network":"lab"}',
    b'{"id":"01a20442-96d5-7182-a54f-622501c9fd84","ts":"yesterday","type":"command","network":"lab"}',
    b'{"id":"01a20442-96d5-7182-a54f-622501c9fd84","ts":"2026-11-22T17:16:42Z","type":"new.type","network":"lab"}',
    b"not json",
    b"\xff\xfe\x00",
    b'{"id":"01a20442-96d5-7182-a54f-622501c9fd85","ts":"2026-11-22T17:16:42Z","type":"command","network":"lab","data":'
    + b'{"a":' * 4000
    + b"1"
    + b"}" * 4000
    + b"}",
]
ODD = [
    {"src_port": 1 << 80, "dst_port": -1, "v": 1 << 70},
    {"network": "x" * 5000, "decoy": "\x1b[31m\x00", "service": "a\x00b", "session": "s" * 900},
    {"src_ip": "1.2.3.4\x00'; DROP TABLE event; --"},
    {"ts": "0001-01-01T00:00:00Z"},
    {"ts": "9999-12-31T23:59:59.999999Z"},
    {"ts": "2026-11-22T17:16:42"},
    {"type": "auth.attempt", "data": {"principal": ["a", {"b": 1}], "secret": None, "secret_kind": 1 << 90}},
    {"type": "auth.attempt", "data": {"principal": "p\x00" * 9000, "secret": "\ud7ff'\"%s%(x)s:y", "outcome": []}},
    {"type": "connection.close", "session": "s", "data": {"received": 1 << 90, "sent": -4, "duration": "long"}},
    {"type": "file.upload", "data": {"sha256": "../../etc/passwd", "size": 1 << 80, "content": "x"}},
    {"type": "file.upload", "data": {"sha256": "a" * 64, "size": True, "path": 12}},
    {"type": "command", "data": {"command": "\u202e\u0000" * 3000}},
]  # fmt: skip


def hostile_lines():
    for number, odd in enumerate(ODD):
        plain = {
            "id": traffic.identity(number, traffic.START), "ts": "2026-11-22T17:16:42.000001Z", "type": "command",
            "network": "lab", "decoy": "d", "service": "ssh", "session": "", "src_ip": "", "src_port": 1, "dst_ip": "",
            "dst_port": 2, "proto": "tcp", "data": {}, "v": 1,
        }  # fmt: skip
        yield json.dumps(plain | odd).encode()
    yield from HOSTILE


def test_what_a_taken_over_decoy_writes_stops_nothing_and_stays_inert(store, log):
    (log[0] / "events.jsonl").write_bytes(b"\n".join(hostile_lines()) + b"\n")
    traffic.write(log[0], 50, first=5000)
    recap = take_in(store, log)
    assert recap.new == len(ODD) + 50
    assert recap.refused == len(HOSTILE)
    for one in store.every():
        for value in (*one.event.data.values(), one.event.decoy, one.event.src_ip, one.event.service):
            assert not isinstance(value, str) or value.isprintable()
    for credential in store.credentials():
        assert (credential.principal + credential.secret).isprintable()
    assert store.stats().events == len(ODD) + 50


def test_an_id_from_the_future_costs_no_event(store, log):
    """It only costs the short cut for ids that come after all others."""
    last = Event(id="ffffffff-ffff-7fff-bfff-ffffffffffff", ts=now(), type=EventType.COMMAND, network="lab")
    (log[0] / "events.jsonl").write_bytes(encode(last))
    take_in(store, log)
    traffic.write(log[0], 100)
    assert take_in(store, log).new == 100
    assert Intake(store, log[1], Source("b", "lab")).once().known == 101


def test_content_that_an_event_has_whole_is_on_disk_by_its_digest(store, log):
    mails = [b"Subject: a\r\n\r\n\x00\xff\tb\xc3\xa4", b"x" * 5000]
    with_content = [
        Event.of(
            EventType.UPLOAD,
            {
                "sha256": hashlib.sha256(mail).hexdigest(),
                "size": len(mail),
                "content": mail[:4096],
                "path": "1.eml",
            },
            ts=now(),
            network="lab",
            decoy="mx",
        )
        for mail in mails
    ]
    (log[0] / "events.jsonl").write_bytes(b"".join(map(encode, with_content)))
    take_in(store, log)
    whole, part = (hashlib.sha256(mail).hexdigest() for mail in mails)
    kept = log[0] / "artifacts" / whole
    assert kept.read_bytes() == mails[0]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert not (log[0] / "artifacts" / part).exists()
    assert store.artifact(part).size == 5000
    assert store.artifact(whole).name == "1.eml"


def test_a_folder_of_artifacts_that_is_a_link_is_not_followed(store, log, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (log[0] / "artifacts").symlink_to(tmp_path / "elsewhere")
    traffic.write(log[0], 400)
    assert take_in(store, log).new == 400
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_store_that_is_away_for_a_while_is_awaited(store, log, monkeypatch):
    monkeypatch.setattr("decnet.events.store.ingest._FIRST_PAUSE", 0.01)
    traffic.write(log[0], 100)
    real, told, tries = store.take, [], []

    def take(*args):
        tries.append(1)
        if len(tries) <= 3:
            raise StoreAway("the store is away")
        return real(*args)

    monkeypatch.setattr(store, "take", take)
    intake = Intake(store, log[1], SOURCE, stop=lambda: len(tries) > 3, told=told.append)
    assert intake.follow().new == 100
    assert told == ["the store is away; trying again"]


def test_following_ends_with_the_log(store, log):
    traffic.write(log[0], 10)
    intake = Intake(store, log[1], SOURCE)
    intake.beat = lambda: intake.recap.new == 10 and shutil.rmtree(log[0], ignore_errors=True)
    assert intake.follow().new == 10


def test_records_are_events_again(store):
    event = next(traffic.events(1))
    assert record(event).json == "{}"
    assert list(records([b"nothing"])) == []
    assert store.events(Wanted(), 10) == []


def test_the_place_is_that_of_the_last_batch(store, log):
    traffic.write(log[0], 30)
    take_in(store, log)
    place = store.place(SOURCE)
    assert place.offset == (log[0] / "events.jsonl").stat().st_size
    assert place.sent == 30
    spool = Spool(log[1], place)
    assert spool.read(10, 1000) == []
    spool.close()
