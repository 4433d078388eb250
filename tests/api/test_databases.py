"""The API over PostgreSQL and MariaDB: its own tests once more, and every answer beside the one from SQLite."""

import os

import pytest

from decnet.api.site import Site
from decnet.events import Event, EventType
from decnet.events.file import encode
from decnet.events.store import Source, get_repository
from decnet.events.store.ingest import Intake
from decnet.events.store.record import stamp
from tests.api import test_resources as own
from tests.api.conftest import client_of, fill
from tests.events.store import traffic
from tests.events.store.servers import running

pytestmark = pytest.mark.timeout(240)
NAMES = [
    "root",
    "Root",
    "ROOT",
    "root ",
    " root",
    "röot",
    "ro\u0308ot",
    "Ångström",
    "zebra",
    "Zebra",
    "_x",
    "-x",
    "日本",
    "😀",
    "",
]
"""What databases compare in ways of their own: case, blanks at the end, accents, what is beyond the first plane."""
ASKED = [
    "\0",
    "a\0b",
    "\x01",
    "ROOT",
    "root",
    "root ",
    "Root",
    "😀",
    "%",
    "_",
    "\\",
    "'",
    "röot",
    "ro\u0308ot",
    "\udcff",
]


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def server(request):
    with running(request.param) as started:
        yield started


@pytest.fixture(scope="module")
def folder(server, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DECNET_DB_URL", server.database())
        made = tmp_path_factory.mktemp("api")
        fill(made, attackers=10, decoys=5)
        yield made


@pytest.fixture(scope="module")
def client(folder):
    with get_repository(folder) as store, client_of(Site(store), folder) as opened:
        yield opened


# The last two add events.
test_shapes = own.test_what_is_sent_has_the_shape_that_is_declared
test_pages = own.test_pages_hold_everything_once
test_filters = own.test_filters_let_through_what_they_say
test_a_decoy = own.test_a_decoy_has_its_state_and_its_counts
test_what_has_not_changed = own.test_what_has_not_changed_is_not_sent_again
test_hostile_data = own.test_hostile_data_is_inert


def odd_events():
    """Names and secrets that differ in little, and what nobody should send, at one second each."""
    words = [*NAMES, *own.HOSTILE]
    for number, word in enumerate(words):
        when = traffic.START + number * 1_000_000
        yield Event(
            id=traffic.identity(number, when), ts=stamp(when), type=EventType.AUTH, network=f"net{word[:20]}",
            decoy=word[:200], service=word[:20], session=traffic.identity(number, when, 1), src_ip=f"198.51.100.{number}",
            data={"principal": word, "secret": word[::-1], "secret_kind": "plaintext", "outcome": "refused"},
        )  # fmt: skip


def lines_of(events):
    for one in events:
        try:
            yield encode(one)
        except UnicodeEncodeError:  # a byte that is no UTF-8: as it stands in a log that somebody else wrote
            data = {**one.data, "principal": "?", "secret": "?"}
            plain = Event(**{**{name: getattr(one, name) for name in one.__struct_fields__}, "data": data})
            fixed = dict.fromkeys(("network", "decoy", "service"), "x")
            yield encode(
                Event(**{**{n: getattr(plain, n) for n in plain.__struct_fields__}, **fixed})
            ).replace(b"?", b"\xff")


@pytest.fixture(scope="module")
def pair(server, tmp_path_factory):
    """The same odd events in SQLite and in the other, and a client of each."""
    clients, folders = [], [tmp_path_factory.mktemp(name) for name in ("sqlite", "other")]
    lines = list(lines_of(odd_events()))
    with pytest.MonkeyPatch.context() as patch:
        for made, url in zip(folders, (f"sqlite:///{folders[0]}/events.db", server.database()), strict=True):
            patch.setenv("DECNET_DB_URL", url)
            log = made / "events" / "lab"
            log.mkdir(parents=True)
            (log / "events.jsonl").write_bytes(b"".join(lines))
            handle = os.open(log, os.O_RDONLY | os.O_DIRECTORY)
            with get_repository(made, writing=True) as store:
                Intake(store, handle, Source("host", "lab")).once()
            os.close(handle)
            store = get_repository(made)
            opened = client_of(Site(store), made)
            clients.append((opened.__enter__(), opened, store))
    yield clients[0][0], clients[1][0]
    for _, opened, store in clients:
        opened.__exit__(None, None, None)
        store.close()


def both(pair, path, **asked):
    answers = [one.get(f"/api/v1/{path}", params=asked) for one in pair]
    return [(answer.status_code, answer.json()) for answer in answers]


@pytest.mark.parametrize(
    "path",
    [
        "networks",
        "decoys",
        "events",
        "sessions",
        "attackers",
        "credentials",
        "artifacts",
        "stats",
        "histogram",
        "topology",
    ],
)
def test_every_answer_is_that_of_sqlite(pair, path):
    ours, theirs = both(
        pair,
        path,
        **({} if path in ("networks", "decoys", "stats", "histogram", "topology") else {"limit": 100}),
    )
    assert theirs == ours
    assert ours[0] == 200


@pytest.mark.parametrize("path", ["events", "sessions", "credentials", "attackers"])
def test_pages_are_those_of_sqlite(pair, path):
    cursor, seen = None, 0
    for _ in range(20):
        ours, theirs = both(pair, path, limit=4, **({"cursor": cursor} if cursor else {}))
        assert theirs == ours
        seen += len(ours[1]["items"])
        cursor = ours[1]["next"]
        if cursor is None:
            break
    assert seen == len(list(odd_events())) - 2  # the line of 10 MB and the one that is no UTF-8 are no events


@pytest.mark.parametrize("word", ASKED)
def test_what_is_asked_for_is_found_as_by_sqlite(pair, word):
    asked = word.encode("utf-8", "surrogateescape")
    for path, names in {
        "events": ("decoy", "network", "service", "source", "session", "type"),
        "sessions": ("decoy", "source"),
        "credentials": ("secret",),
        "decoys": ("network",),
        "histogram": ("network",),
    }.items():
        for name in names:
            ours, theirs = both(pair, path, **{name: asked})
            assert theirs == ours, (path, name)
            assert ours[0] in (200, 422)
    for path in ("attackers", "sessions", "decoys"):
        found = [one.get(f"/api/v1/{path}/{_quoted(asked)}") for one in pair]
        assert found[0].status_code in (200, 404)
        assert found[0].json() == found[1].json()


def _quoted(raw: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in raw)


def test_names_that_differ_in_little_are_others(pair):
    for word in ("root", "Root", "ROOT"):
        ours, theirs = both(pair, "events", decoy=word)
        assert [one["decoy"] for one in theirs[1]["items"]] == [word]
        assert theirs == ours
