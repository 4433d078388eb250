"""HTTPS: the same site behind TLS."""

import asyncio
import ssl

from decnet.events import EventType
from tests.service_testing.conftest import Serve, run


async def test_curl_gets_a_page_and_the_certificate_stays(serve: Serve) -> None:
    running = await serve("https", {"fake_app": "apache"})
    url = f"https://127.0.0.1:{running.port}/"
    answer = await run("curl", "-sk", "-v", url)
    assert b"Example" in answer.stdout
    assert b"subject: CN=web01.example.com" in answer.stderr
    assert (await running.event(EventType.REQUEST)).data["status"] == 200
    again = await serve("https", {"fake_app": "apache"})
    pem = [
        await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", one.port))
        for one in (running, again)
    ]
    assert pem[0] == pem[1]


async def test_plain_http_on_the_tls_port_is_answered_as_the_server_does(serve: Serve) -> None:
    wanted = {
        "nginx": b"The plain HTTP request was sent to HTTPS port",
        "apache": b"speaking plain HTTP to an SSL-enabled server port",
        "grafana": b"Client sent an HTTP request to an HTTPS server.",
    }
    for app, text in wanted.items():
        running = await serve("https", {"fake_app": app})
        answer = await run("curl", "-s", f"http://127.0.0.1:{running.port}/")
        assert text in answer.stdout


async def test_a_broken_handshake_is_no_error(serve: Serve) -> None:
    running = await serve("https", {"fake_app": "nginx"})
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"\x16\x03\x01\x00\x05hello")
    await reader.read()
    writer.close()
    closed = await running.event(EventType.CLOSE)
    assert closed.data["reason"].startswith("peer:")
    assert not [event for event in running.events if event.type == EventType.ERROR]


async def test_the_common_name_can_be_set(serve: Serve) -> None:
    running = await serve("https", {"fake_app": "nginx", "tls_cn": "mail.example.org"})
    answer = await run("curl", "-sk", "-v", f"https://127.0.0.1:{running.port}/")
    assert b"CN=mail.example.org" in answer.stderr
