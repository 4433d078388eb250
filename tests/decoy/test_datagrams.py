"""UDP services: datagrams of one source are a session, bounded as a connection is, and answers never outgrow them."""

import asyncio
import socket

import pytest

from decnet.decoy import datagrams
from decnet.decoy.budget import Place
from decnet.decoy.listener import Listener
from decnet.events import EventType
from decnet.services.limits import Limits


class Echo:
    """Answers each datagram with itself, three times over when it says ``more``."""

    def datagram(self, data, flow):
        if data == b"crash":
            raise RuntimeError("a parser gave up")
        flow.session.emit(EventType.REQUEST, text=data)
        flow.reply(data * (4 if data.startswith(b"more") else 1))


class Loud(Echo):
    amplification = 100


@pytest.fixture
async def echo():
    started = []

    async def start(limits=None, handler=None):
        events = []
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]
        listener = Listener(
            Place("lab", "ns-01", "echo", "198.51.100.5"),
            [opened],
            handler or Echo(),
            events.append,
            limits,
        )
        started.append(listener)
        return listener, port, events

    yield start
    for listener in started:
        await listener.stop()


class Visitor:
    def __init__(self, port, source="127.0.0.1"):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((source, 0))
        self._socket.connect(("127.0.0.1", port))
        self._socket.setblocking(False)

    def send(self, data):
        self._socket.send(data)

    async def ask(self, data, wait=5.0):
        """The answer; None when none comes."""
        self._socket.send(data)
        try:
            async with asyncio.timeout(wait):
                return await asyncio.get_running_loop().sock_recv(self._socket, 65536)
        except TimeoutError:
            return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()


def kinds(events):
    return [e.type for e in events]


async def test_datagrams_of_one_source_are_one_session(echo):
    listener, port, events = await echo()
    with Visitor(port) as one:
        assert await one.ask(b"hello") == b"hello"
        assert await one.ask(b"again") == b"again"
        assert listener.sessions == 1
    await listener.stop()
    assert kinds(events) == [EventType.OPEN, EventType.REQUEST, EventType.REQUEST, EventType.CLOSE]
    assert {(e.session, e.proto, e.dst_port, e.dst_ip) for e in events} == {
        (events[0].session, "udp", port, "127.0.0.1")
    }
    close = events[-1].data
    assert (close["reason"], close["received"], close["sent"]) == ("stopped", 10, 10)


async def test_a_flow_ends_when_nothing_comes_any_more(echo, monkeypatch):
    monkeypatch.setattr(datagrams, "IDLE_SECONDS", 0.2)
    listener, port, events = await echo()
    with Visitor(port) as one:
        await one.ask(b"hello")
    async with asyncio.timeout(5):
        while listener.sessions:  # noqa: ASYNC110 (nothing tells of it)
            await asyncio.sleep(0.05)
    assert events[-1].data["reason"] == "closed"


async def test_an_answer_is_at_most_three_times_what_came(echo):
    _, port, _ = await echo()
    with Visitor(port) as one:
        assert await one.ask(b"more", wait=0.3) is None
        assert await one.ask(b"more", wait=5) == b"more" * 4  # both together are worth it


async def test_a_service_that_is_known_to_answer_at_length_may(echo):
    _, port, _ = await echo(handler=Loud())
    with Visitor(port) as one:
        assert await one.ask(b"more") == b"more" * 4


async def test_a_parser_that_raises_ends_that_flow_only(echo):
    _, port, events = await echo()
    with Visitor(port) as good, Visitor(port) as bad:
        await good.ask(b"hello")
        assert await bad.ask(b"crash", wait=0.2) is None
        assert await good.ask(b"still here") == b"still here"
    error, close = (e for e in events if e.type in {EventType.ERROR, EventType.CLOSE})
    assert (error.data["error"], close.data["reason"]) == ("RuntimeError", "error")
    assert error.session == close.session


async def test_a_source_that_sends_too_fast_is_passed_over_and_others_are_answered(echo):
    _, port, events = await echo(Limits(connection_rate=10))
    with Visitor(port) as loud, Visitor(port, "127.0.0.2") as calm:
        for _ in range(180):  # as many as fit into a socket buffer
            loud.send(b"x")
        assert await calm.ask(b"hello") == b"hello"
    async with asyncio.timeout(5):
        while not any(e.data.get("error") == "limit: rate" for e in events):  # noqa: ASYNC110 (a list has no event)
            await asyncio.sleep(0.05)
    told = next(e for e in events if e.data.get("error") == "limit: rate")
    assert list(told.data["types"]) == ["datagram"]
    assert list(told.data["sources"]) == ["127.0.0.1"]


async def test_a_full_house_lets_the_quietest_go(echo):
    listener, port, events = await echo(Limits(connections=2))
    with Visitor(port) as first, Visitor(port) as second, Visitor(port, "127.0.0.2") as third:
        await first.ask(b"1")
        await second.ask(b"2")
        await first.ask(b"3")
        assert await third.ask(b"4") == b"4"
    assert listener.sessions == 2
    (close,) = (e for e in events if e.type is EventType.CLOSE)
    assert close.data["reason"] == "limit: connections"
    assert close.session == next(e for e in events if e.data.get("text") == "2").session


async def test_a_flow_ends_at_its_bytes(echo):
    _, port, events = await echo(Limits(session_bytes=100))
    with Visitor(port) as one:
        assert await one.ask(bytes(90)) == bytes(90)
        assert await one.ask(bytes(90), wait=0.2) is None
    assert events[-1].data["reason"] == "limit: bytes"


async def test_a_service_without_datagrams_is_silent(echo):
    class Streams:
        async def handle(self, session):
            raise NotImplementedError

    _, port, events = await echo(handler=Streams())
    with Visitor(port) as one:
        assert await one.ask(b"hello", wait=0.2) is None
    assert kinds(events) == [EventType.OPEN]
