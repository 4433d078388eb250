"""decnet image, as far as no engine is needed: what is meant, what is wrong, and that no engine answers."""

from pathlib import Path

import pytest

from tests.cli.commands import QUICKSTART, decnet

NOWHERE = {"DOCKER_HOST": "unix:///nowhere.sock"}


@pytest.mark.parametrize(
    "words", [["build"], ["build", "network.ini", "--distro", "debian"], ["save", "-o", "a"]]
)
def test_one_says_which_images(tmp_path: Path, words: list[str]) -> None:
    done = decnet("image", *words, folder=tmp_path, **NOWHERE)
    assert done.status == 2
    assert "error: say which images: a FILE, or --distro NAME" in done.err
    assert "hint: decnet image build network.ini" in done.err


def test_a_distro_that_does_not_exist(tmp_path: Path) -> None:
    done = decnet("image", "build", "--distro", "debain", folder=tmp_path, **NOWHERE)
    assert (done.status, done.out) == (2, "")
    assert 'there is no distro "debain"' in done.err
    assert 'did you mean "debian"?' in done.err


def test_a_file_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "network.ini").write_text("[web]\nservices = sssh\n")
    done = decnet("image", "build", "network.ini", folder=tmp_path, **NOWHERE)
    assert done.status == 2
    assert "network.ini:2:12: error[unknown-service]" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["build", "--distro", "debian"],
        ["ls"],
        ["prune"],
        ["save", "--distro", "debian", "-o", "a"],
        ["load", "a"],
    ],
)
def test_no_engine_answers(tmp_path: Path, words: list[str]) -> None:
    done = decnet("image", *words, folder=tmp_path, **NOWHERE)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: no Docker Engine answers: No such file or directory\n  hint: ")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    done = decnet("image", "save", "--distro", "debian", "-o", "a", folder=tmp_path, **NOWHERE)
    assert (done.status, (tmp_path / "a").read_text()) == (2, "mine")
    assert "a is there already" in done.err


def test_a_network_without_containers_has_nothing_to_save(tmp_path: Path) -> None:
    done = decnet("image", "save", str(QUICKSTART), "-o", "a", folder=tmp_path, **NOWHERE)
    assert done.status == 2
    assert "quickstart has no decoy that a container may carry: runtime is netns" in done.err


def test_names_of_distros_are_completed(tmp_path: Path) -> None:
    words = {"COMP_WORDS": "decnet image build --distro ub", "COMP_CWORD": "4"}
    done = decnet(folder=tmp_path, _DECNET_COMPLETE="bash_complete", **words)
    assert done.out.split() == ["plain,ubuntu20", "plain,ubuntu22", "plain,ubuntu24"]


def test_every_command_has_an_example(tmp_path: Path) -> None:
    for name in ("build", "ls", "prune", "save", "load"):
        assert f"Example: decnet image {name}" in decnet("image", name, "--help", folder=tmp_path).out
