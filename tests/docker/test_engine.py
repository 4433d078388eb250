"""Where the engine is looked for, and what is said when it is not there or not as it should be."""

import hashlib
import http.server
import json
import threading

import pytest

from decnet.errors import MissingCapability, WorldError
from decnet.world.docker import engine as engines
from decnet.world.docker.engine import Engine, explained
from tests.docker.engine import HOST
from tests.live.lab import run

pytestmark = pytest.mark.docker


def test_an_engine_is_found_at_its_socket(engine):
    with Engine() as found:
        assert found.api >= (1, 41)
        assert found.release == engine.version()["Version"]
        assert found.client.images.get("debian:12")
    assert engines.is_there()


def test_docker_host_goes_first(engine, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/nobody.sock")
    assert not engines.is_there()
    with pytest.raises(
        MissingCapability, match="no Docker Engine answers: No such file or directory"
    ) as raised:
        Engine()
    assert "DOCKER_HOST" in raised.value.hint


def test_a_context_is_followed(engine, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    run("docker", "context", "create", "other", "--docker", "host=unix:///run/other.sock")
    assert engines.is_there()
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    assert not engines.is_there()
    monkeypatch.setenv("DOCKER_HOST", HOST)
    assert engines.is_there()
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.delenv("DOCKER_CONTEXT")
    run("docker", "context", "use", "other")
    assert not engines.is_there()


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (None, "there is no Docker context 'other'"),
        ("{", "the Docker context 'other' cannot be read: Expecting property name"),
        ('{"Endpoints": {"docker": null}}', "the Docker context 'other' cannot be read"),
    ],
)
def test_a_context_that_is_not_there_is_an_error_and_not_the_default(monkeypatch, tmp_path, described, said):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    if described is not None:
        folder = tmp_path / "contexts" / "meta" / hashlib.sha256(b"other").hexdigest()
        folder.mkdir(parents=True)
        (folder / "meta.json").write_text(described)
    with pytest.raises(MissingCapability, match=said) as raised:
        Engine()
    assert "docker context" in raised.value.hint


@pytest.fixture
def old(monkeypatch):
    """An engine of 2019, as far as it says."""

    class Told(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"ApiVersion": "1.40", "Version": "19.03.15"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Told)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_one_that_is_too_old_is_named(lab, old):
    with pytest.raises(MissingCapability, match=r"the Docker Engine is 19.03.15 \(API 1.40\)"):
        Engine()


def test_what_it_refuses_is_explained(engine):
    with (
        Engine() as found,
        pytest.raises(WorldError, match=r"decoy/web-01: .*nobody/has:it") as raised,
        explained("decoy/web-01"),
    ):
        found.client.images.get("nobody/has:it")
    assert "decnet image build" in raised.value.hint
