import os
from pathlib import Path

import pytest

from decnet.events.store import Repository, get_repository


@pytest.fixture(autouse=True)
def _no_other_store(monkeypatch):
    for name in ("DECNET_DB_URL", "DECNET_KEEP", "DECNET_KEEP_SIZE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def log(tmp_path: Path):
    """The folder of a log, and its descriptor."""
    path = tmp_path / "events" / "lab"
    path.mkdir(parents=True)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    yield path, handle
    os.close(handle)


@pytest.fixture
def store(tmp_path: Path):
    with get_repository(tmp_path, writing=True) as opened:
        assert isinstance(opened, Repository)
        yield opened
