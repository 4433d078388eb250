"""A Docker Engine of the lab's own: Debian's, in the lab's namespace, with nothing of the machine's engine in it.

Its images come from no registry: a base is made of Debian's packages once, and kept as an archive.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import docker
import pytest

from tests.live.lab import eventually, run

CACHE = Path.home() / ".cache" / "decnet-tests" / "images"
SUITE = "bookworm"
_UBUNTU = {"focal", "jammy", "noble"}
_UBUNTU_MIRROR = "http://archive.ubuntu.com/ubuntu"
_UBUNTU_KEYRING = "usr/share/keyrings/ubuntu-archive-keyring.gpg"
BASE = "debian:12"
"""What the distro profile ``debian`` names as its image."""
HOST = "unix:///run/docker.sock"
_INSIDE = ("unshare", "--mount", "sh", "-ec", 'cd "$0"; pivot_root . .; umount --lazy .; cd /; exec "$@"')
"""Runs a command with another file system for its root. Not chroot(8): in that runc mounts volumes to other places."""


def base_archive(suite: str = SUITE, *packages: str) -> Path:
    """The file system of a minimal Debian or Ubuntu with these packages, made at the first call (20 s).

    Skips where it cannot be made.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / f"{'-'.join((suite, *packages))}.tar"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            if shutil.which("mmdebstrap") is None:
                pytest.skip("no mmdebstrap here to make a base image with")
            fresh = archive.with_suffix(".new.tar")
            command = [
                "mmdebstrap",
                "--quiet",
                "--variant=minbase",
                *(f"--include={one}" for one in packages),
            ]
            run(*command, *_mirror(suite, fresh), timeout=300)
            fresh.rename(archive)
    return archive


def _mirror(suite: str, target: Path) -> tuple[str, ...]:
    """What to make, into what, from where. Debian vouches for Ubuntu's keys, in a package of its own."""
    if suite not in _UBUNTU:
        return suite, str(target)
    keys = CACHE / _UBUNTU_KEYRING
    if not keys.exists():
        packed = CACHE / "keys.tar"
        wanted = ("--variant=extract", "--include=ubuntu-archive-keyring")
        run("mmdebstrap", "--quiet", *wanted, "trixie", str(packed), timeout=120)
        run("tar", "--extract", f"--file={packed}", f"--directory={CACHE}", f"./{_UBUNTU_KEYRING}")
        packed.unlink()
    return f"--keyring={keys}", suite, str(target), _UBUNTU_MIRROR


class Daemon:
    """An engine in this thread's namespaces, on ``/run/docker.sock``, which keeps its things in ``data``.

    With ``programs`` it is the one of that file system and not the machine's. ``options`` are further ones of it.
    """

    def __init__(self, data: Path, programs: Path | None = None, options: Sequence[str] = ()) -> None:
        self.data = data
        self._log = data / "dockerd.log"
        self._command = (
            *((*_INSIDE, str(programs)) if programs else ()),
            "dockerd",
            f"--data-root={data / 'root'}",
            "--exec-root=/run/docker-exec",
            f"--host={HOST}",
            "--pidfile=/run/dockerd.pid",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--live-restore=false",
            *options,
        )

    def start(self) -> None:
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        eventually(lambda: answers(self._process, self._log), seconds=60)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def answers(process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()[-4000:]
    with socket.socket(socket.AF_UNIX) as door:
        if door.connect_ex(HOST.removeprefix("unix://")):
            return False
    with client_of(60) as client:
        return bool(client.ping())


@contextlib.contextmanager
def client_of(seconds: int) -> Iterator[docker.DockerClient]:
    with contextlib.closing(docker.DockerClient(base_url=HOST, version="1.41", timeout=seconds)) as client:
        yield client


def _unpacked(archive: Path, data: Path) -> Path:
    """A file system whose programs see the lab's devices, namespaces, files and ``data``."""
    root = data / "programs"
    root.mkdir()
    run("mount", "--bind", str(root), str(root))  # the engine mounts its root anew, which must be a mount
    run("tar", "--extract", f"--file={archive}", f"--directory={root}", timeout=120)
    for folder in ("/proc", "/sys", "/dev", "/run", "/tmp", str(data)):
        (root / folder.strip("/")).mkdir(parents=True, exist_ok=True)
        run("mount", "--rbind" if folder != str(data) else "--bind", folder, str(root / folder.strip("/")))
    return root


@contextlib.contextmanager
def daemon_of_a_module(
    archive: Path, programs: Path | None = None, options: Sequence[str] = (), room: str = ""
) -> Iterator[Daemon]:
    """The engine of a test module, with the base image in it; the one in the archive ``programs`` where that is given.

    ``room`` is the size of a disk that it has for itself.
    """
    if shutil.which("dockerd") is None:
        pytest.skip("no dockerd here")
    data = Path(tempfile.mkdtemp(prefix="decnet-docker-", dir="/var/tmp"))
    if room:
        run("mount", "-t", "tmpfs", "-o", f"size={room}", "decnet-disk", str(data))
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("DOCKER_")}
    daemon = Daemon(data, _unpacked(programs, data) if programs else None, options)
    try:
        daemon.start()
        repository, _, tag = BASE.partition(":")
        run("docker", "import", str(archive), f"{repository}:{tag}", timeout=120)
        yield daemon
    finally:
        daemon.stop()
        os.environ.update(before)
        for mount in reversed(_mounts(data)):
            run("umount", "--lazy", mount, check=False)
        shutil.rmtree(data, ignore_errors=True)


def _mounts(folder: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [line.split()[1] for line in lines if line.split()[1].startswith(str(folder))]
