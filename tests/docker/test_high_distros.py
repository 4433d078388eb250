"""High interaction with other releases than Debian 12: their own sshd, their own files, and a session that is told."""

import os
import socket

import pytest

from decnet.catalog import load
from tests.docker.engine import base_archive
from tests.docker.images import archive_of
from tests.docker.repositories import packages, served
from tests.docker.test_high import kept, pty_session, ssh, told
from tests.live.lab import eventually, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]

SUITES = {
    "debian11": "bullseye",
    "ubuntu20": "focal",
    "ubuntu22": "jammy",
    "ubuntu24": "noble",
    "kali": "trixie",
}
STANDS_IN = "kali"
"""Debian 13 does for it: an sshd that is three programs (OpenSSH 9.8 and later), and a C library of after 2.38."""
ALL = os.environ.get("DECNET_DISTROS") == "all"
FETCHED = "debian11"
"""Whose server the engine fetches."""
SERVER = ("openssh-server", "procps")
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
def archive():
    """What the engine has; with what the tests add to it made before a test moves into the lab, which has no network."""
    packages(SUITES[FETCHED], *SERVER)
    for distro in SUITES if ALL else ():
        base_archive(SUITES[distro], *SERVER)
    return base_archive(SUITES[FETCHED])


@pytest.fixture(scope="module")
def image(engine):
    return ""


@pytest.fixture
def network(tmp_path):
    def write(distro):
        file = tmp_path / "network.ini"
        file.write_text(NETWORK.format(distro=distro))
        return file

    return write


def holds(decnet, file, distro):
    """A visitor finds the release that was declared, and is heard."""
    profile = load().distros[distro]
    decnet("apply", "--yes", file)
    release = dict(line.split("=", 1) for line in ssh("cat /etc/os-release").splitlines())
    assert release["VERSION_ID"] == profile.os_release["VERSION_ID"]
    assert release["PRETTY_NAME"] == profile.os_release["PRETTY_NAME"]
    with socket.create_connection(("198.51.100.20", 22), 10) as door:
        banner = door.makefile().readline()
    if distro != STANDS_IN:
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
    commands = [(one["data"]["user"], one["data"]["command"]) for one in told(decnet, "command", via="exec")]
    assert commands == [("root", "cat /etc/os-release")], "what nobody asked for is told"
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])


def test_a_server_that_is_fetched_by_the_engine_s_network(engine, decnet, network):
    """In the lab the engine has no bridge; ``host`` is the lab's own namespace, with a repository in it."""
    file, base = network(FETCHED), load().distros[FETCHED].image
    run("docker", "import", str(base_archive(SUITES[FETCHED])), base, timeout=120)
    without = decnet.start("image", "build", file)
    _, said = without.communicate(timeout=100)
    assert without.returncode == 1
    assert "openssh-server is not in the base: decnet image build --network bridge FILE" in said
    with served(packages(SUITES[FETCHED], *SERVER)) as source:
        known = engine.containers.create(base, "true")
        known.put_archive("/", archive_of({"etc/apt/sources.list": source}))
        known.commit(*base.split(":"))
        known.remove()
        decnet("image", "build", "--network", "host", file)
    holds(decnet, file, FETCHED)


@pytest.mark.skipif(not ALL, reason="DECNET_DISTROS=all")
@pytest.mark.parametrize("distro", SUITES)
def test_a_session_on_another_release(decnet, network, distro):
    file = network(distro)
    run("docker", "import", str(base_archive(SUITES[distro], *SERVER)), load().distros[distro].image)
    decnet("image", "build", "--force", file)
    holds(decnet, file, distro)


def test_a_base_that_is_not_here_is_named_with_how_to_get_it(decnet, network):
    """Those of distros that nobody could give this machine look like this."""
    for distro in ("alpine", "rocky9"):
        said = decnet("image", "build", network(distro), code=1)
        image = load().distros[distro].image
        assert f"the base image {image} is not here" in said
        assert f"docker pull {image}" in said
        assert "image build" in decnet("apply", "--yes", network(distro), code=1)
