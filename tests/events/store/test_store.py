"""The store itself: its file, its pages, retention, revisions, and what is wrong told in words."""

import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from decnet.errors import StoreAway, StoreError
from decnet.events import EventType, read
from decnet.events.reader import Filter
from decnet.events.store import Intake, Limits, Source, Wanted, address, get_repository, schema, upgrade
from decnet.events.store.times import cover
from tests.events.store import traffic

STEP = 50_000


@pytest.fixture
def full(store, log):
    """2,000 events of 10 decoys and 20 attackers."""
    traffic.write(log[0], 2000, attackers=20, decoys=10)
    Intake(store, log[1], Source("host", "lab")).once()
    return store, list(read(log[0], Filter()))


def test_its_file_is_for_its_owner_only(store, tmp_path):
    for name in ("events.db", "events.db-wal", "events.db-shm"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path):
    (tmp_path / "events.db").touch(mode=0o644)
    get_repository(tmp_path, writing=True).close()
    assert stat.S_IMODE((tmp_path / "events.db").stat().st_mode) == 0o600


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "target").touch()
    (tmp_path / "events.db").symlink_to(tmp_path / "target")
    with pytest.raises(StoreAway):
        get_repository(tmp_path, writing=True)
    assert (tmp_path / "target").stat().st_size == 0


def test_a_reader_makes_nothing_and_changes_nothing(full, tmp_path):
    with pytest.raises(StoreError, match="there is no store"):
        get_repository(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with get_repository(tmp_path) as reader:
        assert len(list(reader.every())) == 2000
        with pytest.raises(StoreError):
            reader.prune(Limits(before=1 << 60))
        assert len(list(reader.every())) == 2000


CASES = [
    (Wanted(decoys=("web-003",)), lambda e: e.decoy == "web-003"),
    (Wanted(decoys=("web-003", "web-004")), lambda e: e.decoy in ("web-003", "web-004")),
    (Wanted(types=("connection",)), lambda e: e.type.startswith("connection.")),
    (Wanted(types=("command",), services=("ssh",)), lambda e: e.type == "command" and e.service == "ssh"),
    (Wanted(services=("smtp", "redis")), lambda e: e.service in ("smtp", "redis")),
    (Wanted(networks=("lab",), decoys=("web-001",)), lambda e: e.decoy == "web-001"),
    (Wanted(networks=("other",)), lambda e: False),
    (Wanted(types=("scan",)), lambda e: False),
    (Wanted(types=("connect",)), lambda e: False),
    (Wanted(session="no such"), lambda e: False),
]


def test_a_process_that_has_left_the_file_s_reach_answers_however_many_ask_at_once(full, tmp_path):
    with get_repository(tmp_path) as reader:
        reader.open_ahead()
        for name in ("events.db", "events.db-wal", "events.db-shm"):
            (tmp_path / name).rename(tmp_path / f"was-{name}")
        try:
            with ThreadPoolExecutor(30) as pool:
                pages = [pool.submit(reader.events, Wanted(), 500) for _ in range(300)]
                assert reader.version() == reader.version()
                assert {len(page.result()) for page in pages} == {500}
            with pytest.raises(StoreError, match="there is no store"):
                get_repository(tmp_path)
        finally:
            for name in ("events.db", "events.db-wal", "events.db-shm"):
                (tmp_path / f"was-{name}").rename(tmp_path / name)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_filter_gives_what_a_look_at_every_event_gives(full, number):
    store, events = full
    wanted, fits = CASES[number]
    assert [one.event for one in store.every(wanted)] == [event for event in events if fits(event)]


def test_filters_together(full):
    store, events = full
    some = events[777]
    wanted = Wanted(
        networks=("lab",), decoys=(some.decoy,), services=(some.service,), types=(some.type,), sources=(some.src_ip,),
        session=some.session, since=traffic.START + 770 * STEP, until=traffic.START + 790 * STEP,
    )  # fmt: skip
    found = [one.event for one in store.every(wanted)]
    assert some in found
    assert all(event.session == some.session and event.type == some.type for event in found)


@pytest.mark.parametrize(
    ("since", "until"), [(0, 5), (3, 3), (1199, 1201), (1500, None), (None, 17), (None, None)]
)
def test_times_are_exact_though_they_are_looked_up_by_the_minute(full, since, until):
    store, events = full

    def at(number):
        return None if number is None else traffic.START + number * STEP

    found = [one.event for one in store.every(Wanted(since=at(since), until=at(until)))]
    assert found == events[slice(since, until)]


@pytest.mark.parametrize(
    ("low", "high"), [(0, 60), (60, 86_400 * 3 + 60), (3540, 3660), (86_340, 90_060), (0, 1 << 40)]
)
def test_a_span_of_time_is_covered_once_by_few_tallies(low, high):
    parts = cover(low, high)
    assert parts[0][1] == low
    assert all(before[2] == after[1] for before, after in pairwise(parts))
    assert parts[-1][2] == high // 60 * 60
    assert len(parts) <= 5
    assert all(begin % width == 0 == end % width for width, begin, end in parts)


def test_pages_follow_one_another_without_gap_or_doubling(full):
    store, events = full
    seen, wanted = [], Wanted(types=("command",))
    for _ in range(200):
        page = store.events(wanted, 37)
        if not page:
            break
        seen += page
        wanted = replace(wanted, before=page[-1].seq)
    assert [one.event for one in seen] == [e for e in events if e.type is EventType.COMMAND][::-1]
    people, before = [], None
    for _ in range(50):
        page = store.attackers(3, before)
        if not page:
            break
        people += page
        before = (page[-1].last_seen, page[-1].id)
    assert len({one.ip for one in people}) == len(people) == 20
    assert [one.last_seen for one in people] == sorted((one.last_seen for one in people), reverse=True)


def test_a_page_is_never_larger_than_a_thousand(full):
    assert len(full[0].events(Wanted(), 10**9)) == 1000


def test_the_histogram_counts_every_event_once(full):
    store, _ = full
    begin, end = traffic.START - 86_400_000_000, traffic.START + 86_400_000_000
    for width in (60, 300, 3600, 7200, 86_400):
        bars = store.histogram(begin, end, width)
        assert sum(bar.events for bar in bars) == 2000
        assert all(bar.start % (width * 1_000_000) == 0 for bar in bars)
    assert store.histogram(begin, end, 60, ("other",)) == []


def test_pruning_takes_what_is_old_and_what_only_that_was_of(full):
    store, events = full
    cut = traffic.START + 1500 * STEP
    told = store.prune(Limits(before=cut), dry_run=True)
    assert len(list(store.every())) == 2000
    gone = store.prune(Limits(before=cut))
    assert (gone.events, gone.sessions, gone.credentials) == (told.events, told.sessions, told.credentials)
    assert [one.event for one in store.every()] == events[1500:]
    kept = {event.session for event in events[1500:]}
    assert {one.uid for one in store.sessions(1000)} == kept
    assert all(one.last_seen >= cut for one in store.credentials(1000))
    assert store.prune(Limits(before=cut)).events == 0


def test_pruning_by_size_gives_room_back_to_the_disk(store, log, tmp_path):
    traffic.write(log[0], 12_000)
    Intake(store, log[1], Source("host", "lab")).once()
    whole = store.size()
    gone = store.prune(Limits(size=whole // 2))
    assert gone.size_after <= whole * 0.6
    assert (tmp_path / "events.db").stat().st_size == gone.size_after
    assert store.prune(Limits(size=whole)).events == 0


def test_the_place_survives_pruning_so_nothing_comes_back(full, log):
    store, _ = full
    store.prune(Limits(before=1 << 60))
    assert Intake(store, log[1], Source("host", "lab")).once().new == 0
    assert store.events() == []


def test_the_last_revision_is_what_the_code_has(store):
    scripts = ScriptDirectory(str(upgrade._FOLDER))
    assert scripts.get_heads() == [schema.HEAD]
    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_every_revision_upgrades_to_the_last(tmp_path):
    """From each on: a store that any release has left."""
    for script in ScriptDirectory(str(upgrade._FOLDER)).walk_revisions():
        folder = tmp_path / script.revision
        folder.mkdir()
        get_repository(folder, writing=True).close()
        (folder / "events.db").unlink()
        config = Config()
        config.set_main_option("script_location", str(upgrade._FOLDER))
        engine = create_engine(f"sqlite:///{folder}/events.db")
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, script.revision)
        engine.dispose()
        with get_repository(folder, writing=True) as store, store._engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def _changed(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / "events.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_newer_store_is_refused_and_left_alone(tmp_path):
    get_repository(tmp_path, writing=True).close()
    _changed(tmp_path, "UPDATE alembic_version SET version_num = '9999'")
    for writing in (True, False):
        with pytest.raises(StoreError, match="revision 9999; this release knows them up to") as caught:
            get_repository(tmp_path, writing=writing)
        assert caught.value.hint == "use the newer release that wrote it"


def test_a_file_that_is_no_store_is_told(tmp_path):
    (tmp_path / "events.db").write_bytes(b"not a database, and long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        get_repository(tmp_path, writing=True)


WRONG = [
    ("foo", "holds no URL", "postgresql://"),
    ("oracle://scott:tiger@host/db", "no store is kept in oracle", "sqlite:"),
    ("postgresql://u:tiger@host", "without the name of a database", "postgresql://"),
    ("sqlite://", "names no file", "four slashes"),
    ("sqlite://host/x", "names no file", "four slashes"),
    ("postgresql://u:tiger@host:port/x", "holds no URL", "postgresql://"),
]


@pytest.mark.parametrize(("url", "words", "hint"), WRONG)
def test_a_wrong_url_is_told_without_its_password(tmp_path, url, words, hint):
    with pytest.raises(StoreError, match=words) as caught:
        get_repository(tmp_path, url, writing=True)
    assert hint in caught.value.hint
    assert "tiger" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("url", "hint"),
    [("mysql://u@h/x", "decnet[mariadb]"), ("postgres://u@h/x", "python3-psycopg")],
)
def test_a_driver_that_is_missing_is_named(tmp_path, monkeypatch, url, hint):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(StoreError, match="driver for") as caught:
        address(tmp_path, url)
    assert hint in caught.value.hint


def test_a_url_of_the_environment_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("DECNET_DB_URL", f"sqlite:///{tmp_path}/other.db")
    get_repository(tmp_path / "state", writing=True).close()
    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "state").exists()


def test_a_server_that_is_away_is_told(tmp_path):
    with pytest.raises(StoreAway, match="cannot be used") as caught:
        get_repository(tmp_path, "postgresql://u:tiger@127.0.0.1:1/x", writing=True)
    assert "tiger" not in caught.value.message
    assert "is the server up" in caught.value.hint


def test_what_faces_attackers_loads_no_database():
    told = subprocess.run(
        [sys.executable, "-c", "import sys, decnet.decoy.__main__, decnet.shipper.__main__; print('sqlalchemy' in sys.modules)"],
        capture_output=True, text=True, check=True, env={**os.environ},
    ).stdout  # fmt: skip
    assert told.strip() == "False"
