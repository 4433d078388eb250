from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.docker.engine import base_archive, engine_of_a_module
from tests.docker.images import here as here  # noqa: PLC0414 (fixtures for every module here)
from tests.docker.images import overlay as overlay  # noqa: PLC0414
from tests.live.lab import Lab
from tests.live.lab import lab as lab  # noqa: PLC0414 (a fixture for every module here)


@pytest.fixture(scope="session")
def archive() -> Path:
    """Made before a test moves into the lab, which has no network."""
    return base_archive()


@pytest.fixture(scope="module")
def engine(archive: Path, lab: Lab) -> Iterator[docker.DockerClient]:
    with engine_of_a_module(archive) as client:
        yield client
