"""Answers from memory: each computed once, none older than the interval of looks at the store."""

import asyncio

import pytest

from decnet.api import cache, tokens
from decnet.api.cache import Cache
from decnet.api.site import Site
from decnet.events.store import Source, get_repository, record
from tests.api.process import until
from tests.events.store import traffic

TOKEN = tokens.Token("1", "one", "", (tokens.Scope.READ,), 0, 0)


class Counted:
    """An application that counts what it is asked, and is slow."""

    def __init__(self, body=b"{}", status=200):
        self.asked, self.body, self.status = 0, body, status

    async def __call__(self, scope, receive, send):
        self.asked += 1
        number = self.asked
        await asyncio.sleep(0.02)
        if self.status is None:
            raise OSError("no")
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await send({"type": "http.response.body", "body": b"%d" % number})


async def ask(app, path="/api/v1/stats", query=b"", headers=(), token=TOKEN):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "query_string": query, "headers": headers, "token": token}
    await app(scope, None, send)
    return (
        sent[0]["status"],
        b"".join(one["body"] for one in sent[1:]),
        dict(sent[0]["headers"]).get(b"etag", b""),
    )


@pytest.fixture
def still():
    return Site(None, version=(1,))


async def test_many_who_ask_at_once_are_one_question(still):
    app = Cache(counted := Counted(), still)
    found = await asyncio.gather(*(ask(app) for _ in range(50)))
    assert counted.asked == 1
    assert {one[:2] for one in found} == {(200, b"{}1")}
    assert await ask(app) == found[0]
    assert app.hits == 1


async def test_path_query_scopes_and_version_are_told_apart(still):
    app = Cache(counted := Counted(), still)
    await ask(app)
    await ask(app, "/api/v1/events")
    await ask(app, query=b"a=1")
    await ask(app, token=None)
    assert counted.asked == 4
    still.version = (2,)
    await ask(app)
    assert counted.asked == 5
    still.version = None
    await ask(app)
    await ask(app)
    assert counted.asked == 7


async def test_nobody_joins_a_question_from_before_a_change(still):
    app = Cache(Counted(), still)
    old = asyncio.create_task(ask(app))
    await asyncio.sleep(0.01)
    still.version = (2,)
    new = await ask(app)
    assert ((await old)[1], new[1]) == (b"{}1", b"{}2")
    assert (await ask(app))[1] == b"{}2"


async def test_what_is_kept_is_bounded(still, monkeypatch):
    monkeypatch.setattr(cache, "ENTRIES", 3)
    monkeypatch.setattr(cache, "BYTES", 250)
    monkeypatch.setattr(cache, "LARGEST", 150)
    app = Cache(counted := Counted(b"x" * 100), still)
    for number in range(10):
        await ask(app, query=b"%d" % number)
    assert len(app._kept) == 2
    counted.body = b"x" * 200
    await ask(app, query=b"large")
    await ask(app, query=b"large")
    assert counted.asked == 12


@pytest.mark.parametrize("status", [404, 422, 503])
async def test_errors_are_not_kept(still, status):
    app = Cache(counted := Counted(status=status), still)
    assert [(await ask(app))[0] for _ in range(2)] == [status] * 2
    assert counted.asked == 2


async def test_a_failure_is_told_to_all_and_kept_by_none(still):
    app = Cache(counted := Counted(status=None), still)
    found = await asyncio.gather(*(ask(app) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [OSError] * 3
    counted.status = 200
    assert (await ask(app))[0] == 200


async def test_others_have_their_answer_when_the_first_is_gone(still):
    app = Cache(counted := Counted(), still)
    first = asyncio.create_task(ask(app))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(ask(app))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second)[1] == b"{}1"
    assert counted.asked == 1


@pytest.mark.parametrize(
    ("said", "status"),
    [("{}", 304), ("W/{}", 304), ('"x", {}', 304), ("*", 304), ('"x"', 200), ("{}x", 200), ("", 200)],
)
async def test_an_etag_that_is_known_is_304(still, said, status):
    app = Cache(Counted(), still)
    tag = (await ask(app))[2]
    headers = [(b"if-none-match", said.format(tag.decode()).encode())]
    found = await ask(app, headers=headers)
    assert (found[0], found[1], found[2]) == (status, b"" if status == 304 else b"{}1", tag)


def test_a_new_event_is_seen_and_until_then_answers_come_from_memory(client, folder):
    def asked():
        return client.get("/api/v1/stats").json()["events"]

    with get_repository(folder, writing=True) as store:
        source = Source("host", "lab")
        for number in range(5):
            until(lambda number=number: asked() == 1000 + number)
            (fresh,) = traffic.events(1, first=7000 + number)
            store.take(source, [record(fresh)], store.place(source))
        until(lambda: asked() == 1005)
    memory = client.app._app
    until(lambda: [asked(), memory.hits][1] > 0)
    before = memory.hits
    assert {asked() for _ in range(20)} == {1005}
    assert memory.hits >= before + 15  # a store that is closed may be another version once more
