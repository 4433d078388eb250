"""Who is let in, and what is refused."""

import base64
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from decnet.api import tokens
from decnet.api.app import application, create
from decnet.api.gate import Failures, source_of
from decnet.api.server import listen
from decnet.api.site import Facts
from decnet.api.stream import Hub

PROGRAM = str(Path(sys.executable).with_name("decnet"))
NOBODY = {"Authorization": ""}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_nothing_but_get_and_head(client, method):
    for path in (*paths(client), "/", "/none"):
        answer = client.request(method, path, content=b"x")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def paths(client):
    return [
        path.replace("{", "").replace("}", "") for path in client.get("/api/v1/openapi.json").json()["paths"]
    ]


def test_every_path_wants_a_token_but_health(client):
    for path in (*paths(client), "/api/v1/openapi.json", "/", "/index.html", "/none"):
        answer = client.get(path, headers=NOBODY)
        assert answer.status_code == (200 if path == "/api/v1/health" else 401), path
        assert "decnet" not in answer.text + str(answer.headers)


def test_head_is_get_without_a_body(client):
    whole, head = client.get("/api/v1/stats"), client.head("/api/v1/stats")
    assert head.content == b""
    assert head.headers == whole.headers


def test_a_browser_gives_the_token_as_a_password(client):
    secret = client.headers["Authorization"].removeprefix("Bearer ")
    word = base64.b64encode(f"me:{secret}".encode()).decode()
    assert client.get("/", headers={"Authorization": f"Basic {word}"}).status_code == 200
    for wrong in ("Basic !", "Basic eDp4", "Bearer", "Digest x", "Bearer \xff"):
        assert client.get("/", headers={"Authorization": wrong.encode("latin-1")}).status_code == 401


def test_scopes_and_ends(site, folder):
    _, some = tokens.new(folder, "wall", (tokens.Scope.OVERVIEW,), 0)
    ending, short = tokens.new(folder, "short", (tokens.Scope.READ,), 3)
    site.take(Facts(tokens.load(folder)))
    with TestClient(create(site)) as client:

        def asked(path, secret):
            return client.get(path, headers={"Authorization": f"Bearer {secret}"}).status_code

        assert asked("/api/v1/stats", some) == 200
        assert [asked(f"/api/v1/{path}", some) for path in ("events", "credentials", "sessions")] == [403] * 3
        assert asked("/api/v1/events", short) == 200
        time.sleep(max(0.0, ending.expires - time.time()) + 0.1)
        assert asked("/api/v1/events", short) == 401
        site.take(Facts())
        assert asked("/api/v1/stats", some) == 401


def test_wrong_tokens_are_limited_and_right_ones_pass(client):
    wrong = [client.get("/api/v1/stats", headers={"Authorization": "Bearer x"}) for _ in range(15)]
    assert [answer.status_code for answer in wrong] == [401] * 10 + [429] * 5
    assert wrong[-1].headers["retry-after"] == "6"
    assert client.get("/api/v1/stats").status_code == 200


def test_addresses_that_one_source_has_are_one_source():
    failures, same = Failures(), [f"2001:db8:0:1::{number:x}" for number in range(12)]
    assert [failures.is_allowed(source_of(one), 0.0) for one in same] == [True] * 10 + [False] * 2
    assert failures.is_allowed(source_of("2001:db8:0:2::1"), 0.0)
    assert source_of("::ffff:192.0.2.7") == source_of("192.0.2.7") != source_of("192.0.2.8")
    assert source_of("") == ""


def test_tokens_are_kept_as_digests(folder):
    made, secret = tokens.new(folder, "one", (tokens.Scope.READ,), 60)
    file = folder / tokens.FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret not in file.read_text()
    assert tokens.revoke(folder, made.id) == made
    assert tokens.load(folder) == ()


def test_the_document_names_every_path(site):
    assert len(application(site, Hub(site)).openapi()["paths"]) == 16


def decnet(*words, code=0):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "192.0.2.1"], "needs TLS"),
        (["--host", "0.0.0.0", "--tls-cert", "c", "--tls-key", "k"], "no token"),
        (["--tls-cert", "c"], "go together"),
        (["--host", "here"], "no address"),
    ],
)
def test_what_is_not_safe_is_refused(tmp_path, options, words):
    assert words in decnet("api", *options, "--state", str(tmp_path), code=2).stderr


def test_without_a_store_it_says_so(tmp_path):
    assert "decnet ingest" in decnet("api", "--port", "0", "--state", str(tmp_path), code=1).stderr


def test_the_command_serves_without_privileges_and_follows_its_tokens(folder):
    secret = decnet("api", "token", "new", "one", "--state", str(folder)).stdout.strip()
    process = subprocess.Popen(
        [PROGRAM, "api", "--port", "0", "--state", str(folder)], stderr=subprocess.PIPE, text=True
    )
    try:
        url = process.stderr.readline().split()[-1]
        headers = {"Authorization": f"Bearer {secret}"}
        answer = httpx.get(f"{url}api/v1/stats", headers=headers)
        assert answer.json()["events"] == 1000
        assert "server" not in answer.headers
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        status = Path(f"/proc/{child}/status").read_text()
        assert re.search(r"CapEff:\s+0+\n", status)
        assert os.geteuid() != 0 or re.search(r"Uid:\s+65520\s+65520", status)
        decnet("api", "token", "revoke", "one", "--state", str(folder))
        deadline = time.monotonic() + 10
        while httpx.get(f"{url}api/v1/stats", headers=headers).status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert process.returncode == 0
    with process.stderr:
        assert secret not in process.stderr.read()


def test_no_body_waits_for_the_acknowledgement_of_its_head():
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
