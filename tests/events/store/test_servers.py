"""The same store on real servers: PostgreSQL and MariaDB as Debian has them."""

import os
import threading
import time

import pytest
from sqlalchemy import create_engine, text

from decnet.errors import StoreAway, StoreError
from decnet.events.store import Intake, Limits, Source, Wanted, get_repository
from tests.events.store import traffic
from tests.events.store.servers import PASSWORD, running
from tests.events.store.test_intake import HOSTILE, ODD, SOURCE, hostile_lines
from tests.events.store.whole import everything

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def server(request):
    with running(request.param) as started:
        yield started


@pytest.fixture
def url(server):
    if server.process is None:
        server.start()
    return server.database()


@pytest.fixture
def other(url, tmp_path):
    with get_repository(tmp_path, url, writing=True) as opened:
        yield opened


def test_the_rows_are_those_of_sqlite(store, other, log):
    (log[0] / "events.jsonl").write_bytes(b"\n".join(hostile_lines()) + b"\n")
    traffic.write(log[0], 3000, first=5000)
    for one in (store, other):
        recap = Intake(one, log[1], SOURCE).once()
        assert (recap.new, recap.refused) == (3000 + len(ODD), len(HOSTILE))
    assert everything(other) == everything(store)


def test_a_second_time_does_nothing(other, log):
    traffic.write(log[0], 1500)
    Intake(other, log[1], SOURCE).once()
    before = everything(other)
    recap = Intake(other, log[1], Source("another", "lab")).once()
    assert (recap.new, recap.known) == (0, 1500)
    assert everything(other) == before


def test_every_question_has_the_answer_of_sqlite(store, other, log):
    traffic.write(log[0], 3000, attackers=12, decoys=9)
    for one in (store, other):
        Intake(one, log[1], SOURCE).once()
    some = store.events(limit=1)[0].event
    middle = traffic.START + 1500 * 50_000
    for wanted in (
        Wanted(decoys=("web-003", "web-004")),
        Wanted(networks=("lab",), types=("connection",), services=("ssh",)),
        Wanted(sources=(some.src_ip,), decoys=(some.decoy,)),
        Wanted(session=some.session),
        Wanted(since=middle, until=middle + 30_000_000),
        Wanted(before=700),
        Wanted(after=700),
        Wanted(decoys=("nobody",)),
    ):
        assert other.events(wanted) == store.events(wanted), wanted
    assert other.stats() == store.stats()
    assert other.attackers() == store.attackers()
    assert other.attackers(5, (middle, 1 << 40)) == store.attackers(5, (middle, 1 << 40))
    assert other.visits(some.src_ip) == store.visits(some.src_ip)
    assert other.sessions(20, src_ip=some.src_ip) == store.sessions(20, src_ip=some.src_ip)
    assert other.sessions(20, 900, decoy=some.decoy) == store.sessions(20, 900, decoy=some.decoy)
    assert other.credentials(1000) == store.credentials(1000)
    assert other.credentials(1000, reused=True) == store.credentials(1000, reused=True)
    assert other.artifacts() == store.artifacts()
    assert other.decoys() == store.decoys()
    span = (traffic.START - 86_400_000_000, traffic.START + 86_400_000_000)
    assert other.histogram(*span, 120) == store.histogram(*span, 120)
    assert other.event(some.id) == store.event(some.id)


def test_two_logs_at_a_time_and_the_same_one_twice(url, tmp_path, log):
    """Numbers stay without gaps and nothing is in twice, though three take in at once."""
    traffic.write(log[0], 2000)
    traffic.write(tmp_path / "second", 2000, first=10_000)
    second = os.open(tmp_path / "second", os.O_RDONLY)

    def take(folder, host):
        with get_repository(tmp_path, url, writing=True) as one:
            Intake(one, folder, Source(host, "lab")).once()

    threads = [
        threading.Thread(target=take, args=args) for args in ((log[1], "a"), (log[1], "b"), (second, "c"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(second)
    with get_repository(tmp_path, url) as one:
        assert [stored.seq for stored in one.every()] == list(range(1, 4001))
        assert sum(attacker.events for attacker in one.attackers(1000)) == 4000


def test_a_server_that_is_killed_is_awaited_and_nothing_is_lost_or_doubled(
    server, url, tmp_path, log, monkeypatch
):
    monkeypatch.setattr("decnet.events.store.ingest._BATCH_EVENTS", 100)
    traffic.write(log[0], 4000)
    told, done = [], threading.Event()
    with get_repository(tmp_path, url, writing=True) as one:
        intake = Intake(one, log[1], SOURCE, stop=done.is_set, told=told.append)
        thread = threading.Thread(target=intake.follow)
        thread.start()
        try:
            _until(lambda: intake.recap.new >= 500)
            server.kill()
            traffic.write(log[0], 1000, first=4000)
            _until(lambda: told)
            server.start()
            _until(lambda: one.stats().events == 5000, StoreAway)
        finally:
            done.set()
            thread.join()
        assert len({stored.event.id for stored in one.every()}) == 5000
        assert sum(attacker.events for attacker in one.attackers(1000)) == 5000
    assert PASSWORD not in "".join(told)


def _until(condition, *passed):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except passed:
            pass
        time.sleep(0.05)
    raise AssertionError("not in time")


def test_pruning(other, log):
    traffic.write(log[0], 6000)
    Intake(other, log[1], SOURCE).once()
    gone = other.prune(Limits(before=traffic.START + 2000 * 50_000))
    assert gone.events == 2000
    assert len(list(other.every())) == 4000
    assert not [s for s in other.sessions(1000) if s.last_seen < gone.before]
    before = other.prune(Limits(size=1 << 40)).size_before
    gone = other.prune(Limits(size=before // 3))
    assert 0 < gone.events < 4000
    assert other.size() == gone.size_after < gone.size_before


def test_a_newer_release_is_not_meddled_with(url, tmp_path):
    with get_repository(tmp_path, url, writing=True) as one:
        engine = create_engine(one.where.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for writing in (True, False):
        with pytest.raises(StoreError, match="revision 9999") as caught:
            get_repository(tmp_path, url, writing=writing)
        assert "newer release" in caught.value.hint


def test_a_store_of_mariadb_that_was_made_in_another_charset_is_put_right(url, tmp_path):
    if not url.startswith("mariadb"):
        pytest.skip("the others have one charset")
    with get_repository(tmp_path, url, writing=True) as one:
        engine = create_engine(one.where.url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE decoy CONVERT TO CHARACTER SET latin1"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    get_repository(tmp_path, url, writing=True).close()
    with engine.begin() as connection:
        collations = connection.execute(
            text(
                "SELECT DISTINCT table_collation FROM information_schema.tables WHERE table_schema = database()"
            )
        ).fetchall()
    engine.dispose()
    assert [row[0] for row in collations] == ["utf8mb4_nopad_bin"]


def test_an_empty_database_is_no_store_for_a_reader(url, tmp_path):
    with pytest.raises(StoreError, match="empty"):
        get_repository(tmp_path, url)


def test_a_wrong_password_is_told_and_not_shown(url, tmp_path):
    wrong = url.replace("decnet:", "decnet:Secret123")
    with pytest.raises(StoreAway) as caught:
        get_repository(tmp_path, wrong, writing=True)
    assert "Secret123" not in caught.value.message + caught.value.hint
    assert "***" in caught.value.message
