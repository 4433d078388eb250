"""Services of the user's own, where there is no engine."""

from pathlib import Path

import pytest

from tests.cli.commands import decnet

FILE = """\
[general]
net = 198.51.100.0/24
runtime = netns

[custom-honey]
binary = example/honey:1
ports = 8080
env = TOKEN=hunter2

[web]
distro = debian
services = redis, honey
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "network.ini").write_text(FILE)
    return tmp_path


def test_they_count_and_are_shown(folder: Path) -> None:
    assert "1 decoy, 2 services" in decnet("validate", "network.ini", folder=folder).out
    shown = decnet("show", "network.ini", "web", folder=folder).out
    assert "redis, honey" in shown
    assert "hunter2" not in shown


def test_without_an_engine_nothing_is_planned(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/no.sock")
    done = decnet("plan", "network.ini", folder=folder)
    assert done.status == 1
    assert "no Docker Engine answers" in done.err
    assert "Traceback" not in done.err
