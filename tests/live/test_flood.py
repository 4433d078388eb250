"""Floods against one decoy of a real decoy process: its limits hold, every one of them is told, others go on."""

from __future__ import annotations

import contextlib
import socket
from collections import Counter

import pytest

from decnet.events import EventType
from decnet.services.limits import Limits
from tests.bench.attackers import hello
from tests.live.decoys import ADDRESS, Process
from tests.live.lab import Lab, eventually, run

pytestmark = pytest.mark.live
MB = 1024 * 1024


@pytest.fixture(scope="module")
def process(lab: Lab, tmp_path_factory: pytest.TempPathFactory):
    started = Process(tmp_path_factory.mktemp("flood"))
    yield started
    started.end()


def connect(port: int, source: str = "127.0.3.1") -> socket.socket:
    return socket.create_connection((ADDRESS, port), timeout=10, source_address=(source, 0))


def ping(port: int, source: str = "127.0.2.1") -> bytes:
    with connect(port, source) as one:
        one.sendall(b"PING\r\n")
        return one.recv(64)


def knock(port: int, count: int, source: str) -> None:
    """Open and close so many connections as fast as one program can, without waiting for any."""
    for _ in range(count):
        with socket.socket() as one:
            one.bind((source, 0))
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect((ADDRESS, port))


def reasons(process: Process, decoy: str) -> Counter[str]:
    return Counter(e.data["reason"] for e in process.events(decoy) if e.type is EventType.CLOSE)


def told(process: Process, decoy: str, limit: str) -> list[dict]:
    return [
        dict(e.data)
        for e in process.events(decoy)
        if e.type is EventType.ERROR and e.data["error"] == f"limit: {limit}"
    ]


def test_a_source_that_comes_too_often_is_turned_away_and_counted_and_others_are_served(process):
    port = process.serve("often", "redis", Limits(connection_rate=40))
    calm = process.serve("often-calm", "redis")
    for _ in range(20):
        knock(port, 20, "127.0.3.9")
    assert ping(port) == b"+PONG\r\n"
    assert ping(calm) == b"+PONG\r\n"

    def accounted() -> int:
        opened = sum(e.type is EventType.OPEN for e in process.events("often"))
        assert opened < 150
        return opened + sum(one["count"] for one in told(process, "often", "rate"))

    eventually(lambda: accounted() == 401)
    assert all(list(one["sources"]) == ["127.0.3.9"] for one in told(process, "often", "rate"))


def test_a_visitor_who_sends_without_end_is_cut_off(process):
    port = process.serve("endless", "redis", Limits(session_bytes=2 * MB))
    calm = process.serve("endless-calm", "redis")
    with connect(port) as one:
        one.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\n")
        with pytest.raises(ConnectionError):  # noqa: PT012 (which of them it meets is the kernel's)
            for _ in range(100):
                one.sendall(bytes(MB))
    assert ping(calm) == b"+PONG\r\n"
    eventually(lambda: reasons(process, "endless") == {"limit: bytes": 1})
    (close,) = [e for e in process.events("endless") if e.type is EventType.CLOSE]
    assert close.data["received"] >= 2 * MB


@pytest.mark.parametrize(
    ("service", "greeting"), [("http", b"POST / HTTP/1.1\r\n"), ("ssh", b"SSH-2.0-x\r\n")]
)
def test_every_service_is_cut_off_at_its_bytes(process, service, greeting):
    port = process.serve(f"short-{service}", service, Limits(session_bytes=10))
    with connect(port) as one:
        one.sendall(greeting)
        with contextlib.suppress(ConnectionError):
            while one.recv(4096):
                pass
    eventually(lambda: reasons(process, f"short-{service}") == {"limit: bytes": 1})


def test_who_asks_for_a_key_exchange_and_leaves_holds_nobody_up(process):
    port = process.serve("asked", "ssh")
    calm = process.serve("asked-calm", "redis")
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connect(port)).sendall(hello())
        assert ping(calm) == b"+PONG\r\n"
    assert "ssh-ed25519" in run("ssh-keyscan", "-T", "20", "-t", "ed25519", "-p", str(port), ADDRESS)
    eventually(lambda: reasons(process, "asked").total() >= 101)
    assert not [event for event in process.events("asked") if event.type is EventType.ERROR]


def test_a_session_that_stays_is_ended(process):
    port = process.serve("stays", "redis", Limits(session_seconds=0.5))
    with connect(port) as one:
        assert one.recv(1) == b""
    eventually(lambda: reasons(process, "stays") == {"limit: time": 1})


def test_events_past_the_rate_are_counted_and_none_is_lost_without_a_word(process):
    port = process.serve("busy", "http", Limits(event_rate=20))
    with connect(port) as one:
        for _ in range(100):
            one.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            one.recv(65536)

    def accounted() -> int:
        asked = sum(e.type is EventType.REQUEST for e in process.events("busy"))
        assert asked < 60
        return asked + sum(one["types"]["request"] for one in told(process, "busy", "events"))

    eventually(lambda: accounted() == 100)


def test_limits_change_while_a_service_runs(process):
    port = process.serve("changes", "redis")
    with connect(port) as before:
        before.sendall(
            b"PING\r\n"
        )  # answered, so it has been let in: what waits in the queue gets what is new
        assert before.recv(64) == b"+PONG\r\n"
        process.change("changes", "redis", Limits(session_bytes=10))
        before.sendall(b"PING a-long-word\r\n")
        assert before.recv(64) == b"$11\r\na-long-word\r\n"
    with connect(port) as after:
        after.sendall(b"PING a-long-word\r\n")
        with contextlib.suppress(ConnectionError):
            assert after.recv(64) == b""
    eventually(lambda: reasons(process, "changes") == {"closed": 1, "limit: bytes": 1})
