"""Commands of custom services under ``runtime = netns``: programs of the host, shut in with their decoy's network."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.live.command import Command
from tests.live.lab import Lab, eventually, run

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]

NAME = f"shutin-{os.getpid()}"
"""Of this run alone: cgroups and users go by it, and they are the machine's."""
SERVER = r"""
use IO::Socket; $| = 1;
my $door = IO::Socket::INET->new(LocalPort => $ARGV[0], Listen => 9, ReuseAddr => 1) or die "no door: $!\n";
print STDERR "ready\n";
while (my $visitor = $door->accept) {
    my $line = <$visitor>;
    print "heard $line";
    exit 3 if $line =~ /^die/;
    print $visitor "$ENV{SAYS} $$\n";
}
"""
"""A server that says a word and its process id, and prints what it heard."""
NETWORK = """
[general]
name = {name}
net = 198.51.100.0/24
runtime = netns
seed = lab

[custom-honey]
exec = perl /srv/server 80
ports = 80
env = SAYS={says}
volumes = {script}:/srv/server
pids = 20
{more}

[custom-trap]
exec = perl /srv/server 9000
ports = 9000
env = SAYS=trapped
volumes = {script}:/srv/server

[web]
ip = 198.51.100.20
services = {services}
distro = debian
hostname = web-01

[db]
ip = 198.51.100.21
services = redis
distro = debian
"""
REPAIRED = 15


@pytest.fixture
def decnet(lab: Lab, tmp_path: Path):
    before = lab.snapshot()
    command = Command(tmp_path / "state")
    yield command
    command("destroy", "--yes", NAME)
    assert lab.snapshot() == before
    assert not sandboxes()
    assert not list(Path("/sys/fs/cgroup").glob(f"**/decnet/{NAME}:*"))


@pytest.fixture
def file(tmp_path: Path):
    script = tmp_path / "server.pl"
    script.write_text(SERVER)
    tmp_path.chmod(0o755)

    def write(services: str = "redis, honey", says: str = "hello", more: str = "") -> Path:
        written = tmp_path / "network.ini"
        written.write_text(NETWORK.format(name=NAME, script=script, services=services, says=says, more=more))
        return written

    return write


def says(port: int = 80, word: str = "hi") -> str:
    """What a visitor hears; nothing where nobody listens."""
    talk = f"exec 3<>/dev/tcp/198.51.100.20/{port}; echo {word} >&3; timeout 2 cat <&3"
    return run("bash", "-c", talk, check=False).strip()


def word(port: int = 80) -> str:
    return says(port).partition(" ")[0]


def redis(address: str = "198.51.100.20") -> str:
    return run("redis-cli", "-h", address, "ping", check=False).strip()


def sandboxes() -> dict[str, int]:
    """Service → first process of its sandbox, as this machine numbers it."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if b"decnet.sandbox" in words:
            service = next(one for one in words if one.startswith(b"--service=")).decode()
            if service.startswith(f"--service={NAME}:"):
                found[service.rpartition(".")[2]] = int(entry.name)
    return found


def told(decnet: Command, service: str, *words: str) -> list[dict]:
    return [event for event in decnet.events(NAME, *words) if event["service"] == service]


def repairs(decnet: Command) -> list[dict]:
    states = decnet.events(NAME, "--type", "decoy.state")
    return [event for event in states if event["data"]["state"] == "repaired"]


def sandbox_repairs(decnet: Command) -> list[dict]:
    """Those of decoys: that the supervisor itself was replaced is told beside."""
    return [event for event in repairs(decnet) if event["decoy"]]


def lines_of(decnet: Command) -> list[str]:
    return [event["data"]["text"] for event in told(decnet, "honey", "--type", "log")]


def supervisors(lab: Lab) -> list[int]:
    """The guard and its child."""
    return lab.processes_of("decnet.supervisor")


def test_they_come_and_go_and_nothing_else_notices(decnet, file):
    decnet("apply", "--yes", file("redis, honey"))
    before = sandboxes()
    mine = says()
    assert (redis(), mine.partition(" ")[0], word(9000)) == ("PONG", "hello", "")
    assert "+ custom service trap" in decnet("plan", file("redis, honey, trap"))
    decnet("apply", "--yes", file("redis, honey, trap"))
    assert (says(), word(9000)) == (mine, "trapped")
    web = decnet.status(NAME)["web"]
    assert (web["state"], web["services"]) == ("up", ["redis", "honey", "trap"])
    plan = decnet.json("plan", "--detailed-exitcode", file("redis, honey, trap"))
    assert (plan["changes"], plan["drift"]) == ([], [])
    decnet("apply", "--yes", file("redis, honey"))
    assert (redis(), says(), word(9000)) == ("PONG", mine, "")
    assert sandboxes() == before
    decnet("apply", "--yes", file("redis"))
    assert (redis(), word(), sandboxes()) == ("PONG", "", {})


def test_a_changed_key_starts_it_again_and_nothing_else(decnet, file):
    decnet("apply", "--yes", file("redis, honey, trap"))
    before = sandboxes()
    plan = decnet("plan", file("redis, honey, trap", says="goodbye"))
    assert "honey.env" in plan
    assert "goodbye" not in plan
    decnet("apply", "--yes", file("redis, honey, trap", says="goodbye"))
    assert (word(), word(9000)) == ("goodbye", "trapped")
    assert sandboxes()["trap"] == before["trap"]
    assert sandboxes()["honey"] != before["honey"]


def test_what_it_prints_and_who_comes_is_told(decnet, file):
    decnet("apply", "--yes", file())
    assert word() == "hello"
    eventually(lambda: told(decnet, "honey", "--type", "connection.close"), seconds=10)
    eventually(lambda: len(told(decnet, "honey", "--type", "log")) == 2, seconds=10)
    (opened,), (closed,) = (
        told(decnet, "honey", "--type", kind) for kind in ("connection.open", "connection.close")
    )
    assert (opened["src_ip"], opened["dst_ip"], opened["dst_port"]) == ("198.51.100.1", "198.51.100.20", 80)
    assert opened["session"] == closed["session"]
    assert closed["data"]["received"] == 3
    lines = sorted(told(decnet, "honey", "--type", "log"), key=lambda event: event["ts"])
    data = [event["data"] for event in lines]
    assert data == [{"text": "ready", "stream": "stderr"}, {"text": "heard hi"}]


def test_lines_are_told_once_whoever_dies(lab, decnet, file):
    decnet("apply", "--yes", file())
    assert word() == "hello"
    eventually(lambda: len(told(decnet, "honey", "--type", "log")) == 2, seconds=10)
    time.sleep(1.5)  # how far they were told is written down
    (process,) = lab.decoy_processes()
    os.kill(process, signal.SIGKILL)
    assert word() == "hello"
    eventually(lambda: len(told(decnet, "honey", "--type", "log")) >= 3, seconds=REPAIRED)
    time.sleep(2)
    assert len(told(decnet, "honey", "--type", "log")) == 3


def test_a_program_that_ends_is_started_again_by_its_sandbox(decnet, file):
    decnet("apply", "--yes", file())
    before = sandboxes()
    first = says()
    says(word="die")
    eventually(lambda: word() == "hello", seconds=10)
    assert says() != first
    assert sandboxes() == before
    assert repairs(decnet) == []


def test_a_sandbox_that_is_killed_is_put_right_and_told_once(decnet, file):
    decnet("apply", "--yes", file("redis, honey, trap"))
    before = sandboxes()
    os.kill(before["honey"], signal.SIGKILL)
    eventually(lambda: repairs(decnet), seconds=REPAIRED)
    time.sleep(2)
    (event,) = repairs(decnet)
    assert event["decoy"] == "web"
    assert "web: custom service honey ended" in event["data"]["heard"]
    assert (word(), word(9000), redis()) == ("hello", "trapped", "PONG")
    assert sandboxes()["trap"] == before["trap"]
    assert decnet.status(NAME)["web"]["state"] == "up"


@pytest.mark.parametrize("halves", [slice(2), slice(1, 2)], ids=["guard and child", "child"])
def test_a_killed_supervisor_leaves_it_running_and_the_next_one_watches_over_it(lab, decnet, file, halves):
    written = file("redis, honey, trap")
    decnet("apply", "--yes", written)
    before, mine = sandboxes(), says()
    eventually(lambda: len(supervisors(lab)) == 2)
    killed = supervisors(lab)[halves]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not set(killed) & set(supervisors(lab)))
    assert (sandboxes(), says(), word(9000)) == (before, mine, "trapped")
    if len(killed) == 2:
        assert decnet.status(NAME, code=4)["web"]["state"] == "up"
        decnet("apply", "--yes", written)
    eventually(lambda: len(supervisors(lab)) == 2 and not decnet("status", NAME, code=None).count("drifted"))
    assert (sandboxes(), says()) == (before, mine), "whoever came found it running"
    eventually(lambda: lines_of(decnet).count("heard hi") == 3)
    assert lines_of(decnet).count("ready") == 1
    assert sandbox_repairs(decnet) == []
    os.kill(before["honey"], signal.SIGKILL)
    eventually(lambda: sandbox_repairs(decnet), seconds=REPAIRED)
    time.sleep(2)
    assert len(sandbox_repairs(decnet)) == 1
    assert (word(), word(9000), sandboxes()["trap"]) == ("hello", "trapped", before["trap"])


@pytest.mark.parametrize("first", ["supervisor", "sandbox"])
def test_killed_together_with_the_supervisor_it_comes_back_once(lab, decnet, file, first):
    decnet("apply", "--yes", file("redis, honey, trap"))
    before = sandboxes()
    eventually(lambda: len(supervisors(lab)) == 2 and lines_of(decnet) == ["ready"])
    victims = [supervisors(lab)[1], before["honey"]]
    for pid in victims if first == "supervisor" else reversed(victims):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: word() == "hello", seconds=30)
    eventually(lambda: sandbox_repairs(decnet), seconds=REPAIRED)
    time.sleep(2)
    (event,) = sandbox_repairs(decnet)
    assert event["decoy"] == "web"
    after = sandboxes()
    assert after["honey"] != before["honey"]
    assert (after["trap"], word(9000), redis()) == (before["trap"], "trapped", "PONG")
    eventually(lambda: lines_of(decnet).count("ready") == 2)
    assert decnet.status(NAME)["web"]["state"] == "up"


def test_one_that_is_not_well_starts_again(decnet, file):
    more = "healthcheck = sh -c 'test ! -e /tmp/sick'"
    decnet("apply", "--yes", file(more=more))
    before = sandboxes()["honey"]
    run("nsenter", "-t", str(before), "-m", "touch", "/tmp/sick")
    eventually(lambda: repairs(decnet), seconds=90)
    time.sleep(1)
    (event,) = repairs(decnet)
    assert "web: custom service honey is not well" in event["data"]["heard"]
    assert word() == "hello"
    assert sandboxes()["honey"] != before


def test_a_deleted_namespace_takes_it_along_and_it_comes_back(decnet, file):
    decnet("apply", "--yes", file())
    run("ip", "netns", "delete", f"decnet:{NAME}:web")
    eventually(lambda: repairs(decnet), seconds=REPAIRED)
    eventually(lambda: (redis(), word()) == ("PONG", "hello"), seconds=REPAIRED)
    assert len(sandboxes()) == 1


def test_without_its_supervisor_it_goes_on_and_the_next_apply_mends_what_died(lab, tmp_path, file):
    before = lab.snapshot()
    decnet = Command(tmp_path / "alone", supervised=False)
    decnet("apply", "--yes", file())
    first = sandboxes()
    assert word() == "hello"
    os.kill(first["honey"], signal.SIGKILL)
    eventually(lambda: word() == "", seconds=5)
    assert decnet.status(NAME, code=4)["web"]["state"] != "up"
    decnet("apply", "--yes", file())
    assert (word(), redis()) == ("hello", "PONG")
    assert len(sandboxes()) == 1
    decnet("destroy", "--yes", NAME)
    assert lab.snapshot() == before


def test_one_that_ends_at_once_says_why_and_the_others_stay(decnet, file):
    written = file("redis, honey")
    text = written.read_text().replace(
        "exec = perl /srv/server 80\n", "exec = sh -c 'echo no conf; exit 7'\n"
    )
    written.write_text(text)
    said = decnet("apply", "--yes", written, code=3)
    assert "custom/web/honey" in said
    assert "exit code 7" in said
    assert "no conf" in said
    assert redis() == "PONG"
    assert "not running" in decnet("status", NAME, code=4)


def test_a_program_that_is_not_there_is_named(decnet, file):
    written = file("honey")
    written.write_text(written.read_text().replace("exec = perl", "exec = nowhere-to-be-found"))
    assert "nowhere-to-be-found: no such program" in decnet("apply", "--yes", written, code=3)


def test_a_volume_that_is_not_there_is_named(decnet, file):
    written = file("honey")
    written.write_text(
        written.read_text().replace("/srv/server\npids", "/srv/server, /nowhere/x:/etc/x\npids")
    )
    assert "/nowhere/x" in decnet("apply", "--yes", written, code=3)
