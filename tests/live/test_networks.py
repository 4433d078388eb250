"""What a network promises while it is changed, hurt and looked at: through the installed command."""

import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.live.command import DECNET, Command
from tests.live.lab import Lab, eventually, run

pytestmark = pytest.mark.live

NETWORK = """
[general]
name = lab
net = 198.51.100.0/24
seed = lab

[web]
ip = 198.51.100.20
services = http, redis, ssh
distro = debian

[web.ssh]
users = root:toor

[db]
ip = 198.51.100.21
services = redis
distro = debian
"""
SSH = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]


@pytest.fixture
def decnet(lab: Lab, tmp_path: Path):
    before = lab.snapshot()
    command = Command(tmp_path / "state", supervised=False)
    yield command
    command("destroy", "--yes", "lab")
    assert lab.snapshot() == before


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "network.ini"
    path.write_text(NETWORK)
    return path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


class Session:
    """A login that stays open; every line is answered."""

    def __init__(self, address: str):
        self.process = subprocess.Popen(
            ["sshpass", "-p", "toor", "ssh", "-T", *SSH, f"root@{address}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def ask(self, line: str) -> str:
        self.process.stdin.write(line + "\n")
        while True:
            answer = self.process.stdout.readline()
            assert answer, "the session is gone"
            if answer.startswith("answer "):
                return answer.removeprefix("answer ").rstrip("\n")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)


def test_a_session_survives_changes_of_others_and_of_its_decoy_s_other_services(decnet, file):
    decnet("apply", file)
    session = Session("198.51.100.20")
    assert session.ask("X=41; echo answer $((X+1))") == "42"
    edit(file, "ip = 198.51.100.21\nservices = redis", "ip = 198.51.100.31\nservices = http")
    edit(file, "services = http, redis, ssh", "services = redis, ssh")
    file.write_text(file.read_text() + "\n[web.redis]\nredis_version = 6.0.16\n\n[new]\nservices = http\n")
    plan = decnet("plan", file)
    assert re.search(r"± decoy  db .*replace", plan), plan
    assert re.search(r"~ decoy  web .*redis_version", plan), plan
    decnet("apply", file)
    assert session.ask("echo answer $((X+2))") == "43"
    assert "redis_version:6.0.16" in run("redis-cli", "-h", "198.51.100.20", "info", "server")
    edit(file, "users = root:toor", "users = root:other")
    decnet("apply", file)
    assert session.ask("echo answer $((X+3))") == "44"
    session.close()
    run("sshpass", "-p", "other", "ssh", *SSH, "root@198.51.100.20", "true")


def host_keys(address: str) -> list[str]:
    return sorted(
        line for line in run("ssh-keyscan", "-T", "20", address).splitlines() if not line.startswith("#")
    )


def test_identity_survives_replace(decnet, file):
    decnet("apply", file)
    before, keys = decnet.status("lab")["web"], host_keys("198.51.100.20")
    assert len(keys) == 3
    edit(file, "ip = 198.51.100.20", "ip = 198.51.100.40")
    decnet("apply", file)
    after = decnet.status("lab")["web"]
    assert after["ip"] == "198.51.100.40"
    assert (after["mac"], after["hostname"]) == (before["mac"], before["hostname"])
    assert [k.split(" ", 1)[1] for k in host_keys("198.51.100.40")] == [k.split(" ", 1)[1] for k in keys]


def test_plan_tells_what_an_edit_costs(decnet, file):
    decnet("apply", file)
    assert decnet.json("plan", "--detailed-exitcode", file)["changes"] == []
    edit(file, "users = root:toor", "users = root:toor, admin:admin")
    plan = decnet.json("plan", "--detailed-exitcode", file, code=2)
    (change,) = plan["changes"]
    assert (change["resource"], change["action"]) == ("decoy/web", "change")
    assert change["line"] == NETWORK[: NETWORK.index("users")].count("\n") + 1
    assert plan["summary"] == {"add": 0, "change": 1, "replace": 0, "remove": 0, "unchanged": 1}
    assert "toor" not in decnet("plan", file)


@pytest.mark.parametrize(
    ("hurt", "state"),
    [
        (("nsenter", "--net=/run/netns/decnet:lab:db", "ip", "link", "set", "eth0", "down"), "drifted"),
        (("nsenter", "--net=/run/netns/decnet:lab:db", "ip", "address", "flush", "dev", "eth0"), "drifted"),
        (("nsenter", "--net=/run/netns/decnet:lab:db", "ip", "link", "delete", "eth0"), "down"),
        (
            ("nsenter", "--net=/run/netns/decnet:lab:db", "sysctl", "-qw", "net.ipv4.ip_default_ttl=99"),
            "drifted",
        ),
        (("ip", "netns", "delete", "decnet:lab:db"), "down"),
    ],
    ids=["link down", "no address", "no link", "sysctl", "no namespace"],
)
def test_drift_is_seen_and_repaired(decnet, file, hurt, state):
    decnet("apply", file)
    run(*hurt)
    assert decnet.status("lab", code=4)["db"]["state"] in {state, "down"}
    plan = decnet.json("plan", "--detailed-exitcode", file, code=2)
    assert plan["changes"] == []
    assert [row["resource"] for row in plan["drift"]] == ["decoy/db"]
    decnet("apply", file)
    assert decnet.status("lab")["db"]["state"] == "up"
    assert run("redis-cli", "-h", "198.51.100.21", "ping").strip() == "PONG"


def test_a_killed_decoy_process_is_drift_and_comes_back(decnet, lab, file):
    decnet("apply", file)
    (process,) = lab.decoy_processes()
    os.kill(process, signal.SIGKILL)
    assert {decoy["state"] for decoy in decnet.status("lab", code=4).values()} == {"down"}
    decnet("apply", file)
    assert run("redis-cli", "-h", "198.51.100.20", "ping").strip() == "PONG"
    assert len(lab.decoy_processes()) == 1


def test_decoy_processes_hold_no_privilege(decnet, lab, file):
    decnet("apply", file)
    (process,) = lab.decoy_processes()
    status = Path(f"/proc/{process}/status").read_text()
    assert re.search(r"^Uid:\t(\d+)\t\1\t\1\t\1$", status, re.MULTILINE)[1] != "0"
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert f"{name}:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Groups:\t \n" in status


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_apply_is_finished_by_the_next_one(decnet, lab, file, seed):
    """At a moment that the seed draws, over all of a first apply, a change and a destroy."""
    chance = random.Random(seed)
    file.write_text(NETWORK + "\n[many]\namount = 12\nservices = redis, http\n")
    for words in (("apply", file), ("apply", file), ("destroy", "--yes", "lab")):
        process = decnet.start(*words)
        time.sleep(chance.uniform(0.25, 1.1))
        process.kill()
        process.communicate()
        if "destroy" not in words:
            decnet("plan", file)
            file.write_text(file.read_text().replace("services = redis, http", "services = http, redis, ssh"))
    decnet("apply", file)
    assert decnet.json("plan", "--detailed-exitcode", file)["changes"] == []
    assert all(decoy["state"] == "up" for decoy in decnet.status("lab").values())
    eventually(lambda: len(lab.decoy_processes()) == 1, seconds=20)


def test_without_the_privilege_one_line_says_which(decnet, file):
    done = subprocess.run(
        ["setpriv", "--bounding-set=-all", "--inh-caps=-all", DECNET, "apply", str(file)],
        capture_output=True, text=True, env=decnet.environment, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1
    assert "CAP_NET_ADMIN" in done.stderr
    assert "sudo" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_applies_at_once_do_not_meet(decnet, file):
    file.write_text(NETWORK + "\n[many]\namount = 20\nservices = redis, http\n")
    first = decnet.start("apply", file)
    eventually(lambda: any(decnet.state.glob("*.lock")), seconds=20)
    second = decnet.start("apply", file)
    _, told = second.communicate(timeout=60)
    first.communicate(timeout=60)
    assert second.returncode == 1
    assert re.search(r"pid \d+", told)
    decnet("apply", "--lock-timeout", "30", file)


def test_a_slow_client_blocks_nobody(decnet, file):
    decnet("apply", file)
    slow = [socket.create_connection((address, port), 5) for address, port in
            (("198.51.100.20", 80), ("198.51.100.20", 6379), ("198.51.100.20", 22), ("198.51.100.21", 6379))]  # fmt: skip
    for one in slow:
        one.sendall(b"G")
    started = time.monotonic()
    assert run("redis-cli", "-h", "198.51.100.20", "ping").strip() == "PONG"
    assert run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "http://198.51.100.20/") == "200"
    run("sshpass", "-p", "toor", "ssh", *SSH, "root@198.51.100.20", "true")
    assert time.monotonic() - started < 30
    for one in slow:
        one.close()


def test_foreign_things_with_similar_names_are_left_alone(decnet, lab, file):
    run("ip", "netns", "add", "decnet:lab2:web")
    run("ip", "netns", "add", "decnet-lab-web")
    run("ip", "link", "add", "dn00aabbccdd", "type", "veth", "peer", "name", "dl00aabbccdd")
    decnet("apply", file)
    decnet("destroy", "--yes", "lab")
    names = run("ip", "netns", "list")
    assert "decnet:lab2:web" in names
    assert "decnet-lab-web" in names
    run("ip", "link", "show", "dl00aabbccdd")
    run("ip", "netns", "delete", "decnet:lab2:web")
    run("ip", "netns", "delete", "decnet-lab-web")
    run("ip", "link", "delete", "dn00aabbccdd")


def test_a_macvlan_network_takes_subnet_and_gateway_from_its_interface_again_and_again(decnet, lab, file):
    peer = lab.machine("router", "203.0.113.1/24", cable="lan0")
    run("ip", "address", "add", "203.0.113.9/24", "dev", "lan0")
    run("ip", "route", "add", "default", "via", "203.0.113.1")
    file.write_text(
        "[general]\nname = lab\ndriver = macvlan\npool = 203.0.113.50-59\n\n[web]\nservices = http, redis\n"
    )
    decnet("apply", file)
    assert decnet.json("plan", "--detailed-exitcode", file)["drift"] == []
    assert decnet.status("lab")["web"]["ip"] == "203.0.113.50"
    assert peer.run("redis-cli", "-h", "203.0.113.50", "ping").strip() == "PONG"
    assert run("redis-cli", "-h", "203.0.113.50", "ping").strip() == "PONG"  # the host itself, by the hairpin
    decnet("destroy", "--yes", "lab")
    lab.unplug(peer)
