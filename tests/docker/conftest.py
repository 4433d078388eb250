import os
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from decnet.catalog import load
from decnet.render import Templates
from decnet.render.images import recipe
from decnet.world.docker import images
from decnet.world.docker.engine import Engine
from tests.docker.engine import Daemon, base_archive, client_of, daemon_of_a_module
from tests.docker.images import here as here  # noqa: PLC0414 (fixtures for every module here)
from tests.docker.images import overlay as overlay  # noqa: PLC0414
from tests.live.command import Command
from tests.live.lab import Lab
from tests.live.lab import lab as lab  # noqa: PLC0414 (a fixture for every module here)


@pytest.fixture(scope="session")
def archive() -> Path:
    """Made before a test moves into the lab, which has no network."""
    return base_archive()


@pytest.fixture(scope="session")
def programs() -> Path | None:
    """The archive with the engine to use: that of the release ``DECNET_TEST_ENGINE``, else the machine's own."""
    release = os.environ.get("DECNET_TEST_ENGINE")
    return base_archive(release, "docker.io", "procps") if release else None


@pytest.fixture(scope="module")
def daemon(archive: Path, programs: Path | None, lab: Lab) -> Iterator[Daemon]:
    with daemon_of_a_module(archive, programs) as started:
        yield started


@pytest.fixture(scope="module")
def engine(daemon: Daemon) -> Iterator[docker.DockerClient]:
    with client_of(120) as client:
        yield client


@pytest.fixture(scope="module")
def image(engine: docker.DockerClient) -> str:
    """Tag of the image that decoys of the distro ``debian`` have."""
    with Engine() as found:
        return images.build(found, recipe(load().distros["debian"], Templates())).tag


def snapshot(lab: Lab) -> dict[str, list[str]]:
    """All but the engine's own files and processes."""
    found = lab.snapshot()
    found["processes"] = [pid for pid in found["processes"] if not _is_engine(pid)]
    found["files"] = [one for one in found["files"] if not one.startswith(("/run/docker", "/run/containerd"))]
    return found


def _is_engine(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().startswith(("dockerd", "containerd"))
    except OSError:
        return True


NETWORK = """
[general]
name = boxes
net = 198.51.100.0/24
runtime = docker
seed = boxes

[_linux]
distro = debian

[web : _linux]
ip = 198.51.100.20
services = http, redis

[db : _linux]
ip = 198.51.100.21
services = redis
"""
"""Two decoys in containers: ten acts."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "network.ini"
    written.write_text(NETWORK)
    return written


@pytest.fixture
def decnet(engine: docker.DockerClient, image: str, lab: Lab, tmp_path: Path) -> Iterator[Command]:
    """The command; whatever a test leaves of its network ``boxes`` is destroyed, and nothing of it is there then."""
    before, there = snapshot(lab), {one.id for one in engine.networks.list()}
    command = Command(tmp_path / "state")
    yield command
    command("destroy", "--yes", "boxes", code=None)
    assert not engine.containers.list(all=True)
    assert {one.id for one in engine.networks.list()} == there
    assert snapshot(lab) == before
