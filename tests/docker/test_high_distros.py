"""High interaction with other releases than Debian 12: their own sshd, their own files, and a session that is told."""

import os
import socket

import pytest

from decnet.catalog import load
from tests.docker.engine import base_archive
from tests.docker.test_high import kept, pty_session, ssh, told
from tests.live.lab import eventually, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]

SUITES = {"debian11": "bullseye", "ubuntu20": "focal", "ubuntu22": "jammy", "ubuntu24": "noble"}
TRIED = SUITES if os.environ.get("DECNET_DISTROS") == "all" else ("debian11",)
NETWORK = """
[general]
name = boxes
net = 198.51.100.0/24
runtime = docker
seed = boxes

[gw : deaddeck]
distro = {distro}
hostname = gw-01
ip = 198.51.100.20

[gw.ssh]
users = root:toor, anna:secret1
"""


@pytest.fixture(scope="session")
def archives():
    """Made before a test moves into the lab, which has no network."""
    return {distro: base_archive(SUITES[distro], "openssh-server", "procps") for distro in TRIED}


@pytest.fixture(scope="session")
def archive(archives):
    """The engine has none but these."""
    return next(iter(archives.values()))


@pytest.fixture(scope="module")
def image(engine):
    return ""


@pytest.mark.parametrize("distro", TRIED)
def test_a_session_on_another_release(archives, engine, decnet, tmp_path, distro):
    profile = load().distros[distro]
    file = tmp_path / "network.ini"
    file.write_text(NETWORK.format(distro=distro))
    run("docker", "import", str(archives[distro]), profile.image, timeout=120)
    decnet("image", "build", file)
    decnet("apply", "--yes", file)
    release = dict(line.split("=", 1) for line in ssh("cat /etc/os-release").splitlines())
    assert release["VERSION_ID"] == profile.os_release["VERSION_ID"]
    assert release["PRETTY_NAME"] == profile.os_release["PRETTY_NAME"]
    with socket.create_connection(("198.51.100.20", 22), 10) as door:
        banner = door.makefile().readline()
    assert banner.startswith(f"SSH-2.0-{profile.versions['openssh'].partition('-')[0]}-"), banner
    with pty_session("anna", "secret1") as (send, read):
        read("$ ")
        send("echo one$((1+1)); su -c id\r")
        read("Password:")
        send("toor\r")
        read("uid=0(root)")
        send("exit\r")
    eventually(lambda: told(decnet, "request", operation="recording"), seconds=20)
    (recording,) = told(decnet, "request", operation="recording")
    shown = kept(decnet, recording).read_text()
    assert "one2" in shown
    assert "uid=0(root)" in shown
    assert [one["data"]["secret"] for one in told(decnet, "auth.attempt", principal="anna")] == ["secret1"]
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
