"""Services of high interaction, where there is no engine."""

from pathlib import Path

import pytest

from tests.cli.commands import decnet

FILE = """\
[general]
net = 198.51.100.0/24
runtime = netns

[gw]
archetype = deaddeck
distro = debian

[gw.ssh]
users = root:hunter2
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    (tmp_path / "network.ini").write_text(FILE)
    return tmp_path


def test_they_count_and_are_shown(folder: Path) -> None:
    assert "1 decoy, 1 service" in decnet("validate", "network.ini", folder=folder).out
    shown = decnet("show", "network.ini", "gw", folder=folder).out
    assert "ssh.interaction          = high" in shown
    assert "hunter2" not in shown


def test_without_an_engine_the_way_out_is_said(folder: Path) -> None:
    done = decnet("plan", "network.ini", folder=folder)
    assert done.status == 1
    assert "network.ini:" in done.err
    assert "ssh of gw is of high interaction" in done.err
    assert "interaction = medium" in done.err
    (folder / "network.ini").write_text(FILE + "interaction = medium\n")
    assert decnet("plan", "network.ini", folder=folder).status == 0


@pytest.mark.parametrize(
    "line", ["interaction = full", "memory = 1M", "pids = 3", "cpu = 0", "reset = soon", "disk = 1"]
)
def test_what_makes_no_sense_is_an_error_with_its_place(folder: Path, line: str) -> None:
    (folder / "network.ini").write_text(FILE + line + "\n")
    done = decnet("validate", "network.ini", folder=folder)
    assert done.status == 2
    assert "network.ini:11" in done.err


def test_what_was_never_applied_cannot_be_reset(folder: Path) -> None:
    done = decnet("reset", "network.ini", folder=folder)
    assert done.status == 2
    assert "was never applied here" in done.err
    assert "decnet apply FILE" in done.err


def test_what_a_real_server_says_itself_has_no_effect(folder: Path) -> None:
    (folder / "network.ini").write_text(FILE + "ssh_version = OpenSSH_9.2p1\n")
    done = decnet("validate", "network.ini", folder=folder)
    assert done.status == 0
    assert "network.ini:11" in done.err + done.out
    assert "a real server says its own" in done.err + done.out


def test_only_a_linux_has_one(folder: Path) -> None:
    text = FILE.replace("archetype = deaddeck\ndistro = debian", "os = windows\nservices = ssh")
    (folder / "network.ini").write_text(text + "interaction = high\n")
    done = decnet("validate", "network.ini", folder=folder)
    assert done.status == 2
    assert "containers are Linux" in done.err
