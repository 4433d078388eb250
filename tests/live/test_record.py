"""Who changed what is in the log of a real network and in its sinks: in order, once a run, whatever became of the run."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from tests.live.command import Command
from tests.live.lab import Lab, eventually, run
from tests.live.test_killed import strike

pytestmark = pytest.mark.live

COPY = Path("/run/copy/events.jsonl")
NETWORK = f"""
[general]
name = lab
net = 198.51.100.0/24
seed = lab

[web]
ip = 198.51.100.20
services = redis

[db]
services = redis

[sink-copy]
type = file
path = {COPY}
"""


@pytest.fixture
def decnet(lab: Lab, tmp_path: Path):
    before = lab.snapshot()
    command = Command(tmp_path / "state", supervised=False)
    yield command
    command("destroy", "--yes", "lab")
    shutil.rmtree(COPY.parent, ignore_errors=True)
    assert lab.snapshot() == before


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "network.ini"
    path.write_text(NETWORK)
    return path


def told(decnet: Command) -> list[dict]:
    return [one["data"] for one in decnet.events("lab", "--type", "apply")]


def shipped() -> list[dict]:
    return [json.loads(line) for line in COPY.read_text().splitlines()] if COPY.exists() else []


def test_each_run_is_one_event_and_arrives_in_order(decnet, file, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "anna")
    decnet("apply", file)
    decnet("apply", file)
    assert run("redis-cli", "-h", "198.51.100.20", "ping").strip() == "PONG"
    file.write_text(NETWORK.replace("[db]\nservices = redis\n", "[new]\nservices = http\n"))
    decnet("apply", "--env", "prod", file)
    first, second = told(decnet)
    assert (first["command"], first["outcome"], first["serial"]) == ("apply", "ok", 1)
    assert (first["user"], first["uid"], first["sudo_user"]) == ("root", 0, "anna")
    assert first["file"] == str(file)
    assert first["decoys"] == {"add": ["web", "db"]}
    assert first["others"] == {"add": ["lan/default", "sink/copy"]}
    assert (second["env"], second["serial"]) == ("prod", 2)
    assert second["decoys"] == {"add": ["new"], "remove": ["db"]}
    assert (second["add"], second["remove"], second["change"]) == (1, 1, 0)
    line = decnet("events", "lab", "--type", "apply").splitlines()[1]
    assert "outcome=ok user=root sudo_user=anna" in line
    assert line.endswith("+new -db")
    logged = decnet.events("lab")
    types = [one["type"] for one in logged]
    assert types == ["apply", "connection.open", "command", "connection.close", "apply"]
    eventually(lambda: [one["id"] for one in shipped()] == [one["id"] for one in logged], seconds=10)


def test_the_event_of_a_destroy_reaches_the_sinks_and_stays_with_the_kept_log(decnet, file):
    decnet("apply", file)
    decnet("destroy", "--yes", "--keep-events", "lab")
    *_, last = told(decnet)
    assert (last["command"], last["outcome"], last["serial"]) == ("destroy", "ok", 2)
    assert last["decoys"] == {"remove": ["db", "web"]}
    assert last["file"] == str(file)
    assert [one["data"]["command"] for one in shipped()] == ["apply", "destroy"]


def test_the_event_of_a_destroy_reaches_the_sinks_though_the_log_goes(decnet, file):
    decnet("apply", file)
    decnet("destroy", "--yes", "--parallelism", "2", "lab")
    assert not (decnet.state / "events").exists()
    assert [one["data"]["command"] for one in shipped()] == ["apply", "destroy"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_run_after_a_killed_one_tells_of_it(decnet, file, moment):
    assert strike(decnet, moment, 4, "apply", "--no-supervisor", file) == -signal.SIGKILL
    decnet("apply", file)
    (one,) = told(decnet)
    assert one["outcome"] == "ok"
    assert one["resumed"] > 0


def test_what_failed_is_told_with_its_reason(decnet, file):
    decnet("apply", file)
    inside = ("nsenter", "--net=/run/netns/decnet:lab:web", "ip", "link")
    run(*inside, "delete", "eth0")
    run(*inside, "add", "eth0", "type", "bridge")  # somebody else's, where ours would go
    decnet("apply", file, code=None)
    *_, last = told(decnet)
    run(*inside, "delete", "eth0")
    decnet("apply", file)
    assert last["outcome"] in {"partly", "failed"}
    assert last["failed"] > 0
    assert any("eth0" in why for why in last["errors"])


def test_a_log_that_cannot_be_written_fails_no_apply(decnet, file):
    decnet("apply", file)
    log = decnet.state / "events" / "lab" / "events.jsonl"
    log.rename(log.with_name("kept"))
    log.mkdir()
    file.write_text(NETWORK.replace("[db]", "[new]"))
    process = decnet.start("apply", file)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, out + err
    assert "warning: who changed what is not in the event log" in err
    log.rmdir()
    assert decnet.json("plan", "--detailed-exitcode", file)["changes"] == []
