"""decnet image, the installed command, with an engine."""

import json
import os
import pty
import signal
import stat
import subprocess
import time

import pytest

from decnet.catalog import load
from decnet.render import Templates
from decnet.render.images import recipe
from tests.docker.engine import HOST
from tests.docker.images import ids
from tests.live.command import DECNET, Command
from tests.live.lab import eventually

pytestmark = pytest.mark.docker

TAG = recipe(load().distros["debian"], Templates()).tag
FILE = """\
[general]
net = 198.51.100.0/24
seed = s

[web]
services = ssh
distro = debian

[desk]
services = http
os = windows

[alone]
services = ssh
distro = rocky9
runtime = netns
"""


@pytest.fixture
def decnet(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", HOST)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "network.ini").write_text(FILE)
    return Command(tmp_path / "state")


def test_the_images_of_a_file_are_built_once(here, decnet):
    first = decnet("image", "build", "network.ini")
    assert first.startswith(f"{TAG}  built, ")
    assert decnet("image", "build", "network.ini").startswith(f"{TAG}  is there already, ")
    (again,) = decnet.json("image", "build", "--distro", "debian", "--force")["images"]
    assert (again["tag"], again["distro"], again["base"], again["built"]) == (
        TAG,
        "debian",
        "debian:12",
        True,
    )
    assert again["id"] == here.client.images.get(TAG).id


def test_steps_are_told_on_a_pipe_and_a_bar_is_drawn_on_a_terminal(here, decnet):
    process = decnet.start("image", "build", "--distro", "debian")
    _, told = process.communicate(timeout=60)
    lines = told.splitlines()
    assert lines[0].startswith("building debian 1/")
    assert lines[0].endswith(": FROM debian:12")
    master, slave = pty.openpty()
    words = [DECNET, "image", "build", "--distro", "debian", "--force"]
    done = subprocess.run(
        words, env=decnet.environment, stdout=subprocess.DEVNULL, stderr=slave, timeout=60, check=True
    )
    os.close(slave)
    drawn = os.read(master, 1 << 16).decode()
    os.close(master)
    assert done.returncode == 0
    assert "building debian" in drawn
    assert "FROM debian:12" not in drawn


def test_what_there_is_is_listed_with_its_containers(here, engine, decnet):
    assert decnet("image", "ls") == "no image was built here: decnet image build FILE\n"
    assert decnet.json("image", "ls") == {"format_version": 1, "images": []}
    decnet("image", "build", "--distro", "debian")
    engine.containers.create(TAG)
    head, row = decnet("image", "ls").splitlines()
    assert head.split() == ["IMAGE", "DISTRO", "SIZE", "AGE", "CONTAINERS"]
    assert (row.split()[:2], row.split()[-1]) == ([TAG, "debian"], "1")
    (listed,) = decnet.json("image", "ls")["images"]
    assert (listed["tag"], listed["containers"]) == (TAG, 1)


def test_prune_takes_what_no_profile_asks_for(here, decnet, tmp_path):
    overlay = tmp_path / "templates" / "docker" / "root" / "all" / "etc" / "motd"
    overlay.parent.mkdir(parents=True)
    overlay.write_text("Welcome\n")
    decnet("image", "build", "--distro", "debian")
    (mine,) = decnet.json("image", "build", "network.ini")["images"]
    assert mine["tag"] != TAG
    assert decnet("image", "prune", "network.ini") == "nothing to remove\n"
    assert decnet("image", "prune", "--dry-run").startswith(f"- {mine['tag']}  debian, ")
    assert [one["tag"] for one in decnet.json("image", "prune", "--dry-run")["images"]] == [mine["tag"]]
    assert {one["tag"] for one in decnet.json("image", "ls")["images"]} == {TAG, mine["tag"]}
    assert decnet("image", "prune").splitlines()[-1] == "1 image removed"
    assert [one["tag"] for one in decnet.json("image", "ls")["images"]] == [TAG]
    assert [one["tag"] for one in decnet.json("image", "prune", "--all", "--yes")["images"]] == [TAG]
    assert decnet.json("image", "ls")["images"] == []


def test_prune_asks_on_a_terminal(here, decnet):
    decnet("image", "build", "--distro", "debian")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [DECNET, "image", "prune", "--all"],
        env=decnet.environment,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.write(master, b"n\n")
    out, err = process.communicate(timeout=60)
    os.close(slave)
    os.close(master)
    assert process.returncode == 0
    assert b"Remove these images?" in out + err
    assert b"nothing was changed" in err
    assert decnet.json("image", "ls")["images"]


def test_an_archive_goes_from_one_engine_to_another(here, decnet, tmp_path):
    decnet("image", "save", "network.ini", "-o", "images.tar", code=1)
    assert not (tmp_path / "images.tar").exists()
    decnet("image", "build", "network.ini")
    assert decnet("image", "save", "network.ini", "-o", "images.tar") == f"{TAG}\n"
    assert stat.S_IMODE((tmp_path / "images.tar").stat().st_mode) == 0o600
    decnet("image", "prune", "--all")
    assert decnet("image", "load", "images.tar") == f"loaded {TAG}\n"
    assert decnet("image", "build", "network.ini").startswith(f"{TAG}  is there already, ")
    assert decnet.json("image", "load", "images.tar") == {"format_version": 1, "images": [TAG]}
    told = decnet("image", "load", "network.ini", code=2)
    assert "network.ini is no archive of images" in told


def test_what_is_missing_is_named_with_how_to_get_it(here, decnet):
    told = decnet("image", "build", "--distro", "alpine", "--distro", "rocky9", code=1)
    assert "the base images alpine:3.21, rockylinux:9 are not here" in told
    assert "docker pull alpine:3.21; docker pull rockylinux:9; offline: decnet image load ARCHIVE" in told
    told = decnet("image", "save", "--distro", "debian", "-o", "images.tar", code=1)
    assert f"there is no image {TAG} of distro debian, made from debian:12" in told
    (problem,) = json.loads(decnet("image", "build", "--distro", "alpine", "--json", code=1))
    assert problem["code"] == "failed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
def test_a_build_that_is_interrupted_leaves_nothing(here, engine, decnet, tmp_path, number):
    before = ids(engine)
    overlay = tmp_path / "templates" / "docker" / "image" / "Dockerfile.j2"
    overlay.parent.mkdir(parents=True)
    overlay.write_text("FROM debian:12\nRUN touch /a\nRUN sleep 600\n")
    process = decnet.start("image", "build", "network.ini")
    eventually(
        lambda: any("sleep 600" in str(one.attrs["Config"]["Cmd"]) for one in engine.containers.list()),
        seconds=30,
    )
    begun = time.monotonic()
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.endswith("interrupted\n")
    assert time.monotonic() - begun < 30
    assert ids(engine) == before
    assert engine.containers.list(all=True) == []


def test_what_a_killed_build_leaves_goes_with_prune(here, engine, decnet, tmp_path):
    before = ids(engine)
    overlay = tmp_path / "templates" / "docker" / "image" / "Dockerfile.j2"
    overlay.parent.mkdir(parents=True)
    overlay.write_text("FROM debian:12\nRUN touch /a\nRUN sleep 600\n")
    process = decnet.start("image", "build", "network.ini")
    eventually(
        lambda: any("sleep 600" in str(one.attrs["Config"]["Cmd"]) for one in engine.containers.list()),
        seconds=30,
    )
    process.kill()
    process.communicate(timeout=60)
    eventually(lambda: engine.containers.list(all=True) == [], seconds=30)
    assert ids(engine) > before
    decnet("image", "prune")
    assert ids(engine) == before
