"""What holds a flood back: buckets, the gate, the budget of events, the bytes of a session, and sockets that rest."""

import asyncio
import contextlib
import socket
import time

import pytest

from decnet.decoy.bucket import Bucket
from decnet.decoy.budget import Budget, Place
from decnet.decoy.gate import Gate
from decnet.decoy.listener import WELCOME, Listener
from decnet.decoy.loop import Loop
from decnet.events import Event, EventType
from decnet.services.incoming import BYTES_PER_SECOND, READ_AT_ONCE, Incoming, LimitReached, Pace
from decnet.services.limits import Limits

HERE = Place("lab", "web-01", "echo")


def taken(bucket, times, at):
    return sum(bucket.take(at) for _ in range(times))


def test_a_bucket_gives_what_it_holds_and_then_its_rate():
    bucket = Bucket(rate=10, most=20)
    assert taken(bucket, 100, 1000.0) == 20
    assert taken(bucket, 100, 1000.5) == 5
    assert bucket.wait(1000.5) == pytest.approx(0.1)
    assert taken(bucket, 100, 2000.0) == 20


def test_debt_is_paid_back_before_anything_is_given():
    bucket = Bucket(rate=10)
    assert all(bucket.take(1000.0, debt=True) for _ in range(15))
    assert not bucket.take(1000.5)
    assert bucket.take(1000.7)


@pytest.mark.parametrize("rate", [0, 0.5, -1])
def test_a_rate_of_almost_nothing_is_no_error(rate):
    bucket = Bucket(rate)
    assert bucket.take(1000.0)
    assert bucket.wait(1000.0) > 1


def entered(gate, source, times, at):
    return sum(gate.enter(source, at) for _ in range(times))


def test_a_flooding_source_leaves_room_for_others():
    gate = Gate(Limits(connection_rate=100, connections=100, per_source=50))
    let_in = entered(gate, "198.51.100.1", 1000, 1000.0)
    assert let_in == 150
    assert gate.wait(1000.0) > 0  # so many refusals are enough for now
    now, others = 1000.0, 0
    for _ in range(50):
        now += max(0.1, gate.wait(now))
        entered(gate, "198.51.100.1", 20, now)
        others += gate.enter("198.51.100.2", now)
    assert others == 50


def test_the_rate_of_all_sources_together_makes_everybody_wait():
    gate = Gate(Limits(connection_rate=100))
    let_in = 0
    while not gate.wait(1000.0):
        let_in += gate.enter(f"198.51.100.{let_in}", 1000.0)
    assert let_in == 200
    assert gate.wait(1000.0) == pytest.approx(0.01)


def test_sources_that_went_are_forgotten():
    gate = Gate(Limits(connection_rate=1e6))
    for number in range(100_000):
        gate.enter(str(number), 1000.0 + number)
    assert len(gate._sources) <= 2048


def event(kind, source="198.51.100.1"):
    return Event.of(kind, {}, ts="", network="lab", src_ip=source)


async def test_events_past_the_rate_become_one_that_counts_them():
    written = []
    budget = Budget(HERE, written.append, 10)
    for number in range(50):
        budget.send(event(EventType.COMMAND, f"198.51.100.{number % 2}"))
    budget.send(event(EventType.AUTH))
    budget.send(event(EventType.CLOSE))
    assert [e.type for e in written] == [EventType.COMMAND] * 10 + [EventType.CLOSE]
    budget.tell()
    assert written[-1].data == {
        "error": "limit: events",
        "count": 41,
        "types": {"command": 40, "auth.attempt": 1},
        "sources": {"198.51.100.1": 21, "198.51.100.0": 20},
    }
    assert (written[-1].decoy, written[-1].service) == ("web-01", "echo")
    budget.tell()
    assert len(written) == 12


async def test_what_was_left_out_is_told_within_a_second_or_so():
    written = []
    budget = Budget(HERE, written.append, 1)
    for _ in range(3):
        budget.send(event(EventType.COMMAND))
    async with asyncio.timeout(5):
        while len(written) < 2:  # noqa: ASYNC110 (a list has no event)
            await asyncio.sleep(0.05)
    assert written[1].data["count"] == 2


async def test_a_million_sources_are_told_as_the_eight_busiest():
    written = []
    budget = Budget(HERE, written.append, 1)
    for number in range(10_000):
        budget.count("rate", "connection", f"source-{number}")
        budget.count("rate", "connection", "source-1")
    budget.tell()
    assert written[0].data["count"] == 20_000
    assert len(written[0].data["sources"]) == 8
    assert written[0].data["sources"]["source-1"] == 10_001


@contextlib.contextmanager
def connected(most=10_000_000, pace=None):
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    with client, Incoming(accepted, most, pace) as incoming:
        yield client, incoming


def test_a_socket_is_read_in_helpings_whoever_asks_for_more():
    with connected() as (client, incoming):
        client.sendall(bytes(100_000))
        incoming.setblocking(True)
        assert len(incoming.recv(1_000_000)) == READ_AT_ONCE
        assert incoming.recv_into(bytearray(1_000_000)) == READ_AT_ONCE
        assert incoming.recv_into(bytearray(100), 10) == 10


def test_a_look_ahead_does_not_count_and_reading_past_the_limit_raises():
    with connected(most=10) as (client, incoming):
        client.sendall(b"0123456789a")
        incoming.setblocking(True)
        for _ in range(3):
            assert incoming.recv(10, socket.MSG_PEEK) == b"0123456789"
        assert incoming.recv(10) == b"0123456789"
        assert not incoming.exceeded
        with pytest.raises(LimitReached, match="limit: bytes"):
            incoming.recv(10)
        assert incoming.exceeded


def test_a_fast_sender_rests_and_a_slow_one_does_not():
    rests = []
    pace = Pace(lambda descriptor, seconds: rests.append((descriptor, seconds)))
    for _ in range(BYTES_PER_SECOND // READ_AT_ONCE):
        pace.took(5, READ_AT_ONCE)
    assert rests[-1] == (5, pytest.approx(1, abs=0.2))
    rests.clear()
    pace.spent(5, 0.0001)
    assert rests == []
    pace.spent(5, 0.1)
    assert rests == [(5, pytest.approx(0.3))]


def on_our_loop(test):
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(asyncio.wait_for(test(), 20))


def test_a_socket_that_rests_is_read_afterwards_and_written_meanwhile():
    async def test():
        loop = asyncio.get_running_loop()
        with connected() as (client, incoming):
            reader = asyncio.StreamReader()
            transport, _ = await loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), incoming
            )
            descriptor = incoming.fileno()
            loop.rest(descriptor, 0.3)
            begun = time.monotonic()
            client.sendall(b"x")
            transport.write(b"y")
            assert await asyncio.to_thread(client.recv, 1) == b"y"
            assert await reader.read(1) == b"x"
            assert time.monotonic() - begun >= 0.3
            loop.rest(descriptor, 0.1)
            transport.pause_reading()
            client.sendall(b"z")
            await asyncio.sleep(0.2)
            transport.resume_reading()
            assert await reader.read(1) == b"z"
            transport.close()
            await asyncio.sleep(0)

    on_our_loop(test)


def test_a_resting_socket_may_be_closed_and_its_number_used_again():
    async def test():
        loop = asyncio.get_running_loop()
        one, other = socket.socketpair()
        heard = asyncio.Event()
        loop.add_reader(one, heard.set)
        number = one.fileno()
        loop.rest(number, 0.05)
        loop.remove_reader(one)
        one.close()
        loop.rest(number, 0.05)
        again, peer = socket.socketpair()
        for each in (again, peer):
            loop.add_reader(each, heard.set)
        await asyncio.sleep(0.1)
        peer.send(b"x")
        await heard.wait()
        for each in (again, peer):
            loop.remove_reader(each)
            each.close()
        other.close()

    on_our_loop(test)


async def test_a_crowd_is_let_in_at_once_and_who_comes_after_it_with_time_between_for_others():
    class Silent:
        async def handle(self, session):
            opened.append(time.monotonic())

    opened = []
    server = socket.create_server(("127.0.0.1", 0), backlog=512)
    listener = Listener(HERE, [server], Silent(), lambda _: None)
    with contextlib.ExitStack() as stack:
        for _ in range(WELCOME + 40):
            stack.enter_context(socket.create_connection(server.getsockname()))
        async with asyncio.timeout(5):
            while len(opened) < WELCOME + 40:  # noqa: ASYNC110 (a list has no event)
                await asyncio.sleep(0.01)
    await listener.stop()
    assert opened[WELCOME - 1] - opened[0] < WELCOME * 0.0019
    assert opened[-1] - opened[WELCOME] > 30 * 0.0019


def test_one_who_sends_without_end_is_slowed_down_and_others_are_answered():
    class Sink:
        async def handle(self, session):
            reader, writer = await session.streams()
            while data := await reader.read(65536):
                if data == b"ping\n":
                    writer.write(b"pong\n")

    async def test():
        server = socket.create_server(("127.0.0.1", 0))
        port = server.getsockname()[1]
        events = []
        ample = Limits(
            session_bytes=1 << 30
        )  # two seconds at the pace are all that a session may send usually
        listener = Listener(HERE, [server], Sink(), events.append, ample)
        with socket.create_connection(("127.0.0.1", port)) as client:

            def flood():
                client.settimeout(0.2)
                until, sent = time.monotonic() + 2, 0
                while time.monotonic() < until:
                    with contextlib.suppress(TimeoutError):
                        sent += client.send(bytes(65536))
                return sent

            flooding = asyncio.create_task(asyncio.to_thread(flood))
            for _ in range(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"ping\n")
                assert await reader.readline() == b"pong\n"
                writer.close()
                await asyncio.sleep(0.2)
            sent = await flooding
        await listener.stop()
        assert READ_AT_ONCE * 10 < sent < 2.5 * BYTES_PER_SECOND + 16_000_000  # what buffers take on top

    on_our_loop(test)
