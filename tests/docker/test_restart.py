"""The engine goes and comes back, and so does the whole machine."""

from pathlib import Path

import pytest

from decnet.world.docker import containers
from tests.live.lab import eventually, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


def pongs():
    return all(
        run("redis-cli", "-h", f"198.51.100.{number}", "ping", check=False).strip() == "PONG"
        for number in (20, 21)
    )


def test_an_engine_that_restarts_is_heard_and_all_comes_back(daemon, engine, decnet, file):
    decnet("apply", "--yes", file)
    assert pongs()
    ids = {one.id for one in engine.containers.list()}
    daemon.stop()
    assert "no Docker Engine answers" in decnet("status", "boxes", code=1)
    daemon.start()
    eventually(pongs, seconds=60)
    eventually(lambda: decnet.json("plan", file)["drift"] == [], seconds=30)
    assert {one.id for one in engine.containers.list()} == ids
    assert {one.attrs["HostConfig"]["RestartPolicy"]["Name"] for one in engine.containers.list()} == {
        "unless-stopped"
    }


def test_after_a_reboot_the_engine_comes_first_and_apply_takes_over_what_it_made(
    daemon, engine, decnet, lab, file
):
    """No process of ours, no namespace, no bridge, an empty /run/decnet; then the engine starts, and makes the bridge."""
    decnet("apply", "--yes", "--no-supervisor", file)
    before = {decoy: engine.containers.get(containers.name("boxes", decoy)).id for decoy in ("web", "db")}
    daemon.stop()
    for name in run("ip", "netns", "list").split():
        if name.startswith("decnet:boxes:"):
            run("ip", "netns", "delete", name)
    for line in run("ip", "-o", "link", "show", "type", "bridge").splitlines():
        run("ip", "link", "delete", line.split()[1].rstrip(":"))
    run("rm", "-rf", "/run/decnet")
    daemon.start()
    decnet("apply", "--yes", file)
    eventually(pongs, seconds=30)
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
    assert {decoy: engine.containers.get(containers.name("boxes", decoy)).id for decoy in before} == before


def test_the_supervisor_knows_the_engine_that_apply_was_told(engine, decnet, file, monkeypatch):
    """It has another environment, and nothing answers where an engine is by default."""
    elsewhere = Path("/run/docker.sock").rename("/run/docker-elsewhere.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{elsewhere}")
    try:
        decnet("apply", "--yes", file)
        run("docker", "restart", "-t", "0", containers.name("boxes", "web"))
        eventually(pongs, seconds=30)
        eventually(lambda: decnet.json("plan", file)["drift"] == [], seconds=30)
        decnet("destroy", "--yes", "boxes")
    finally:
        elsewhere.rename("/run/docker.sock")
