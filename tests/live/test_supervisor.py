"""A network heals itself: every sabotage is put right and told once, whoever of us is killed."""

import json
import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from decnet import state
from decnet.world import namespaces, sockets, supervision
from tests.live.command import DECNET, Command
from tests.live.lab import Lab, eventually, run

pytestmark = pytest.mark.live

NETWORK = """
[general]
name = healing
net = 198.51.100.0/24
seed = lab

[web]
ip = 198.51.100.20
services = http, redis, ssh
distro = debian

[db]
ip = 198.51.100.21
services = redis
distro = debian
"""
INSIDE = ("nsenter", "--net=/run/netns/decnet:healing:web")
RUN = Path("/run/decnet/healing")
REPAIRED = 15
"""Seconds a test waits for what takes two: the machine may be busy."""


def supervisors(lab: Lab) -> list[int]:
    """The guard and its child."""
    return lab.processes_of("decnet.supervisor")


def told(decnet: Command) -> list[dict]:
    return [
        event
        for event in decnet.events("healing", "--type", "decoy.state")
        if event["data"]["state"] == "repaired"
    ]


def host_key(address: str) -> str:
    return run("ssh-keyscan", "-t", "ed25519", address)


@pytest.fixture
def decnet(lab: Lab, tmp_path: Path):
    before = lab.snapshot()
    file = tmp_path / "network.ini"
    file.write_text(NETWORK)
    command = Command(tmp_path / "state")
    command("apply", file)
    yield command
    command("destroy", "--yes", "healing")
    assert lab.snapshot() == before


@pytest.mark.parametrize(
    ("sabotage", "cause"),
    [
        ("ip link set eth0 down", "link eth0 is down"),
        ("ip address delete 198.51.100.20/24 dev eth0", "link eth0 has ip"),
        ("ip route delete default", "link eth0 has gw"),
        ("ip link delete eth0", "link eth0 is gone"),
        ("nft flush ruleset", "containment"),
    ],
)
def test_what_is_heard_is_repaired_and_told_once(decnet, sabotage, cause):
    run(*INSIDE, *sabotage.split())
    eventually(lambda: told(decnet), seconds=REPAIRED)
    eventually(lambda: decnet.json("status", "healing")["decoys"], seconds=REPAIRED)
    time.sleep(2)
    (event,) = told(decnet)
    assert event["decoy"] == "web"
    assert cause in event["data"]["cause"]
    assert event["data"]["heard"]
    assert run("redis-cli", "-h", "198.51.100.20", "ping").strip() == "PONG"
    assert {decoy["state"] for decoy in decnet.status("healing").values()} == {"up"}


def test_what_happens_as_soon_as_a_command_lets_go_is_heard(decnet):
    """In a namespace that the command has made, and that the supervisor has not come across by itself."""
    with state.lock(decnet.state, "healing", "test"):
        run("ip", "netns", "delete", "decnet:healing:db")
        time.sleep(1)  # it has seen that
        run("ip", "netns", "add", "decnet:healing:db")
        supervision.follow(RUN)
    run("ip", "-n", "decnet:healing:db", "link", "set", "lo", "up")
    eventually(lambda: told(decnet), seconds=REPAIRED)
    (event,) = told(decnet)
    assert event["decoy"] == "db"
    assert "db: link changed" in event["data"]["heard"]


def test_a_deleted_namespace_comes_back_with_the_same_identity(decnet):
    before, key = decnet.status("healing")["web"], host_key("198.51.100.20")
    run("ip", "netns", "delete", "decnet:healing:web")
    eventually(lambda: told(decnet), seconds=REPAIRED)
    after = decnet.status("healing")["web"]
    assert (after["state"], after["mac"], after["hostname"]) == ("up", before["mac"], before["hostname"])
    assert host_key("198.51.100.20") == key
    (event,) = told(decnet)
    assert "namespace is gone" in event["data"]["cause"]


def test_a_sysctl_that_nobody_hears_of_is_found_by_looking(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("DECNET_LOOK_SECONDS", "3")
    file = tmp_path / "network.ini"
    file.write_text(NETWORK)
    decnet = Command(tmp_path / "state")
    decnet("apply", file)
    run(*INSIDE, "sysctl", "-qw", "net.ipv4.ip_default_ttl=99")
    eventually(lambda: told(decnet), seconds=REPAIRED)
    assert run(*INSIDE, "sysctl", "-n", "net.ipv4.ip_default_ttl").strip() != "99"
    assert "ip_default_ttl is 99" in told(decnet)[0]["data"]["cause"]
    decnet("destroy", "--yes", "healing")


def test_a_killed_decoy_process_comes_back_on_its_own_sockets(lab, decnet):
    (process,) = lab.decoy_processes()
    os.kill(process, signal.SIGKILL)
    # Nobody is refused meanwhile: who connects waits in the backlog of sockets that never closed.
    with socket.create_connection(("198.51.100.20", 6379), timeout=REPAIRED) as visitor:
        visitor.sendall(b"PING\r\n")
        assert visitor.recv(64) == b"+PONG\r\n"
    eventually(lambda: len(told(decnet)) == 2, seconds=REPAIRED)
    time.sleep(2)
    assert {event["decoy"] for event in told(decnet)} == {"web", "db"}
    assert all(f"(pid {process}) ended" in event["data"]["heard"] for event in told(decnet))
    assert {decoy["state"] for decoy in decnet.status("healing").values()} == {"up"}
    assert len(lab.decoy_processes()) == 1


@pytest.mark.parametrize("into", [0.08, 0.16, 0.22])
def test_what_breaks_while_something_else_is_repaired_is_found_soon(decnet, into):
    run(*INSIDE, "ip", "link", "set", "eth0", "down")
    eventually(lambda: state.is_held(decnet.state, "healing"), seconds=REPAIRED)
    time.sleep(into)
    run("ip", "-n", "decnet:healing:db", "link", "set", "eth0", "down")
    eventually(lambda: {event["decoy"] for event in told(decnet)} == {"web", "db"}, seconds=REPAIRED)


@pytest.mark.parametrize("into", [0.0, 0.15, 0.3, 0.6])
def test_a_decoy_process_killed_while_something_else_is_repaired_keeps_its_sockets(lab, decnet, into):
    (process,) = lab.decoy_processes()
    run(*INSIDE, "ip", "link", "set", "eth0", "down")
    eventually(lambda: state.is_held(decnet.state, "healing"), seconds=REPAIRED)
    time.sleep(into)  # the repair has looked by now, or not yet, or has ended
    os.kill(process, signal.SIGKILL)
    eventually(lambda: process not in lab.decoy_processes())
    begun = time.monotonic()
    while not lab.decoy_processes() or time.monotonic() - begun < 2:
        assert time.monotonic() - begun < REPAIRED
        with socket.create_connection(("198.51.100.21", 6379), timeout=REPAIRED) as visitor:
            visitor.sendall(b"PING\r\n")
            assert visitor.recv(64) == b"+PONG\r\n"
        time.sleep(0.02)  # a source may connect so often
    eventually(lambda: {decoy["state"] for decoy in decnet.status("healing").values()} == {"up"})


def test_it_has_room_for_the_sockets_of_a_large_network(lab, decnet):
    """Whoever applies has 1,024 descriptors as a rule; it takes as many as it may have."""
    soft, hard = resource.prlimit(supervisors(lab)[1], resource.RLIMIT_NOFILE)
    assert soft == hard


def test_a_decoy_s_name_is_no_cause(lab, tmp_path):
    file = tmp_path / "network.ini"
    file.write_text(NETWORK.replace("[web]", "[supervisor]"))
    decnet = Command(tmp_path / "state")
    decnet("apply", file)
    run("nsenter", "--net=/run/netns/decnet:healing:supervisor", "ip", "link", "set", "eth0", "down")
    eventually(lambda: told(decnet), seconds=REPAIRED)
    assert [event["decoy"] for event in told(decnet)] == ["supervisor"]
    decnet("destroy", "--yes", "healing")


def test_a_killed_shipper_comes_back_and_goes_on_where_it_was(lab, tmp_path):
    file, copy = tmp_path / "network.ini", Path("/run/copy/events.jsonl")
    file.write_text(f"{NETWORK}\n[sink-copy]\ntype = file\npath = {copy}\n")
    decnet = Command(tmp_path / "state")
    decnet("apply", file)
    (shipper,) = [
        pid for pid in lab.processes() if b"decnet.shipper" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    run("redis-cli", "-h", "198.51.100.20", "ping")
    eventually(copy.exists)
    os.kill(shipper, signal.SIGKILL)
    run("redis-cli", "-h", "198.51.100.21", "ping")
    eventually(lambda: told(decnet), seconds=REPAIRED)
    logged = {event["id"] for event in decnet.events("healing")}
    eventually(lambda: logged <= {json.loads(line)["id"] for line in copy.read_text().splitlines()})
    (event,) = told(decnet)
    assert event["data"]["resource"] == "sink/copy"
    assert f"shipper (pid {shipper}) ended" in event["data"]["heard"]
    decnet("destroy", "--yes", "healing")


def test_a_decoy_process_that_is_stuck_is_replaced(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("DECNET_LOOK_SECONDS", "4")
    file = tmp_path / "network.ini"
    file.write_text(NETWORK)
    decnet = Command(tmp_path / "state")
    decnet("apply", file)
    (process,) = lab.decoy_processes()
    os.kill(process, signal.SIGSTOP)
    eventually(lambda: process not in lab.decoy_processes() and lab.decoy_processes(), seconds=30)
    eventually(lambda: told(decnet), seconds=REPAIRED)
    assert run("redis-cli", "-h", "198.51.100.20", "ping").strip() == "PONG"
    decnet("destroy", "--yes", "healing")


@pytest.mark.parametrize("who", ["guard", "child"])
def test_a_killed_supervisor_is_replaced_by_the_other_half(lab, decnet, who):
    eventually(lambda: len(supervisors(lab)) == 2)
    before = supervisors(lab)
    os.kill(before[0 if who == "guard" else 1], signal.SIGKILL)
    eventually(lambda: len(supervisors(lab)) == 2 and supervisors(lab) != before, seconds=REPAIRED)
    eventually(lambda: told(decnet), seconds=REPAIRED)
    time.sleep(1)
    (event,) = told(decnet)
    assert (event["decoy"], "supervisor" in event["data"]["cause"]) == ("", True)
    run(*INSIDE, "ip", "link", "set", "eth0", "down")
    eventually(lambda: len(told(decnet)) == 2, seconds=REPAIRED)


def test_one_that_is_stuck_is_killed_by_destroy_and_nothing_is_left(lab, decnet):
    eventually(lambda: len(supervisors(lab)) == 2)
    os.kill(supervisors(lab)[1], signal.SIGSTOP)
    decnet("destroy", "--yes", "healing")
    assert lab.processes() == []


def test_both_halves_killed_the_next_apply_starts_another(lab, decnet, tmp_path):
    for pid in supervisors(lab):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not supervisors(lab))
    assert "supervisor" in decnet("status", "healing", code=4)
    decnet("apply", tmp_path / "network.ini")
    eventually(lambda: len(supervisors(lab)) == 2)
    decnet("status", "healing")


def test_supervisor_and_decoy_process_killed_together(lab, decnet):
    for pid in (*lab.decoy_processes(), supervisors(lab)[1]):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(lab.decoy_processes()) == 1, seconds=REPAIRED)
    eventually(
        lambda: {d["state"] for d in decnet.json("status", "healing", code=None)["decoys"]} == {"up"},
        seconds=30,
    )


def test_a_network_comes_back_after_a_reboot_with_the_same_identity(lab, decnet):
    """As after a reboot: no process, no namespace, no interface, an empty /run; then what the unit runs."""
    before, key = decnet.status("healing"), host_key("198.51.100.20")
    for pid in (*supervisors(lab), *lab.decoy_processes()):
        os.kill(pid, signal.SIGKILL)
    for name in ("web", "db"):
        run("ip", "netns", "delete", f"decnet:healing:{name}")
    for line in run("ip", "-o", "link").splitlines():
        name = line.split()[1].rstrip(":").partition("@")[0]
        if name.startswith(("dl", "dn")):
            run("ip", "link", "delete", name, check=False)
    for path in RUN.iterdir():
        path.unlink()
    unit = subprocess.Popen(
        [DECNET, "supervise", "healing"], env=decnet.environment, stderr=subprocess.DEVNULL
    )
    eventually(lambda: decnet.json("status", "healing", code=None)["decoys"][0]["state"] == "up", seconds=30)
    after = decnet.status("healing")
    assert [(d["ip"], d["mac"], d["hostname"]) for d in after.values()] == [
        (d["ip"], d["mac"], d["hostname"]) for d in before.values()
    ]
    assert host_key("198.51.100.20") == key
    unit.terminate()
    assert unit.wait(10) == 0


def test_a_session_is_not_dropped_by_the_repair_of_another_decoy(decnet):
    with socket.create_connection(("198.51.100.21", 6379), timeout=5) as visitor:
        run(*INSIDE, "ip", "link", "set", "eth0", "down")
        eventually(lambda: told(decnet), seconds=REPAIRED)
        visitor.sendall(b"PING\r\n")
        assert visitor.recv(64) == b"+PONG\r\n"


def test_a_state_that_is_gone_is_told_and_adopted(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("DECNET_LOOK_SECONDS", "2")
    file = tmp_path / "network.ini"
    file.write_text(NETWORK)
    decnet = Command(tmp_path / "state")
    decnet("apply", file)
    for path in decnet.state.glob("state.db*"):
        path.unlink()
    run(*INSIDE, "ip", "link", "set", "eth0", "down")

    def losses() -> list[str]:
        causes = [event["data"]["cause"] for event in decnet.events("healing", "--type", "decoy.state")]
        return [cause for cause in causes if cause == "the state of the network is gone"]

    eventually(losses, seconds=REPAIRED)
    time.sleep(6)  # two full looks later it is still told once
    assert len(losses()) == 1
    decnet("adopt", tmp_path / "network.ini")
    decnet("apply", tmp_path / "network.ini")
    assert {decoy["state"] for decoy in decnet.status("healing").values()} == {"up"}
    decnet("destroy", "--yes", "healing")


def test_the_unit_is_one_that_systemd_reads(tmp_path):
    for name, words in (("decnet@lab.service", ()), ("decnet-ingest@lab.service", ("--ingest",))):
        unit = tmp_path / name
        unit.write_text(run(DECNET, "unit", *words))
        assert run("systemd-analyze", "verify", str(unit), check=False) == ""


class Pretender:
    """A decoy process that is the test's own: it says what one that was taken over could say."""

    def __init__(self, number: int):
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._path = RUN / f"process-{number}.sock"
        self._listening.bind(str(self._path))
        self._listening.listen()
        self._listening.settimeout(10)
        self._connection, _ = self._listening.accept()
        self._connection.settimeout(10)
        assert json.loads(self._connection.recv(4096))["op"] == "watch"

    def say(self, op: str, *sockets: socket.socket, **words: object) -> None:
        fds = [one.fileno() for one in sockets]
        socket.send_fds(self._connection, [json.dumps({"op": op, **words}).encode()], fds)

    def want(self, **words: object) -> tuple[str, list[socket.socket]]:
        self.say("want", number=1, **words)
        message, descriptors, _, _ = socket.recv_fds(self._connection, 4096, 4)
        return json.loads(message)["error"], [socket.socket(fileno=fd) for fd in descriptors]

    def close(self) -> None:
        self._path.unlink()
        self._connection.close()
        self._listening.close()


def test_further_sockets_are_for_decoys_that_a_process_serves(lab, decnet):
    with namespaces.opened("healing", "web") as fd:
        (own,) = sockets.listening(fd, [(4000, "tcp")])
    before, process = supervisors(lab), Pretender(77)
    try:
        refused, none = process.want(decoy="web", service="x", proto="tcp")
        assert (refused, none) == ("it does not serve that decoy", [])
        with socket.create_server(("127.0.0.1", 0)) as foreign:
            process.say("sockets", foreign, decoy="web", service="x", ports=[[4000, "tcp"]])
        assert process.want(decoy="web", service="x", proto="tcp")[0]
        process.say("sockets", own, decoy="web", service="x", ports=[[4000, "tcp"]])
        error, (further,) = process.want(decoy="web", service="x", proto="tcp", port=4001)
        assert error == ""
        socket.create_connection(("198.51.100.20", 4001), timeout=5).close()
        further.close()
        for words in (
            {"decoy": "db"},
            {"decoy": "web", "port": 22},
            {"decoy": "web", "port": 80000},
            {"decoy": "web", "port": 4000},
            {"decoy": "web", "proto": "raw"},
            {"decoy": "../web"},
            {"decoy": "web\0"},
        ):
            error, none = process.want(service="x", **{"proto": "tcp", **words})
            assert error, words
            assert none == []
        process.say("gone", decoy="web", service="redis")  # another's: nothing comes of it
        for nonsense in (b"\xff", b"{}", b"[]", b'{"op": 3}', b"x" * 60000):
            socket.send_fds(process._connection, [nonsense], [own.fileno()])
        error, (further,) = process.want(decoy="web", service="x", proto="udp")
        assert (error, further.type) == ("", socket.SOCK_DGRAM)
        further.close()
    finally:
        process.close()
        own.close()
    assert run("redis-cli", "-h", "198.51.100.20", "ping").strip() == "PONG"
    eventually(lambda: supervisors(lab) == before)  # a third is a child that is about to be something else
