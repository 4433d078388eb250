"""Webhooks to a real HTTPS server that is down, slow, full, angry, or hangs up."""

import http.server
import json
import os
import signal
import ssl
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from decnet.events.sinks import Body, Format, WebhookSetting
from tests.events import certificates
from tests.events.receivers import free_port
from tests.events.shipping import Log, event

SECRET = b"whsec_c2lxdGVlbiBieXRlcyBvZiBrZXk="


class Hook(http.server.ThreadingHTTPServer):
    """Answers as ``answers`` say, one a request, then 200. Keeps what it has answered 2xx to, and all it was sent."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, pem: Path):
        super().__init__(("127.0.0.1", port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem / "server.pem", pem / "server.key")
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.answers: list = []
        self.kept: list[int] = []
        self.requests: list[tuple[float, str, dict, bytes]] = []
        self.most = 1 << 30
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hook

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((time.monotonic(), self.path, dict(self.headers), body))
        answer = self.server.answers.pop(0) if self.server.answers else 200
        if len(body) > self.server.most:
            answer = 413
        if callable(answer):
            answer = answer(self)
        if answer is None:
            self.close_connection = True
            return
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        if status == 200:
            self.server.kept += numbers(body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")


def numbers(body: bytes) -> list[int]:
    events = json.loads(body) if body.startswith(b"[") else map(json.loads, body.splitlines())
    return [one.get("data", {}).get("number") for one in events]


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    return certificates.write(tmp_path_factory.mktemp("pem") / "pem")


@pytest.fixture
def hook(pem):
    made = Hook(0, pem)
    yield made
    made.stop()


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path)
    yield made
    made.close()


@pytest.fixture
def setting(pem):
    def make(server, **options):
        port = server if isinstance(server, int) else server.server_port
        options = {"secret": SECRET, "timeout": 3, **options}
        return WebhookSetting("127.0.0.1", port, "/in", ca=(pem / "ca.pem").read_bytes(), **options)

    return make


def test_events_come_in_batches_signed_as_standard_webhooks_are(log, hook, setting):
    log.write(*map(event, range(600)))
    log.ship("hook", setting(hook, query=b"sig=1", authorization=b"Bearer token", batch=100))
    log.until(lambda: log.status("hook").sent == 600)
    assert hook.kept == list(range(600))
    assert len(hook.requests) == 6
    for _, path, headers, body in hook.requests:
        assert path == "/in?sig=1"
        assert (headers["Content-Type"], headers["Authorization"]) == ("application/x-ndjson", "Bearer token")
        lowered = {name.lower(): value for name, value in headers.items()}
        Verifier(SECRET.decode()).verify(b'{"raw":true}', {**lowered, **resigned(lowered)})
        assert signature_of(lowered, body) == lowered["webhook-signature"]
    status = log.status("hook")
    assert (status.state, status.target) == ("connected", f"https://127.0.0.1:{hook.server_port}/in")


def resigned(headers: dict) -> dict:
    """The library verifies bodies that are JSON; ours are lines: so its own signature of another body is compared."""
    when = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    return {"webhook-signature": Verifier(SECRET.decode()).sign(headers["webhook-id"], when, '{"raw":true}')}


def signature_of(headers: dict, body: bytes) -> str:
    when = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    return Verifier(SECRET.decode()).sign(headers["webhook-id"], when, body.decode())


def test_an_array_in_a_format_of_others(log, hook, setting):
    hook.answers = [lambda _: (204, {})]
    log.write(event(1))
    log.ship("hook", setting(hook, body=Body.ARRAY, format=Format.ECS))
    log.until(lambda: log.status("hook").sent == 1)
    ((_, _, headers, body),) = hook.requests
    assert headers["Content-Type"] == "application/json"
    (one,) = json.loads(body)
    assert (one["ecs"]["version"], one["host"]["name"]) == ("9.4.0", "WEB-01.corp.example")


def cut_short(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nab")
    handler.wfile.flush()


def cut_shorter(handler):
    handler.wfile.write(b"HTTP/1.1 20")
    handler.wfile.flush()


def chunks_cut_short(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nab")
    handler.wfile.flush()


def no_http(handler):
    handler.wfile.write(b"220 mail.example ESMTP\r\n")
    handler.wfile.flush()


def too_slow(handler):
    time.sleep(2)
    return 200


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (500, "the server answers 500 Internal Server Error"),
        (401, "the server answers 401 Unauthorized"),
        ((301, {"Location": "https://127.0.0.1:1/"}), "the server answers 301 Moved Permanently"),
        (429, "the server answers 429 Too Many Requests"),
        (cut_short, "hung up in the middle"),
        (cut_shorter, "the answer is no HTTP"),
        (chunks_cut_short, "hung up in the middle"),
        (no_http, "the answer is no HTTP"),
        (lambda _: None, "closed connection without response"),
        (too_slow, "no answer"),
    ],
)
def test_whatever_the_answer_is_it_is_said_and_all_is_sent_again(log, hook, setting, answer, words):
    hook.answers = [answer] * 3
    log.write(*map(event, range(5)))
    log.ship("hook", setting(hook, timeout=1))
    log.until(lambda: words in log.status("hook").error)
    assert log.status("hook").state == "failing"
    log.until(lambda: log.status("hook").sent == 5)
    assert list(dict.fromkeys(hook.kept)) == [0, 1, 2, 3, 4]
    assert len({headers["webhook-id"] for _, _, headers, _ in hook.requests}) == 1
    assert log.status("hook").error == ""
    assert log.status("hook").dropped == 0


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_wants_to_be_left_alone_is(log, hook, setting, status):
    hook.answers = [(status, {"Retry-After": "3"})]
    log.write(event(0))
    log.ship("hook", setting(hook))
    log.until(lambda: log.status("hook").sent == 1)
    first, second = (at for at, *_ in hook.requests)
    assert second - first >= 2.9


def test_what_is_too_large_is_sent_in_halves(log, hook, setting):
    log.write(*(event(number, text="x" * 500) for number in range(100)))
    hook.most = 9000
    log.ship("hook", setting(hook))
    log.until(lambda: log.status("hook").sent == 100)
    assert hook.kept == list(range(100))
    assert log.status("hook").resent == 0


def test_one_event_that_is_too_large_for_the_server_is_told_of_and_waits(log, hook, setting):
    log.write(event(0, text="x" * 4000))
    hook.most = 2000
    log.ship("hook", setting(hook))
    log.until(lambda: "max_size must be less" in log.status("hook").error)
    assert (log.status("hook").queued, log.status("hook").sent) == (1, 0)
    hook.most = 10_000
    log.until(lambda: log.status("hook").sent == 1)


def test_a_server_that_is_away_a_shipper_that_is_killed_and_a_slow_one_lose_nothing(log, pem, setting):
    port = free_port()
    log.ship("hook", setting(port))
    log.ship("slow", setting(hook_slow := Hook(0, pem), batch=1))
    hook_slow.answers = [too_slow] * 1000
    begun = time.monotonic()
    for begin in range(0, 4000, 500):
        log.write(*map(event, range(begin, begin + 500)))
    assert time.monotonic() - begun < 5  # what decoys do
    log.until(lambda: log.status("hook").error == "Connection refused")
    os.kill(log.pid(), signal.SIGKILL)
    log.ship("hook", setting(port))
    server = Hook(port, pem)
    log.until(lambda: len(server.kept) > 500)
    os.kill(log.pid(), signal.SIGKILL)
    server.stop()
    again = Hook(port, pem)
    log.ship("hook", setting(port))
    log.until(lambda: log.status("hook").sent == 4000)
    assert list(dict.fromkeys(server.kept + again.kept)) == list(range(4000))
    assert log.status("hook").dropped == 0
    again.stop()
    hook_slow.stop()


def test_a_server_that_nobody_vouches_for_gets_nothing(log, hook, setting, pem):
    log.write(event(0))
    other = setting(hook).__class__(
        "127.0.0.1", hook.server_port, "/", ca=(pem / "other-ca.pem").read_bytes(), authorization=b"token"
    )
    log.ship("hook", other)
    log.until(lambda: "certificate is not accepted" in log.status("hook").error)
    assert hook.requests == []


def test_no_proxy_of_the_environment_is_used(log, hook, setting, monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    log.write(event(0))
    log.ship("hook", setting(hook))
    log.until(lambda: log.status("hook").sent == 1)
    assert hook.kept == [0]


def test_a_shipper_ends_in_time_while_a_server_does_not_answer(log, hook, setting):
    hook.answers = [lambda _: time.sleep(30)]
    log.write(event(0))
    log.ship("hook", setting(hook, timeout=60))
    log.until(lambda: len(hook.requests) == 1)
    begun = time.monotonic()
    log.shipper.quit()
    assert time.monotonic() - begun < 6
