"""A client that does not say what it wants is not waited for, nor is what it says kept without an end."""

import socket
import time
from contextlib import suppress

import httpx
import pytest

from decnet.api import connection
from tests.api.process import until
from tests.api.served import served


@pytest.fixture
def server(site):
    with served(site) as (url, running):
        yield url, running


def opened(url, first=b""):
    host, port = url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)), 10)
    client.sendall(first)
    return client


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", b""),
        (b"GET /api", b""),
        (b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n"),
        (b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n", b"G"),
    ],
    ids=["nothing", "half a line", "a header now and then", "one answered and another begun"],
)
def test_a_slow_head_is_cut_off(server, monkeypatch, first, then):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1.0)
    url, running = server
    with opened(url, first) as client:
        until(lambda: running.server_state.connections)

        def is_gone():
            with suppress(OSError):
                client.sendall(then)
            return not running.server_state.connections

        until(is_gone)
    assert httpx.get(f"{url}/api/v1/health").status_code == 200


def test_a_head_without_an_end_is_cut_off(server):
    url, running = server
    with opened(url, b"GET /api/v1/health HTTP/1.1\r\n") as client:
        sent = 0
        with suppress(OSError):  # it is cut off
            while sent < 64 << 20:
                client.sendall(b"a: " + b"x" * 8000 + b"\r\n")
                sent += 8005
        assert sent < 32 << 20
    until(lambda: not running.server_state.connections)
    assert httpx.get(f"{url}/api/v1/health").status_code == 200


def test_a_quick_head_has_as_long_as_it_likes(server, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    url, _ = server
    with httpx.Client() as client:
        for _ in range(3):
            assert client.get(f"{url}/api/v1/health", headers={"a": "x" * 20_000}).status_code == 200
            time.sleep(0.5)
