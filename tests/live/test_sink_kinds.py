"""The example with one sink of each kind, applied, with real servers behind them."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.events import certificates
from tests.events.nats_server import NatsServer
from tests.events.receivers import rsyslog
from tests.events.test_webhook import Hook
from tests.live.command import DECNET, Command
from tests.live.lab import Lab, eventually
from tests.live.test_sinks import ask

pytestmark = pytest.mark.live
EXAMPLE = Path(__file__).parents[2] / "examples" / "sinks.ini"


@pytest.fixture
def servers(lab: Lab, tmp_path: Path):
    pem = certificates.write(tmp_path / "pem")
    folders = [tmp_path / name for name in ("syslog", "nats")]
    for folder in folders:
        folder.mkdir()
    syslog, bus = rsyslog(folders[0], pem), NatsServer(folders[1], "authorization { token: t0ken }")
    syslog.start()
    bus.start()
    hook = Hook(0, pem)
    file = tmp_path / "sinks.ini"
    text = EXAMPLE.read_text().replace("/var/log/decnet-sinks", str(tmp_path / "log"))
    for port, real in ((5140, syslog.ports["tcp"]), (8443, hook.server_port), (4222, bus.port)):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{real}")
    file.write_text(text)
    shutil.copy(pem / "ca.pem", tmp_path / "ca.pem")
    yield file, syslog, hook, bus
    hook.stop()
    bus.stop()
    syslog.stop()


def test_the_example_of_sinks(lab: Lab, servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file, syslog, hook, bus = servers
    monkeypatch.setenv("HOOK_SECRET", "whsec_c2lxdGVlbiBieXRlcyBvZiBrZXk=")
    monkeypatch.setenv("NATS_TOKEN", "t0ken")
    decnet, before = Command(tmp_path / "state"), lab.snapshot()
    plan = decnet("plan", "--env", "lab", file)
    assert "t0ken" not in plan
    assert "whsec" not in plan
    decnet("apply", "--yes", "--env", "lab", file)
    assert decnet.json("plan", "--env", "lab", file)["changes"] == []

    ask("198.51.100.20", "GET first")
    assert syslog.wait(4)[-1]["app"] == "redis"
    assert json.loads(syslog.wait(4)[1]["text"].lstrip("\ufeff"))["class_uid"] == 4001
    eventually(lambda: len(told(hook)) == 4)
    assert {"webhook-id", "webhook-signature"} <= {name.lower() for name in hook.requests[0][2]}
    assert [one["event"]["action"] for one in told(hook)] == [
        "apply", "connection.open", "command", "connection.close",
    ]  # fmt: skip
    eventually(lambda: len(bus.stored(token="t0ken")) == 4)
    assert [name for name, _, _ in bus.stored(token="t0ken")] == [
        "decnet.sinks.-.-.apply", "decnet.sinks.cache.redis.connection.open", "decnet.sinks.cache.redis.command",
        "decnet.sinks.cache.redis.connection.close",
    ]  # fmt: skip
    written = tmp_path / "log" / "events.ecs.jsonl"
    eventually(lambda: len(written.read_text().splitlines()) == 4)

    states = {one["name"]: one for one in decnet.json("status", "sinks")["sinks"]}
    assert {name: one["state"] for name, one in states.items()} == {
        "siem": "connected", "hook": "connected", "bus": "connected", "file": "connected", "journal": "failing",
    }  # fmt: skip
    assert "decnet supervise" in states["journal"]["error"]
    assert not [path for path in Path("/run/decnet").rglob("*.log") if "t0ken" in path.read_text()]
    in_the_foreground(decnet)
    decnet("destroy", "--yes", "sinks")
    assert lab.snapshot() == before


def told(hook: Hook) -> list[dict]:
    return [one for *_, body in hook.requests for one in json.loads(body)]


def in_the_foreground(decnet: Command) -> None:
    """Who keeps the network in the foreground has what waited, then what comes, on standard output."""
    with subprocess.Popen(
        [DECNET, "supervise", "sinks"],
        env=decnet.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as supervisor:
        assert supervisor.stdout
        waited = [json.loads(supervisor.stdout.readline()) for _ in range(4)]
        assert [one["type"] for one in waited] == ["apply", "connection.open", "command", "connection.close"]
        ask("198.51.100.20", "GET second")
        assert json.loads(supervisor.stdout.readline())["type"] == "connection.open"
        assert json.loads(supervisor.stdout.readline())["data"]["command"].startswith("GET")
        os.kill(supervisor.pid, signal.SIGTERM)
