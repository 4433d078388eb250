"""Bytes from anywhere: the server answers or closes, and raises nothing."""

import asyncio
import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decnet.events import EventType
from decnet.services.http.apps import NAMES
from tests.service_testing.conftest import Serve

PIECES = [b"GET ", b"POST ", b"/", b"*", b"http://", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"Host: a\r\n", b"Host: [::1]:99999\r\n",
          b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Range: bytes=0-\r\n", b"Range: bytes=-9\r\n",
          b"If-Modified-Since: x\r\n", b"If-Modified-Since: Tue, 05 Mar 9999999 10:11:12 GMT\r\n", b"Authorization: Basic eA==\r\n",
          b"Cookie: a=b\r\n", b"Expect: 100-continue\r\n", b"\r\n", b"\n", b"\r", b"\0", b"%", b"%2e%2e/", b"5;x\r\nabcde\r\n0\r\n\r\n",
          b'{"user":{"a":[1,2]},"password":null}', b"log=a&pwd=%ff", b"?log=1&user=2&account=3&passwd=4", b"wp-login.php", b"login"]  # fmt: skip


@pytest.mark.fuzz
@pytest.mark.parametrize("app", NAMES)
async def test_no_bytes_raise(serve: Serve, app: str) -> None:
    running = await serve("http", {"fake_app": app})
    loop = asyncio.get_running_loop()

    async def throw(data: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(data)
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 5)
        writer.close()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=40)), max_size=14).map(b"".join))
    def examples(data: bytes) -> None:
        asyncio.run_coroutine_threadsafe(throw(data), loop).result(20)

    await asyncio.to_thread(examples)
    errors = [event.data for event in running.events if event.type == EventType.ERROR]
    assert not errors
