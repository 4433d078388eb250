"""The command, end to end, with containers for decoys."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from decnet.world.docker import containers, networks
from tests.docker.conftest import NETWORK
from tests.live.lab import eventually, run
from tests.live.test_examples import EXAMPLES

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


def test_decoys_in_containers(engine, decnet, file):
    decnet("apply", "--yes", file)
    assert {decoy["state"] for decoy in decnet.status("boxes").values()} == {"up"}
    assert run("redis-cli", "-h", "198.51.100.20", "ping").strip() == "PONG"
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
    assert "runtime docker" in decnet("plan", file)


def container(engine, decoy="web"):
    return engine.containers.get(containers.name("boxes", decoy))


def process_of(engine, decoy="web"):
    """The decoy process in a container."""
    pids = [int(row[1]) for row in container(engine, decoy).top()["Processes"]]
    (pid,) = [one for one in pids if "decnet.decoy" in Path(f"/proc/{one}/cmdline").read_text()]
    return pid


def test_the_decoy_process_is_in_the_container_and_may_do_nothing(engine, decnet, file):
    decnet("apply", "--yes", file)
    pid = process_of(engine)
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert len(status["NSpid"].split()) == 2
    assert {status[name] for name in status if name.startswith("Cap")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert container(engine).id in Path(f"/proc/{pid}/cgroup").read_text()
    assert {one.name for one in Path(f"/proc/{pid}/root").iterdir()} == {"tmp", "events"}
    assert process_of(engine, "db") != pid


def test_forked_processes_draw_no_number_twice(decnet, file):
    """Both come from one process that had loaded everything, its sources of randomness too."""
    decnet("apply", "--yes", file)
    pings = [
        subprocess.Popen(["redis-benchmark", "-h", f"198.51.100.{number}", "-n", "400", "-c", "4", "-t", "ping", "-q"], stdout=subprocess.DEVNULL)
        for number in (20, 21)
    ]  # fmt: skip
    assert [one.wait(60) for one in pings] == [0, 0]
    eventually(
        lambda: {event["decoy"] for event in decnet.events("boxes", "--type", "command")} == {"web", "db"}
    )
    events = decnet.events("boxes")
    assert len({event["id"] for event in events}) == len(events) > 400
    assert len({event["id"][14:] for event in events}) == len(events)


def repairs(decnet):
    told = decnet.events("boxes", "--type", "decoy.state")
    return [event["data"]["cause"] for event in told if event["data"]["state"] == "repaired"]


@pytest.mark.parametrize(
    "sabotage",
    [
        lambda engine: container(engine).remove(force=True),
        lambda engine: container(engine).restart(timeout=0),
        lambda engine: container(engine).pause(),
        lambda engine: engine.networks.get(networks.name("boxes", "default")).disconnect(container(engine)),
        lambda engine: os.kill(process_of(engine), signal.SIGKILL),
        lambda engine: os.kill(container(engine).attrs["State"]["Pid"], signal.SIGKILL),
    ],
    ids=["rm", "restart", "pause", "disconnect", "process killed", "first process killed"],
)
def test_the_supervisor_puts_it_right_and_tells_once(engine, decnet, file, sabotage):
    decnet("apply", "--yes", file)
    assert run("redis-cli", "-h", "198.51.100.20", "ping").strip() == "PONG"
    sabotage(engine)
    eventually(lambda: len(repairs(decnet)) == 1, seconds=20)
    eventually(
        lambda: run("redis-cli", "-h", "198.51.100.20", "ping", check=False).strip() == "PONG", seconds=20
    )
    time.sleep(2)
    assert len(repairs(decnet)) == 1, repairs(decnet)
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])


def test_an_image_that_is_not_built_is_named_before_anything_is_done(engine, decnet, file):
    file.write_text(NETWORK.replace("distro = debian", "distro = alpine"))
    assert "the image decnet/alpine:" in decnet("plan", file)
    told = decnet("apply", "--yes", file, code=1)
    assert "the engine lacks the image decnet/alpine:" in told
    assert f"decnet image build {file}" in told
    assert not engine.containers.list(all=True)
    assert [one.name for one in engine.networks.list() if one.name.startswith("decnet")] == []


def test_an_engine_that_is_away_is_named(decnet, file, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/nobody.sock")
    for words in (("plan", file), ("apply", "--yes", file)):
        assert "no Docker Engine answers: No such file or directory" in decnet(*words, code=1)


def test_auto_chooses_docker_where_an_engine_answers_and_stays_with_it(decnet, file, monkeypatch):
    file.write_text(NETWORK.replace("runtime = docker\n", ""))
    assert "runtime docker" in decnet("plan", file)
    decnet("apply", "--yes", file)
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/nobody.sock")
    decnet("plan", file, code=1)  # it does not flip
    monkeypatch.delenv("DOCKER_HOST")
    assert decnet.json("plan", "--detailed-exitcode", file)["changes"] == []


def test_runtimes_side_by_side_on_one_lan(engine, decnet, file):
    file.write_text(NETWORK + "\n[host]\nip = 198.51.100.22\nruntime = netns\nservices = redis\n")
    decnet("apply", "--yes", file)
    for number in (20, 21, 22):
        assert run("redis-cli", "-h", f"198.51.100.{number}", "ping").strip() == "PONG"
    file.write_text(file.read_text().replace("runtime = netns", "runtime = docker\ndistro = debian"))
    (change,) = decnet.json("plan", "--detailed-exitcode", file, code=2)["changes"]
    assert (change["resource"], change["action"]) == ("decoy/host", "replace")
    decnet("apply", "--yes", file)
    assert run("redis-cli", "-h", "198.51.100.22", "ping").strip() == "PONG"
    assert container(engine, "host")
    assert decnet.json("plan", "--detailed-exitcode", file)["changes"] == []


def test_limits_are_the_container_s_and_change_while_it_runs(engine, decnet, file):
    limited = NETWORK.replace(
        "distro = debian\n", "distro = debian\nlimits = memory=300M, cpu=50%, pids=64\n"
    )
    file.write_text(limited)
    decnet("apply", "--yes", file)
    host = container(engine).attrs["HostConfig"]
    assert (host["Memory"], host["CpuQuota"], host["PidsLimit"]) == (300 << 20, 50_000, 64)
    began = container(engine).attrs["State"]["StartedAt"]
    file.write_text(limited.replace("memory=300M", "memory=400M"))
    decnet("apply", "--yes", file)
    assert container(engine).attrs["HostConfig"]["Memory"] == 400 << 20
    assert container(engine).attrs["State"]["StartedAt"] == began


def test_the_example(engine, decnet, lab):
    file = EXAMPLES / "boxes.ini"
    decnet("image", "build", file)
    decnet("apply", "--yes", file)
    assert {decoy["state"] for decoy in decnet.status("boxes").values()} == {"up"}
    assert {one.name for one in engine.containers.list()} == {
        containers.name("boxes", decoy) for decoy in ("web-01", "db-01", "win-01")
    }
    for address in ("198.51.100.21", "198.51.100.23"):
        assert run("redis-cli", "-h", address, "ping").strip() == "PONG"
    assert "HTTP/1.1 200" in run("curl", "-sSI", "http://198.51.100.20/")
    assert "Microsoft-IIS" in run("curl", "-sSI", "http://198.51.100.22/")
    assert "ttl=128" in run("ping", "-c1", "-W2", "198.51.100.22")
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
    decnet("destroy", "--yes", "boxes")
