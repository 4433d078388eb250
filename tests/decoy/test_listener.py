"""The listener: one connection never harms another, and everything that happens is an event."""

import asyncio
import socket

import pytest

from decnet.decoy.listener import Limits, Listener, Place
from decnet.events import EventType


class Echo:
    async def handle(self, session):
        reader, writer = await session.streams()
        while line := await reader.readline():
            if line == b"crash\n":
                raise RuntimeError("a parser gave up\x1b[0m")
            writer.write(line)
            await writer.drain()


@pytest.fixture
async def echo():
    started = []

    async def start(limits=None, handler=None):
        events = []
        listening = socket.create_server(("127.0.0.1", 0))
        listener = Listener(
            Place("lab", "web-01", "echo"), [listening], handler or Echo(), events.append, limits
        )
        started.append(listener)
        return listener, listening.getsockname()[1], events

    yield start
    for listener in started:
        await listener.stop()


async def closing(events, count=1):
    async with asyncio.timeout(5):
        while sum(e.type is EventType.CLOSE for e in events) < count:  # noqa: ASYNC110 (a list has no event)
            await asyncio.sleep(0.01)
    return [e for e in events if e.type is EventType.CLOSE]


async def test_a_connection_is_an_open_and_a_close_with_bytes_and_duration(echo):
    _, port, events = await echo()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    writer.close()
    (close,) = await closing(events)
    assert events[0].type is EventType.OPEN
    assert events[0].session == close.session
    assert (close.src_ip, close.dst_port) == ("127.0.0.1", port)
    assert (close.data["received"], close.data["sent"], close.data["reason"]) == (6, 6, "closed")
    assert close.data["duration"] > 0


async def test_a_handler_that_raises_ends_its_own_connection_only(echo):
    _, port, events = await echo()
    good_reader, good = await asyncio.open_connection("127.0.0.1", port)
    reader, bad = await asyncio.open_connection("127.0.0.1", port)
    bad.write(b"crash\n")
    assert await reader.read() == b""
    good.write(b"still here\n")
    assert await good_reader.readline() == b"still here\n"
    error = next(e for e in events if e.type is EventType.ERROR)
    assert error.data["error"] == "RuntimeError"
    assert error.data["text"] == "a parser gave up\\x1b[0m"
    good.close()
    bad.close()


async def test_connections_past_a_source_s_limit_are_closed_and_told(echo):
    _, port, events = await echo(Limits(connections=10, per_source=2))
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    (close,) = await closing(events)
    assert close.data["reason"] == "limit: source"
    for _, one in (*held, (reader, writer)):
        one.close()


async def test_a_place_is_free_again_when_its_visitor_has_gone(echo):
    _, port, events = await echo(Limits(connections=1))
    for number in range(1, 4):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x\n")
        assert await reader.readline() == b"x\n"
        writer.close()
        await closing(events, number)


async def test_a_session_ends_at_its_time_limit(echo):
    _, port, events = await echo(Limits(session_seconds=0.2))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    (close,) = await closing(events)
    assert close.data["reason"] == "limit: time"
    writer.close()


async def test_a_new_handler_serves_new_connections_and_leaves_open_ones(echo):
    class Shout:
        async def handle(self, session):
            reader, writer = await session.streams()
            writer.write((await reader.readline()).upper())

    listener, port, _ = await echo()
    old_reader, old = await asyncio.open_connection("127.0.0.1", port)
    old.write(b"a\n")
    assert await old_reader.readline() == b"a\n"
    listener.handler = Shout()
    new_reader, new = await asyncio.open_connection("127.0.0.1", port)
    new.write(b"b\n")
    old.write(b"b\n")
    assert await new_reader.readline() == b"B\n"
    assert await old_reader.readline() == b"b\n"
    old.close()
    new.close()


async def test_stopping_ends_sessions_and_frees_the_port(echo):
    listener, port, events = await echo()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"x\n")
    await reader.readline()
    await listener.stop()
    assert await reader.read() == b""
    (close,) = await closing(events)
    assert close.data["reason"] == "stopped"
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    writer.close()
