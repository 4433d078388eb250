"""Proof 3 of the engine with a real SIGKILL: at every act of a network of five decoys, the next apply puts it right.

DECNET_KILLS=all takes every act and every moment (docs/reliability.md has the table); otherwise each moment takes a
spread of them.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.live.command import Command
from tests.live.lab import Lab, eventually, run

pytestmark = pytest.mark.live

NETWORK = """
[general]
name = struck
net = 198.51.100.0/24
net6 = 2001:db8:1::/64
seed = struck

[web[1:2]]
services = http, ssh
distro = debian

[db]
services = redis
egress = tcp:198.51.100.0/24:6379

[mail]
services = smtp

[term]
services = telnet
"""
EDITED = NETWORK.replace("services = http, ssh", "services = http, redis").replace(
    "[term]\nservices = telnet", "[shell]\nservices = ssh"
)
FOREIGN = ("decnet:struckk:web1", "decnet-struck", "decnet:struck2:db", "web1")
ACTS = 26
"""Acts of the first apply: one LAN; of five decoys a namespace, a link, a stack; six services… and what may come."""
ALL = os.environ.get("DECNET_KILLS") == "all"
POINTS = range(ACTS) if ALL else (0, 1, 4, 9, 13, 17, 20, 22)


def strike(decnet: Command, moment: str, number: object, *words: object) -> int:
    command = [sys.executable, "-m", "tests.live.killed", moment, str(number), *map(str, words)]
    done = subprocess.run(
        command, env=decnet.environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode


@pytest.fixture
def decnet(lab: Lab, tmp_path: Path):
    """Beside things of others that have names much like ours."""
    for name in FOREIGN:
        run("ip", "netns", "add", name)
    run("ip", "link", "add", "dlforeign", "type", "bridge")
    run("ip", "link", "add", "dnforeign", "type", "veth", "peer", "name", "eth0", "netns", "web1")
    before = lab.snapshot()
    file = tmp_path / "network.ini"
    file.write_text(NETWORK)
    yield Command(tmp_path / "state", supervised=False)
    assert lab.snapshot() == before
    run("ip", "link", "delete", "dlforeign")
    run("ip", "link", "delete", "dnforeign")
    for name in FOREIGN:
        run("ip", "netns", "delete", name)


def is_whole(decnet: Command, file: Path) -> None:
    plan = decnet.json("plan", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
    assert {decoy["state"] for decoy in decnet.status("struck").values()} == {"up"}


@pytest.mark.parametrize("number", POINTS)
@pytest.mark.parametrize("moment", ["before", "after", "between"])
def test_a_killed_first_apply(decnet: Command, tmp_path: Path, moment: str, number: int):
    file = tmp_path / "network.ini"
    code = strike(decnet, moment, number, "apply", "--no-supervisor", file)
    assert code == -signal.SIGKILL or number >= ACTS - 4
    decnet("apply", file)
    is_whole(decnet, file)
    decnet("destroy", "--yes", "struck")


def test_a_link_without_its_address_is_what_two_kills_left(decnet: Command, tmp_path: Path):
    file = tmp_path / "network.ini"
    assert strike(decnet, "within", 1, "apply", "--no-supervisor", file) == -signal.SIGKILL
    decnet("plan", file)
    assert strike(decnet, "resolved", 0, "apply", "--no-supervisor", file) == -signal.SIGKILL
    decnet("plan", file)
    assert decnet.json("status", "struck", code=4)["decoys"]
    decnet("apply", file)
    is_whole(decnet, file)
    decnet("destroy", "--yes", "struck")


@pytest.mark.parametrize("number", range(16) if ALL else (0, 3, 6, 9))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_change(decnet: Command, tmp_path: Path, moment: str, number: int):
    file = tmp_path / "network.ini"
    decnet("apply", file)
    file.write_text(EDITED)
    strike(decnet, moment, number, "apply", "--no-supervisor", file)
    decnet("apply", file)
    is_whole(decnet, file)
    decnet("destroy", "--yes", "struck")


@pytest.mark.parametrize("number", range(0, ACTS, 1 if ALL else 8))
def test_a_killed_apply_and_then_destroy_without_the_file(decnet: Command, tmp_path: Path, number: int):
    strike(decnet, "after", number, "apply", "--no-supervisor", tmp_path / "network.ini")
    decnet("destroy", "--yes", "struck")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_destroy(decnet: Command, tmp_path: Path, moment: str):
    decnet("apply", tmp_path / "network.ini")
    assert strike(decnet, moment, 0, "destroy", "--yes", "struck") == -signal.SIGKILL
    decnet("destroy", "--yes", "struck")


def ours(lab: Lab) -> list[int]:
    """Whatever of the network runs: supervisor, guard, repair, decoy processes, shipper, a command."""
    found = []
    for pid in lab.processes():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"struck" in words or b"decnet" in words:
                found.append(pid)
    return found


@pytest.mark.parametrize("seed", range(12 if ALL else 3))
def test_whoever_is_killed_at_any_time(lab: Lab, decnet: Command, tmp_path: Path, seed: int):
    """Ten seconds of kills, of the supervisor's two halves, decoy processes, the shipper and commands alike."""
    draw = random.Random(seed)
    file, sink = tmp_path / "network.ini", "\n[sink-copy]\ntype = file\npath = /run/copy/events.jsonl\n"
    file.write_text(NETWORK + sink)
    supervised = Command(decnet.state)
    supervised("apply", file)
    commands, killed, until = [], 0, time.monotonic() + 10
    while time.monotonic() < until:
        if draw.random() < 0.3:
            file.write_text(draw.choice((NETWORK, EDITED)) + draw.choice(("", sink)))
            commands.append(supervised.start("apply", "--yes", file))
        time.sleep(draw.uniform(0.05, 0.5))
        if pids := ours(lab):
            with contextlib.suppress(ProcessLookupError):
                os.kill(draw.choice(pids), signal.SIGKILL)
                killed += 1
    for command in commands:
        with command:
            command.communicate(timeout=60)
    assert killed > 3
    supervised("apply", "--lock-timeout", "60", file)
    eventually(lambda: decnet.json("plan", file)["drift"] == [], seconds=30)
    is_whole(decnet, file)
    run("redis-cli", "-h", decnet.status("struck")["db"]["ip"], "ping")
    supervised("destroy", "--yes", "--lock-timeout", "60", "struck")
    shutil.rmtree("/run/copy", ignore_errors=True)  # the user's own log stays


def test_no_act_was_left_out(decnet: Command, tmp_path: Path):
    count = tmp_path / "count"
    assert strike(decnet, "count", count, "apply", "--no-supervisor", tmp_path / "network.ini") == 0
    assert int(count.read_text()) <= ACTS
    decnet("destroy", "--yes", "struck")
