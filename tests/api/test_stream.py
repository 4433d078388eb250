"""The stream of events, over real sockets."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from decnet.api import pulse, stream, tokens
from decnet.api.site import Facts
from decnet.errors import StoreAway
from decnet.events import Event, EventType, now
from decnet.events.store import Source, Wanted, fits, get_repository, record
from tests.api.process import until
from tests.api.served import served
from tests.events.store import traffic

LISTENERS = 30


@pytest.fixture
def server(site, folder):
    """Address, headers that open everything, the hub."""
    _, secret = tokens.new(folder, "all", (tokens.Scope.READ,), 0)
    site.take(Facts(tokens.load(folder)))
    with served(site) as (url, running):
        yield f"{url}/api/v1/events/stream", {"Authorization": f"Bearer {secret}"}, running._hub


@pytest.fixture
def put(folder):
    """Puts events into the store."""
    with get_repository(folder, writing=True) as store:
        source = Source("host", "lab")

        def putting(*events):
            store.take(source, [record(one) for one in events], store.place(source))

        yield putting


def commands(*texts, decoy="web-001"):
    return [
        Event.of(EventType.COMMAND, {"command": text}, ts=now(), network="lab", decoy=decoy, service="ssh")
        for text in texts
    ]


def listen(url, headers, *, end, **params):
    """Events up to the one whose command is ``end``."""
    found = []
    with httpx.stream("GET", url, headers=headers, params=params, timeout=20) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
                if found[-1]["data"].get("command") == end:
                    return found
    return found


def test_every_listener_has_every_event_in_order_and_one_that_stops_reading_is_dropped(
    server, put, monkeypatch
):
    url, headers, hub = server
    monkeypatch.setattr(stream, "PENDING_BYTES", 64 << 10)
    with ThreadPoolExecutor(LISTENERS) as pool, _deaf(url, headers):
        heard = [pool.submit(listen, url, headers, end="last") for _ in range(LISTENERS)]
        until(lambda: hub.listeners == LISTENERS + 1)
        written = 0
        while hub.dropped == 0:
            put(*commands(*["x" * 4000] * 40))
            written += 40
            assert written < 20_000
            time.sleep(0.1)
        put(*commands("last"))
        results = [one.result(20) for one in heard]
        until(lambda: hub.listeners == 0)
    assert hub.dropped == 1
    for events in results:
        assert [one["seq"] for one in events] == list(range(1001, 1001 + written + 1))


def _deaf(url, headers):
    """A client that asks and never reads."""
    parts = urlsplit(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((parts.hostname, parts.port))
    client.sendall(
        f"GET {parts.path} HTTP/1.1\r\nHost: x\r\nAuthorization: {headers['Authorization']}\r\n\r\n".encode()
    )
    return client


def test_a_stream_goes_on_behind_the_last_event_that_was_seen(server, put):
    url, headers, hub = server
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(listen, url, headers | {"Last-Event-ID": "300"}, end="end", after="5")
        until(lambda: hub.listeners == 1)
        put(*commands("one", "end"))
        found = heard.result(20)
    assert [event["seq"] for event in found] == list(range(301, 1003))


def test_a_number_that_is_not_there_yet_hides_nothing(server, put):
    url, headers, hub = server
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(listen, url, headers | {"Last-Event-ID": "99999"}, end="end")
        until(lambda: hub.listeners == 1)
        put(*commands("end"))
        assert len(heard.result(20)) == 1


FILTERS = [
    {},
    {"decoy": ["web-001", "web-003"]},
    {"type": ["auth"]},
    {"type": ["command", "none"], "service": ["http"]},
    {"type": ["none"]},
    {"network": ["other"]},
    {"source": ["198.51.100.3"]},
    {"since": "2026-09-21T14:13:50Z", "until": "2026-09-21T14:17:35Z"},
]


@pytest.mark.parametrize("params", FILTERS)
def test_filters_are_those_of_events(server, put, params):
    url, headers, hub = server
    with ThreadPoolExecutor(1) as pool:
        old = pool.submit(listen, url, headers, end="end", after=0, **params)
        until(lambda: hub.listeners == 1)
        put(*traffic.events(300, attackers=10, decoys=5, first=5000))
        put(*commands("end", decoy="end"))
        until(lambda: hub._last >= 1301)
        hub.close()
        found = old.result(20)
    asked = httpx.get(
        url.removesuffix("/stream"), headers=headers, params=params | {"after": 0, "limit": 1000}
    )
    first = asked.json()["items"]
    rest = httpx.get(
        url.removesuffix("/stream"), headers=headers, params=params | {"after": 1000, "limit": 1000}
    )
    first = [one for one in first if one["seq"] <= 1000]
    assert found == first + rest.json()["items"]


def test_a_session_is_a_filter_too():
    one, other = traffic.events(2)
    assert fits(Wanted(session=one.session))(one)
    assert not fits(Wanted(session="x"))(other)


def test_a_token_that_is_revoked_ends_its_streams(server, site, put):
    url, headers, hub = server
    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(listen, url, headers, end="never")
        until(lambda: hub.listeners == 1)
        site.take(Facts())
        assert heard.result(5) == []


def test_silence_has_heartbeats_and_a_client_that_went_is_forgotten(server, monkeypatch):
    url, headers, hub = server
    monkeypatch.setattr(pulse, "HEARTBEAT", 0.1)
    with httpx.stream("GET", url, headers=headers, timeout=5) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        assert ":" in [next(lines) for _ in range(3)]
    until(lambda: hub.listeners == 0 and hub.streams == 0)


def test_head_and_wrong_words(server):
    url, headers, _ = server
    assert httpx.head(url, headers=headers).headers["content-type"].startswith("text/event-stream")
    assert httpx.get(url, headers=headers, params={"limit": 5}).status_code == 422
    assert httpx.get(url, headers=headers | {"Last-Event-ID": "x"}).status_code == 422
    assert httpx.get(url).status_code == 401


def test_a_store_that_is_away_is_told_and_ends_a_stream_that_has_begun(server, site, monkeypatch, capfd):
    url, headers, hub = server

    def away(*_):
        raise StoreAway("the store cannot be used")

    with monkeypatch.context() as changed:
        changed.setattr(site.store, "span", away)
        assert httpx.get(url, headers=headers).status_code == 503
        assert httpx.head(url, headers=headers).status_code == 503
    monkeypatch.setattr(site.store, "events", away)
    answer = httpx.get(url, headers=headers, params={"after": 1})
    assert (answer.status_code, answer.text) == (200, "retry: 2000\n\n")
    assert (hub.streams, hub.listeners) == (0, 0)
    assert capfd.readouterr().err == ""


def test_more_than_a_bound_are_told_to_come_later(server, monkeypatch):
    url, headers, _ = server
    monkeypatch.setattr("decnet.api.live.MOST", 0)
    answer = httpx.get(url, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
