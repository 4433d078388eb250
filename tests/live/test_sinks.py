"""Sinks of a real network: planned, started, changed and ended by the command; what decoys see arrives, whatever dies."""

import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from decnet.world import spawn, supervision
from tests.events import certificates
from tests.events.receivers import Receiver, rsyslog
from tests.live.command import Command
from tests.live.lab import Lab, eventually

pytestmark = pytest.mark.live

NETWORK = """
[general]
name = lab
net = 198.51.100.0/24
seed = lab
log_target = tcp://127.0.0.1:{port}

[cache[1:3]]
ip = 198.51.100.20-22
services = redis
limits = event_rate=1000000
hostname = CACHE-{{{{ n }}}}
"""


@pytest.fixture
def server(lab: Lab, tmp_path: Path):
    folder = tmp_path / "server"
    folder.mkdir()
    receiver = rsyslog(folder, certificates.write(tmp_path / "pem"))
    yield receiver
    receiver.stop()


@pytest.fixture
def decnet(lab: Lab, server, tmp_path: Path):
    before = lab.snapshot()
    command = Command(tmp_path / "state")
    yield command
    server.stop()
    command("destroy", "--yes", "lab")
    assert lab.snapshot() == before


@pytest.fixture
def file(tmp_path: Path, server: Receiver) -> Path:
    path = tmp_path / "network.ini"
    path.write_text(NETWORK.format(port=server.ports["tcp"]))
    return path


def ask(address: str, *commands: str) -> None:
    """Redis commands, pipelined; every answer is waited for."""
    with socket.create_connection((address, 6379), 10) as connection:
        connection.sendall("".join(f"{one}\r\n" for one in commands).encode())
        answers = b""
        while answers.count(b"\r\n") < len(commands) and (chunk := connection.recv(1 << 16)):
            answers += chunk


def sink(decnet: Command, name: str = "log_target", code: int = 0) -> dict:
    return next(one for one in decnet.json("status", "lab", code=code)["sinks"] if one["name"] == name)


def run_dir() -> Path:
    return Path("/run/decnet/lab")


def shipper_pid() -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as one:
        one.connect(str(run_dir() / "shipper.sock"))
        return spawn.peer(one)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_sink_is_planned_started_changed_and_ended(decnet, file, server, tmp_path):
    server.start()
    assert re.search(r"\+ sink +log_target +new .*network.ini:6", plan := decnet("plan", file)), plan
    decnet("apply", file)
    assert "0 to add, 0 to change" in decnet("plan", file)
    ask("198.51.100.20", "GET first")
    applied, *came = server.wait(4)
    assert (applied["msgid"], applied["data"]["command"], applied["data"]["add"]) == ("apply", "apply", "3")
    assert [one["msgid"] for one in came] == ["connection.open", "command", "connection.close"]
    assert {one["host"] for one in came} == {"CACHE-1"}
    assert {one["app"] for one in came} == {"redis"}
    assert sink(decnet)["state"] == "connected"

    copy = tmp_path / "copy" / "events.jsonl"
    file.write_text(
        file.read_text().replace(":3]]", ":4]]").replace("-22", "-23")
        + f"[sink-copy]\ntype = file\npath = {copy}\nhistory = no\n"
    )
    plan = decnet("plan", file)
    assert "log_target" not in plan, plan
    assert "sink   copy" in plan
    decnet("apply", file)
    assert "plan: 0 to add, 0 to change" in decnet("plan", file)
    ask("198.51.100.23", "GET second")
    applied, *came = server.wait(8)[4:]
    assert applied["msgid"] == "apply"
    assert {one["host"] for one in came} == {"CACHE-4"}
    eventually(lambda: copy.exists() and [one["decoy"] for one in lines(copy)] == ["", *["cache4"] * 3])

    file.write_text(file.read_text().replace("type = file", "type = file\nkeep = 3"))
    assert re.search(r"~ sink +copy +keep 10 → 3 +live", plan := decnet("plan", file)), plan
    decnet("apply", file)
    file.write_text(file.read_text().partition("[sink-copy]")[0])
    decnet("apply", file)
    assert [one["name"] for one in decnet.json("status", "lab")["sinks"]] == ["log_target"]
    assert not list((tmp_path / "state" / "events" / "lab").glob("*copy*"))


def test_a_shipper_that_is_gone_is_drift_and_comes_back(decnet, file, server):
    server.start()
    decnet("apply", file)
    os.kill(shipper_pid(), signal.SIGKILL)
    ask("198.51.100.20", "GET first")
    # whoever is first, the supervisor or we
    decnet("apply", "--yes", file)
    assert sink(decnet)["state"] == "connected"
    server.wait(4)


def test_nothing_is_lost_while_the_server_is_away_and_everything_else_dies(decnet, file, server, tmp_path):
    server.start()
    decnet("apply", file)
    away, rounds = float(os.environ.get("DECNET_AWAY_SECONDS", "10")), 40
    many = int(os.environ.get("DECNET_EVENTS", "20000")) // 3 // rounds
    begun, killed = time.monotonic(), 0
    server.stop(signal.SIGKILL)
    for number in range(rounds):
        for last in (0, 1, 2):
            try:
                ask(f"198.51.100.2{last}", *(f"GET {number}-{one}" for one in range(many)))
            except OSError:  # its process was killed in the middle: nobody answers what it had read
                continue
        if number == rounds // 4:
            os.kill(shipper_pid(), signal.SIGKILL)
        if number == rounds // 2:
            killed = kill_a_decoy_process()
        if number == rounds * 3 // 4:
            told = supervision.status(run_dir())
            assert told
            os.kill(told.pid, signal.SIGKILL)
    time.sleep(max(0.0, away - (time.monotonic() - begun)))
    assert killed
    server.start()
    eventually(lambda: len(server.messages()) > 1000, seconds=60)
    os.kill(shipper_pid(), signal.SIGKILL)  # while it catches up
    eventually(lambda: is_delivered(decnet), seconds=120)

    written: dict[str, list[str]] = {}
    for event in decnet.events("lab"):
        if event["decoy"]:
            written.setdefault(event["decoy"], []).append(event["id"])
    last = {
        ids[-1] for ids in written.values()
    }  # delivered is in the server's hands: it writes in its own time
    eventually(lambda: last <= {one["data"].get("id") for one in server.messages()}, seconds=60)
    arrived: dict[str, list[str]] = {}
    came = server.messages()
    for message in came:
        if "decoy" in message["data"]:
            arrived.setdefault(message["data"]["decoy"], []).append(message["data"]["id"])
    assert sum(map(len, written.values())) > 2 * rounds * many
    for decoy, ids in written.items():
        assert list(dict.fromkeys(arrived[decoy])) == ids
    assert sink(decnet)["dropped"] == 0
    print(f"{sum(map(len, written.values()))} events, {len(came)} messages")


def is_delivered(decnet: Command) -> bool:
    sinks = decnet.json("status", "lab", code=None)["sinks"]
    return [(one["name"], one["queued"]) for one in sinks] == [("log_target", 0)]


def kill_a_decoy_process() -> int:
    for path in sorted(run_dir().glob("process-*.sock")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as one:
            one.connect(str(path))
            pid = spawn.peer(one)
        os.kill(pid, signal.SIGKILL)
        return pid
    return 0
