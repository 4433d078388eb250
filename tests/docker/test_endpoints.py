"""Engines that are reached another way: by TLS, by ssh, slowly, with a container in it that is frozen."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.engine import HOST, Daemon, daemon_of_a_module
from tests.docker.test_networks import container, repairs
from tests.events.certificates import Authority
from tests.live.lab import eventually, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]

PORT = 2376
SLOW = Path("/run/slow.sock")
DELAY = 0.15


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    """Of an authority, the engine (``server``), a client (as the docker command names its files), and a stranger."""
    folder = Path(tempfile.mkdtemp(prefix="certificates-"))
    authority = Authority(folder)
    authority.issue("server", "localhost", "127.0.0.1")
    authority.issue("cert", "anna")
    shutil.copy(folder / "cert.key", folder / "key.pem")
    stranger = folder / "stranger"
    stranger.mkdir()
    Authority(stranger).issue("cert", "eve")
    shutil.copy(stranger / "cert.key", stranger / "key.pem")
    shutil.copy(folder / "ca.pem", stranger / "ca.pem")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def daemon(archive, programs, lab, certificates) -> Iterator[Daemon]:
    options = (
        f"--host=tcp://127.0.0.1:{PORT}",
        "--tlsverify",
        f"--tlscacert={certificates}/ca.pem",
        f"--tlscert={certificates}/server.pem",
        f"--tlskey={certificates}/server.key",
    )
    with daemon_of_a_module(archive, programs, options) as started:
        yield started


def by_variables(monkeypatch, folder: Path, _: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{PORT}")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(folder))


def by_context(monkeypatch, folder: Path, home: Path) -> None:
    """As ``docker context create`` keeps it, with copies of the certificates."""
    monkeypatch.setenv("DOCKER_CONFIG", str(home / "docker"))
    keys = f"ca={folder}/ca.pem,cert={folder}/cert.pem,key={folder}/key.pem"
    run("docker", "context", "create", "safe", "--docker", f"host=tcp://127.0.0.1:{PORT},{keys}")
    run("docker", "context", "use", "safe")


@pytest.fixture(params=[by_variables, by_context])
def point(request, monkeypatch, tmp_path):
    """Name the engine, with the certificates of a folder."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return lambda folder: request.param(monkeypatch, folder, tmp_path)


def redis() -> str:
    return run("redis-cli", "-h", "198.51.100.20", "ping", check=False).strip()


def test_by_tls_and_the_supervisor_too(engine, decnet, file, certificates, point):
    point(certificates)
    decnet("apply", "--yes", file)
    assert redis() == "PONG"
    container(engine).remove(force=True)
    eventually(lambda: repairs(decnet), seconds=60)
    eventually(lambda: redis() == "PONG", seconds=60)
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
    decnet("destroy", "--yes", "boxes")


def test_a_certificate_of_somebody_else_is_refused_in_words(decnet, file, certificates, point):
    point(certificates / "stranger")
    told = decnet("plan", file, code=1)
    assert "Docker Engine" in told


SSHD = """
Port 2222
ListenAddress 127.0.0.1
HostKey /root/.ssh/host
PidFile none
UsePAM no
PasswordAuthentication no
AuthorizedKeysFile /root/.ssh/authorized
StrictModes no
"""


@pytest.fixture
def sshd(lab) -> Iterator[str]:
    """The engine's address by an sshd of the lab with a key for root; ssh goes by root's home, not HOME."""
    home, program = Path("/root/.ssh"), shutil.which("sshd") or "/usr/sbin/sshd"
    if not Path(program).exists():
        pytest.skip("no sshd here")
    home.mkdir(mode=0o700, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "mode=0700", "ours", str(home))
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "id_ed25519"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / name))
    (home / "authorized").write_text((home / "id_ed25519.pub").read_text())
    (home / "known_hosts").write_text(f"[127.0.0.1]:2222 {(home / 'host.pub').read_text()}")
    (home / "sshd_config").write_text(SSHD)
    server = subprocess.Popen(
        [program, "-D", "-e", "-f", str(home / "sshd_config")], stderr=subprocess.DEVNULL
    )
    ask = ("ssh", "-p", "2222", "127.0.0.1", "true")
    eventually(lambda: subprocess.run(ask, capture_output=True, check=False).returncode == 0)
    yield "ssh://root@127.0.0.1:2222"
    server.terminate()
    server.wait(10)
    run("umount", "--lazy", str(home))


@pytest.fixture
def context(sshd, tmp_path, monkeypatch) -> str:
    """A Docker context whose engine is reached by ssh."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    run("docker", "context", "create", "afar", "--docker", f"host={sshd}")
    return "afar"


def sessions(lab) -> list[int]:
    """Those of sshd: one for each client of the engine."""
    return [
        pid for pid in lab.processes() if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sshd: root")
    ]


@pytest.mark.parametrize("named", ["DOCKER_HOST", "DOCKER_CONTEXT"])
def test_what_names_an_engine_behind_ssh(sshd, context, decnet, file, monkeypatch, named):
    monkeypatch.setenv(named, sshd if named == "DOCKER_HOST" else context)
    assert "2 to add" in decnet("plan", file)
    Path("/root/.ssh/authorized").write_text("")
    assert "no Docker Engine answers" in decnet("plan", file, code=1)


def test_by_ssh_and_the_supervisor_too(context, engine, lab, decnet, file):
    run("docker", "context", "use", context)
    decnet("apply", "--yes", file)
    assert redis() == "PONG"
    eventually(lambda: sessions(lab))  # the supervisor's
    container(engine).remove(force=True)
    eventually(lambda: repairs(decnet), seconds=60)
    eventually(lambda: redis() == "PONG", seconds=60)
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
    decnet("status", "boxes")
    decnet("destroy", "--yes", "boxes")
    eventually(lambda: not sessions(lab))


def test_an_ssh_that_lets_nobody_in_is_told_in_words(sshd, lab, decnet, file, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", sshd)
    Path("/root/.ssh/authorized").write_text("")
    assert "no Docker Engine answers" in decnet("plan", file, code=1)
    monkeypatch.setenv("DOCKER_HOST", "ssh://root@127.0.0.1:2223")
    assert "no Docker Engine answers" in decnet("plan", file, code=1)
    eventually(lambda: not sessions(lab))


@pytest.fixture
def slow(daemon) -> Iterator[list[int]]:
    """A door to the engine behind which every piece of a request waits; how many did."""
    waited = [0]
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(SLOW))
    door.listen(64)
    threading.Thread(target=_receive, args=(door, waited), daemon=True).start()
    yield waited
    door.shutdown(socket.SHUT_RDWR)
    door.close()
    SLOW.unlink()


def _receive(door: socket.socket, waited: list[int]) -> None:
    with contextlib.suppress(OSError):
        while True:
            visitor, _ = door.accept()
            threading.Thread(target=_serve, args=(visitor, waited), daemon=True).start()


def _serve(visitor: socket.socket, waited: list[int]) -> None:
    with visitor, socket.socket(socket.AF_UNIX) as engine:
        engine.connect(HOST.removeprefix("unix://"))
        back = threading.Thread(target=_carry, args=(engine, visitor, 0.0, waited), daemon=True)
        back.start()
        _carry(visitor, engine, DELAY, waited)
        back.join()


def _carry(here: socket.socket, there: socket.socket, delay: float, waited: list[int]) -> None:
    with contextlib.suppress(OSError):
        while data := here.recv(1 << 16):
            if delay:
                waited[0] += 1
                time.sleep(delay)
            there.sendall(data)
    with contextlib.suppress(OSError):
        there.shutdown(socket.SHUT_WR)


def test_slowly(decnet, file, slow, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{SLOW}")
    decnet("apply", "--yes", file)
    assert redis() == "PONG"
    assert slow[0] > 20, "nothing went by the slow door"
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
    decnet("destroy", "--yes", "boxes")


def test_a_frozen_container_does_not_hold_up_a_destroy(engine, decnet, file):
    decnet("apply", "--no-supervisor", "--yes", file)
    container(engine).pause()
    began = time.monotonic()
    decnet("destroy", "--yes", "boxes")
    assert time.monotonic() - began < 60
