"""Traces of `decnet api`, as a collector has them."""

import os
import re
import time
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.api.collector import about, collector
from tests.api.process import api, until
from tests.api.test_gate import decnet

TYPED = ("secretsession", "secretpath", "secretagent", "secretparent", "secretwrong")


@pytest.fixture
def collected():
    with collector() as found:
        yield found


def traced(port, **more):
    return {
        "DECNET_DEVELOPER_TRACING": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    } | more


def test_a_request_is_a_trace_with_its_statements(folder, collected):
    with api(folder, env=traced(collected.port)) as running:
        assert httpx.get(f"{running.url}/api/v1/events?limit=5", headers=running.headers).status_code == 200
        assert httpx.get(f"{running.url}/api/v1/stats").status_code == 401
        until(lambda: collected.named("GET /api/v1/events") and collected.named("GET /api/v1/stats"))
        status = Path(f"/proc/{running.child}/status").read_text()
        tasks = [path.read_text() for path in Path(f"/proc/{running.child}/task").glob("*/status")]
    assert collected.services == {"decnet-api"}
    (request,) = collected.named("GET /api/v1/events")
    assert request.kind == Span.SPAN_KIND_SERVER
    assert about(request)["http.route"] == "/api/v1/events"
    assert about(request)["http.status_code"] == 200
    inner = [span for span in collected.spans if span.trace_id == request.trace_id and span is not request]
    statements = [about(span).get("db.statement", "") for span in inner]
    assert any(re.search(r"SELECT .*FROM event\b", text, re.DOTALL) for text in statements)
    assert {about(span)["db.system"] for span in inner} == {"sqlite"}
    assert all(
        request.start_time_unix_nano <= span.start_time_unix_nano <= request.end_time_unix_nano
        for span in inner
    )
    (refused,) = collected.named("GET /api/v1/stats")
    assert about(refused)["http.status_code"] == 401
    # The thread that sends has no more privileges than the others.
    assert len(tasks) > 1
    if os.geteuid() == 0:
        assert re.search(r"Uid:\s+65520\s+65520", status)
        assert all(re.search(r"CapPrm:\s+0+\n", one) for one in tasks)


def test_no_span_has_what_was_typed(folder, collected):
    environment = traced(
        collected.port,
        OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST=".*",
        OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE=".*",
        OTEL_SEMCONV_STABILITY_OPT_IN="http/dup,database/dup",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://localhost:{collected.port}",
    )
    with api(folder, env=environment) as running:

        def ask(path, **headers):
            return httpx.get(f"{running.url}{path}", headers=running.headers | headers).status_code

        assert ask("/api/v1/credentials?secret=Summer1007&limit=7") == 200
        assert ask("/api/v1/events?source=198.51.100.1&decoy=web-001") == 200
        assert ask("/api/v1/attackers/198.51.100.2") == 200
        assert ask("/api/v1/sessions/secretsession") == 404
        assert (
            ask("/api/v1/secretpath", **{"User-Agent": "secretagent", "traceparent": "secretparent"}) == 404
        )
        assert ask("/api/v1/stats", Authorization="Bearer secretwrong") == 401
        until(lambda: len([one for one in collected.spans if one.kind == Span.SPAN_KIND_SERVER]) == 6)
    bytes_sent = b"".join(collected.bodies)
    for word in (running.secret, "Summer1007", "198.51.100", "web-001", *TYPED):
        assert word.encode() not in bytes_sent, word
    roots = [span for span in collected.spans if not span.parent_span_id]
    assert {span.kind for span in roots} == {Span.SPAN_KIND_SERVER}


def test_what_is_not_sent_yet_is_sent_at_the_end(folder, collected):
    with api(folder, env=traced(collected.port, OTEL_BSP_SCHEDULE_DELAY="600000")) as running:
        httpx.get(f"{running.url}/api/v1/health")
        time.sleep(0.3)
        assert collected.spans == []
    assert len(collected.named("GET /api/v1/health")) == 1


def test_a_collector_that_is_away_holds_nothing_up(folder):
    with api(folder, env=traced(1)) as running:
        for _ in range(20):
            assert httpx.get(f"{running.url}/api/v1/stats", headers=running.headers).status_code == 200
    # And it ended by itself: one that is killed for not ending has another exit code.


def test_without_the_variable_nothing_is_sent_whatever_the_framework_would(folder, collected):
    environment = traced(collected.port, DECNET_DEVELOPER_TRACING="", FASTAPI_OTEL_AUTO_CONFIGURE="true")
    with api(folder, env=environment) as running:
        assert httpx.get(f"{running.url}/api/v1/stats", headers=running.headers).status_code == 200
        time.sleep(0.5)
    assert collected.bodies == []


@pytest.mark.parametrize(
    ("variable", "value", "hidden", "extra"),
    [
        ("DECNET_DEVELOPER_TRACING", "true", "opentelemetry.sdk", "decnet[tracing]"),
        ("DECNET_PROFILE_REQUESTS", "profiles", "pyinstrument", "decnet[profiling]"),
    ],
)
def test_without_the_extra_it_says_so(folder, monkeypatch, tmp_path, variable, value, hidden, extra):
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{hidden!r}] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv(variable, value)
    done = decnet("api", "--port", "0", "--state", str(folder), code=2)
    assert f"{variable} needs {hidden}" in done.stderr, done.stderr
    assert extra in done.stderr
    assert "Traceback" not in done.stderr


def test_a_word_that_is_neither_is_refused(folder, monkeypatch):
    monkeypatch.setenv("DECNET_DEVELOPER_TRACING", "yes")
    done = decnet("api", "--port", "0", "--state", str(folder), code=2)
    assert "DECNET_DEVELOPER_TRACING is 'yes'" in done.stderr
