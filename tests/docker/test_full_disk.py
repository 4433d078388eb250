"""The engine's disk is full: said so, nothing half done, and put right by the next apply."""

import os
from pathlib import Path

import pytest

from tests.docker.engine import daemon_of_a_module
from tests.live.lab import run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def daemon(archive, programs, lab):
    """An engine with a disk of its own, that has room for its images and little more."""
    with daemon_of_a_module(archive, programs, room="900m") as started:
        yield started


@pytest.fixture
def full(daemon):
    """Not a byte is left on it."""
    filling = daemon.data / "filling"
    room = os.statvfs(daemon.data)
    with filling.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize)
    assert os.statvfs(daemon.data).f_bavail == 0
    yield filling
    filling.unlink(missing_ok=True)


def test_a_full_disk_is_named_and_nothing_is_half_done(engine, decnet, file, full: Path):
    told = decnet("apply", "--yes", file, code=None)
    assert "no space left on device" in told
    assert "the engine's disk is full: docker system df, docker image prune" in told
    assert [one.status for one in engine.containers.list(all=True) if one.status == "running"] == []
    full.unlink()
    decnet("apply", "--yes", file)
    assert run("redis-cli", "-h", "198.51.100.20", "ping").strip() == "PONG"
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
