"""A real sshd in a decoy's network: who comes, what is tried, done and left behind, and that nothing gets out."""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import pty
import select
import shlex
import signal
import socket
import struct
import termios
import time

import pytest

from tests.docker.highs import NETWORK, archive_with_sshd, servers
from tests.docker.test_networks import process_of
from tests.live.lab import eventually, run
from tests.live.test_examples import EXAMPLES
from tests.live.test_killed import strike

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


@pytest.fixture(scope="session")
def archive():
    return archive_with_sshd()


@pytest.fixture(scope="module")
def image(engine):
    return servers(engine)[0]


@pytest.fixture
def file(tmp_path):
    def write(runtime="docker", keys="", persona="", more=""):
        written = tmp_path / "network.ini"
        written.write_text(NETWORK.format(runtime=runtime, keys=keys, persona=persona, more=more))
        return written

    return write


_OPTIONS = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=5")


def client(program, password, *words, method="password"):
    options = [word for one in (*_OPTIONS, f"PreferredAuthentications={method}") for word in ("-o", one)]
    return ["sshpass", "-p", password, program, *options, *map(str, words)]


def ssh(command, user="root", password="toor", host="198.51.100.20"):
    return run(*client("ssh", password, f"{user}@{host}", command), check=False, timeout=60)


def told(decnet, kind, **data):
    """Events of a type whose data has all of this."""
    lines = decnet("events", "boxes", "--json").splitlines()
    events = [json.loads(line) for line in lines]
    return [one for one in events if one["type"] == kind and data.items() <= one["data"].items()]


def test_who_comes_is_told_with_every_password_and_every_command(engine, decnet, file, tmp_path):
    decnet("apply", "--yes", file())
    assert "uid=0(root)" in ssh("id; hostname")
    assert "uid=1000(anna)" in ssh("id", "anna", "secret1")
    assert "uid=" not in ssh("id", "anna", "wrong")
    assert "uid=" not in ssh("id", "nobody1", "hunter2")
    eventually(lambda: len(told(decnet, "connection.close")) == 4, seconds=10)
    tries = [
        (one["data"]["principal"], one["data"]["secret"], one["data"]["outcome"])
        for one in told(decnet, "auth.attempt")
    ]
    assert tries == [
        ("root", "toor", "accepted"),
        ("anna", "secret1", "accepted"),
        ("anna", "wrong", "refused"),
        ("nobody1", "hunter2", "refused"),
    ]
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key")
    words = client("ssh", "x", "-i", tmp_path / "key", "root@198.51.100.20", "id", method="publickey")
    run(*words, check=False)
    eventually(lambda: told(decnet, "auth.attempt", method="publickey"), seconds=10)
    (key,) = told(decnet, "auth.attempt", method="publickey")
    fingerprint = run("ssh-keygen", "-l", "-f", tmp_path / "key.pub").split()[1]
    assert (key["data"]["secret"], key["data"]["outcome"]) == (fingerprint, "refused")
    commands = told(decnet, "command", via="exec")
    assert [(one["data"]["user"], one["data"]["command"]) for one in commands] == [
        ("root", "id; hostname"),
        ("anna", "id"),
    ]
    opened = {one["session"] for one in told(decnet, "connection.open")}
    assert {one["session"] for one in (*commands, *told(decnet, "auth.attempt"))} == opened


def kept(decnet, event):
    return decnet.state / "events" / "boxes" / event["data"]["artifact"]


def test_a_session_is_recorded_as_it_was_typed_and_shown(engine, decnet, file):
    decnet("apply", "--yes", file())
    with pty_session() as (send, read):
        read("# ")
        send("echo one$((1+1))\r")
        read("one2")
        send("exot\x7f\x7fit\r")
    eventually(lambda: told(decnet, "request", operation="recording"), seconds=15)
    (event,) = told(decnet, "request", operation="recording")
    path = kept(decnet, event)
    assert path.stat().st_mode & 0o777 == 0o600
    header, *lines = (json.loads(line) for line in path.read_text().splitlines())
    assert (header["version"], header["width"], header["height"]) == (2, 101, 31)
    shown = "".join(data for _, kind, data in lines if kind == "o")
    typed = "".join(data for _, kind, data in lines if kind == "i")
    assert "root@gw-01:~# echo one$((1+1))" in shown
    assert "\rone2\r\n" in shown
    assert typed == "echo one$((1+1))\rexot\x7f\x7fit\r"
    assert [at for at, *_ in lines] == sorted(at for at, *_ in lines)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == event["data"]["sha256"]
    commands = [one["data"]["command"] for one in told(decnet, "command", via="tty")]
    assert commands == ["echo one$((1+1))", "exit"]
    (opened,) = told(decnet, "connection.open")
    assert path.name == f"{opened['session']}-1.cast"
    assert event["session"] == opened["session"]


@contextlib.contextmanager
def pty_session(user="root", password="toor"):
    """A visitor at a terminal of 101 by 31."""
    words = client("ssh", password, "-tt", f"{user}@198.51.100.20")
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(words[0], words)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 101, 0, 0))
    seen = b""

    def read(until):
        nonlocal seen
        deadline = time.monotonic() + 30
        while until.encode() not in seen:
            assert time.monotonic() < deadline, seen
            if select.select([fd], [], [], 1)[0]:
                seen += os.read(fd, 4096)
        seen = seen.partition(until.encode())[2]

    try:
        yield (lambda text: os.write(fd, text.encode())), read
        os.waitpid(pid, 0)
    finally:
        os.close(fd)


def test_what_visitors_bring_is_kept_and_nothing_is_followed(engine, decnet, file, tmp_path):
    decnet("apply", "--yes", file())
    (tmp_path / "miner").write_bytes(b"\x7fELF evil")
    run(*client("scp", "secret1", tmp_path / "miner", "anna@198.51.100.20:/tmp/by-scp"))
    sftp = shlex.join(client("sftp", "secret1", "anna@198.51.100.20"))
    run("bash", "-c", f"echo put {tmp_path}/miner /tmp/by-sftp | {sftp}")
    ssh(
        "ln -s /etc/shadow /tmp/link; mkfifo /tmp/fifo; echo 'x:x:0:0::/:' >> /etc/passwd; echo a > '/tmp/a b'"
    )
    eventually(lambda: len(told(decnet, "file.upload")) >= 4, seconds=30)
    time.sleep(1)
    found = {one["data"]["path"]: one["data"] for one in told(decnet, "file.upload")}
    assert set(found) == {"/tmp/by-scp", "/tmp/by-sftp", "/etc/passwd", "/tmp/a b"}
    evil = found["/tmp/by-scp"]
    assert (evil["size"], evil["sha256"]) == (9, hashlib.sha256(b"\x7fELF evil").hexdigest())
    path = decnet.state / "events" / "boxes" / evil["artifact"]
    assert path.read_bytes() == b"\x7fELF evil"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_session_reaches_nobody_and_has_no_more_than_it_needs(engine, decnet, file):
    decnet("apply", "--yes", file())
    connect = "timeout 3 bash -c 'exec 3<>/dev/tcp/{}' && echo out || echo closed"
    asked = [connect.format("198.51.100.1/22"), connect.format("203.0.113.9/80")]
    with socket.create_server(("198.51.100.1", 4444)):
        asked.append(connect.format("198.51.100.1/4444"))
        assert ssh("; ".join(asked)).split() == ["closed"] * 3
    status = dict(line.split(":\t", 1) for line in ssh("cat /proc/self/status").splitlines() if ":\t" in line)
    assert (status["CapEff"], status["CapBnd"]) == (status["CapEff"],) * 2
    assert int(status["CapBnd"], 16) == sum(1 << bit for bit in (0, 1, 3, 5, 6, 7, 10, 18, 29))
    assert status["Seccomp"] == "2"
    host = engine.containers.get("decnet-boxes-gw.ssh").attrs["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (512 << 20, 512 << 20, 128)
    assert (host["CpuQuota"], host["CpuPeriod"]) == (100_000, 100_000)
    assert "mount: " in ssh("mount -t tmpfs x /mnt 2>&1")
    assert "No such" in ssh("ls /.dockerenv 2>&1")
    assert "docker" not in ssh(
        "env; cat /proc/1/cgroup /proc/self/cgroup; ps -ef; cat /etc/hosts /etc/resolv.conf; ls -a /"
    )


def test_two_decoys_of_one_image_share_nothing_that_tells(engine, decnet, file):
    more = "\n[gw2]\narchetype = deaddeck\ndistro = debian\nhostname = gw-02\nip = 198.51.100.21\n[gw2.ssh]\nusers = root:toor\n"
    written = file()
    written.write_text(written.read_text() + more)
    decnet("apply", "--yes", written)
    asked = "hostname; cat /etc/machine-id; cat /etc/ssh/*.pub; stat -c %Y /etc/passwd /etc/ssh/sshd_config /etc /home /root"
    one, two = (set(ssh(asked, host=f"198.51.100.{number}").split()) for number in (20, 21))
    assert one & two == {"ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256"}
    scan = run("nmap", "-Pn", "-sV", "-p22", "--version-all", "198.51.100.20", timeout=120)
    assert "22/tcp open  ssh     OpenSSH 9.2p1 Debian" in scan
    decnet("reset", "boxes", "gw", "--yes")
    again = set(ssh(asked).split())
    assert again == one


def test_a_reset_gives_a_clean_system_and_takes_sessions_along(engine, decnet, file):
    decnet("apply", "--yes", file())
    ssh("echo mine > /root/mine; touch /root/empty")
    before = engine.containers.get("decnet-boxes-gw").attrs["State"]["Pid"]
    with contextlib.suppress(OSError), pty_session() as (send, read):
        read("# ")
        send("echo late > /root/late\r")
        read("# ")
        out = decnet("reset", "boxes", "--yes")
    assert "drops 1 open session" in out
    assert "boxes: 1 of 1 decoy reset" in out
    assert ssh("ls /root").split() == []
    assert engine.containers.get("decnet-boxes-gw").attrs["State"]["Pid"] == before
    paths = [one["data"]["path"] for one in told(decnet, "file.upload")]
    assert {"/root/mine", "/root/late"} <= set(paths)
    (event,) = told(decnet, "decoy.state")
    assert (event["decoy"], event["data"]["state"], event["data"]["sessions"]) == ("gw", "reset", 1)
    assert decnet.json("reset", "boxes")["decoys"] == [{"name": "gw", "state": "reset", "error": ""}]
    plan = decnet.json("plan", "--detailed-exitcode", file())
    assert (plan["changes"], plan["drift"]) == ([], [])
    assert "no decoy" in decnet("reset", "boxes", "gv", code=2)


def test_a_reset_that_is_due_is_done_by_the_supervisor(engine, decnet, file):
    decnet("apply", "--yes", file(persona="reset = 25s"))
    first = engine.containers.get("decnet-boxes-gw.ssh").id
    ssh("echo mine > /root/mine")
    eventually(lambda: told(decnet, "decoy.state", state="reset"), seconds=80)
    assert engine.containers.get("decnet-boxes-gw.ssh").id != first
    assert ssh("ls /root").split() == []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_reset_that_is_killed_leaves_what_the_next_apply_mends(decnet, file, moment, number):
    command = dataclasses.replace(decnet, supervised=False)
    command("apply", "--yes", file())
    assert strike(command, moment, number, "reset", "boxes", "--yes") == -signal.SIGKILL
    command("apply", "--yes", file())
    assert "uid=0(root)" in ssh("id")
    plan = command.json("plan", "--detailed-exitcode", file())
    assert (plan["changes"], plan["drift"]) == ([], [])


def server(engine):
    return engine.containers.get("decnet-boxes-gw.ssh")


def carrier(engine):
    return engine.containers.get("decnet-boxes-gw")


@pytest.mark.parametrize(
    ("runtime", "sabotage"),
    [
        pytest.param("docker", lambda engine: server(engine).remove(force=True), id="removed"),
        pytest.param("docker", lambda engine: server(engine).kill(), id="killed"),
        pytest.param("docker", lambda engine: server(engine).restart(timeout=0), id="restarted"),
        pytest.param("docker", lambda engine: carrier(engine).restart(timeout=0), id="decoy restarted"),
        pytest.param(
            "docker", lambda engine: os.kill(process_of(engine, "gw"), signal.SIGKILL), id="unheard"
        ),
        pytest.param("netns", lambda engine: server(engine).kill(), id="netns killed"),
        pytest.param("netns", lambda engine: carrier(engine).remove(force=True), id="netns decoy removed"),
    ],
)
def test_the_supervisor_puts_it_right_and_hears_on(engine, decnet, file, runtime, sabotage):
    decnet("apply", "--yes", file(runtime=runtime, more=", redis"))
    assert "uid=0(root)" in ssh("id")
    sabotage(engine)
    eventually(lambda: "uid=0(root)" in ssh("id"), seconds=40)
    eventually(lambda: decnet.status("boxes", code=None)["gw"]["state"] == "up", seconds=30)
    seen = len(told(decnet, "command", via="exec"))
    assert "uid=0(root)" in ssh("id")
    eventually(lambda: len(told(decnet, "command", via="exec")) > seen, seconds=10)
    assert "No such" in ssh("ls /.dockerenv 2>&1")


def test_between_medium_and_high_it_stays_the_same_machine(engine, decnet, file):
    asked = "hostname; cut -d: -f1,3 /etc/passwd | grep 1000"
    decnet("apply", "--yes", file(persona="interaction = medium", more=", redis"))
    assert not any(one.name.endswith(".ssh") for one in engine.containers.list())
    keys = run("ssh-keyscan", "198.51.100.20")
    medium = ssh(asked)
    assert "+ service ssh" in decnet("plan", file(more=", redis"))
    decnet("apply", "--yes", file(more=", redis"))
    assert ssh(asked) == medium == "gw-01\nanna:1000\n"
    assert sorted(run("ssh-keyscan", "198.51.100.20").splitlines()) == sorted(keys.splitlines())
    shown = decnet("plan", file(more=", redis", persona="memory = 256M"))
    assert "ssh.memory 512M → 256M" in shown
    decnet("apply", "--yes", file(persona="interaction = medium", more=", redis"))
    assert ssh(asked) == medium
    plan = decnet.json("plan", "--detailed-exitcode", file(persona="interaction = medium", more=", redis"))
    assert (plan["changes"], plan["drift"]) == ([], [])


def test_a_disk_that_visitors_fill_is_emptied(engine, decnet, file):
    decnet("apply", "--yes", file(persona="disk = 20M"))
    first = engine.containers.get("decnet-boxes-gw.ssh").id
    assert "100" not in ssh(
        "head -c 100M /dev/zero > /root/one; ls -s --block-size=M /root/one"
    )  # a file has 64 MB
    eventually(lambda: told(decnet, "decoy.state", state="reset"), seconds=60)
    assert engine.containers.get("decnet-boxes-gw.ssh").id != first


def test_an_image_that_is_not_built_is_named_first(engine, decnet, file):
    written = file()
    engine.images.remove(next(tag for one in engine.images.list() for tag in one.tags if "-sshd:" in tag))
    try:
        told = decnet("apply", "--yes", written, code=1)
        assert "decnet/debian-sshd:" in told
        assert "decnet image build" in told
        assert not engine.containers.list(all=True)
    finally:
        out = decnet("image", "build", written)
    assert "decnet/debian-sshd:" in out


def test_the_example(engine, decnet, lab):
    file = EXAMPLES / "deaddeck.ini"
    decnet("image", "build", file)
    decnet("apply", "--yes", file)
    try:
        assert {decoy["state"] for decoy in decnet.status("deaddeck").values()} == {"up"}
        assert "uid=0(root)" in ssh("id")
        assert "backup-op" in ssh("id", "backup-op", "Backup2024")
        assert run("curl", "-sSI", "http://198.51.100.20/").startswith("HTTP/1.1 200")
        assert "OpenSSH" in run("nmap", "-Pn", "-sV", "-p22", "198.51.100.21", timeout=120)
        plan = decnet.json("plan", "--detailed-exitcode", file)
        assert (plan["changes"], plan["drift"]) == ([], [])
        assert [one["name"] for one in decnet.json("reset", "deaddeck")["decoys"]] == ["gw"]
    finally:
        decnet("destroy", "--yes", "deaddeck")
