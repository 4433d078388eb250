"""PostgreSQL and MariaDB of Debian's packages: a server of a test's own, on loopback, as a user without privileges."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from tests.events.receivers import free_port

NOBODY = 65534
PASSWORD = "p@ss w:rd/%"


@dataclass
class Server:
    """A server that is up. ``url`` is as a user writes it; ``admin`` may make databases."""

    kind: str
    folder: Path
    command: list[str]
    port: int
    admin: str
    process: subprocess.Popen[bytes] | None = None
    made: int = field(default=0)

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as told:
            self.process = _popen(self.command, self.folder, stdout=told, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "server.log").read_text()[-3000:]
            # PyMySQL lets go of a socket unclosed when nobody listens on its path.
            with (
                contextlib.suppress(DBAPIError, OSError),
                socket.create_connection(("127.0.0.1", self.port), 1),
            ):
                self._run("SELECT 1")
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "server.log").read_text()[-3000:])

    def kill(self) -> None:
        """As a crash."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
            self.process = None

    def database(self) -> str:
        """The URL of a new, empty database."""
        self.made += 1
        name = f"events{self.made}"
        self._run(f"CREATE DATABASE {name}")
        return f"{self.kind}://decnet:{_quoted(PASSWORD)}@127.0.0.1:{self.port}/{name}"

    def _run(self, statement: str) -> None:
        engine = create_engine(self.admin, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()


def _quoted(text: str) -> str:
    return (
        text.replace("%", "%25")
        .replace("@", "%40")
        .replace(" ", "%20")
        .replace(":", "%3A")
        .replace("/", "%2F")
    )


def _popen(command: list[str], folder: Path, **options: object) -> subprocess.Popen[bytes]:
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **user,
        **options,
    )  # type: ignore[call-overload]


def _run(command: list[str], folder: Path) -> None:
    process = _popen(command, folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    told, _ = process.communicate(timeout=110)
    assert process.returncode == 0, told.decode(errors="replace")[-3000:]


def _program(name: str, *places: str) -> str:
    path = os.pathsep.join([*places, "/usr/sbin", os.environ["PATH"]])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"no {name} here: apt install it")
    return found


@contextlib.contextmanager
def running(kind: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="db-", dir="/tmp") as made:
        folder = Path(made)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        server = (_postgresql if kind == "postgresql" else _mariadb)(folder)
        try:
            server.start()
            if kind == "mariadb":
                server._run(f"CREATE USER decnet@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'".replace(":", "\\:"))
                server._run("GRANT ALL ON *.* TO decnet@'127.0.0.1'")
            yield server
        finally:
            server.kill()


def _postgresql(folder: Path) -> Server:
    places = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    initdb, postgres = _program("initdb", *places), _program("postgres", *places)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    _run(
        [
            initdb,
            "-D",
            "data",
            "-U",
            "decnet",
            "--pwfile=password",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--locale-provider=icu",
            "--icu-locale=en-US",
            "-N",
        ],
        folder,
    )
    port = free_port()
    settings = {
        "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off",
        "max_connections": 20, "shared_buffers": "32MB",
    }  # fmt: skip
    command = [
        postgres,
        "-D",
        "data",
        *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
    ]
    admin = f"postgresql+psycopg://decnet:{_quoted(PASSWORD)}@127.0.0.1:{port}/postgres"
    return Server("postgresql", folder, command, port, admin)


def _mariadb(folder: Path) -> Server:
    install, mariadbd = _program("mariadb-install-db"), _program("mariadbd")
    _run(
        [
            install,
            "--no-defaults",
            f"--datadir={folder}/data",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ],
        folder,
    )
    port = free_port()
    command = [
        mariadbd, "--no-defaults", f"--datadir={folder}/data", f"--port={port}", "--bind-address=127.0.0.1",
        f"--socket={folder}/s", f"--pid-file={folder}/pid", "--innodb-flush-log-at-trx-commit=2",
        "--innodb-buffer-pool-size=64M", "--skip-name-resolve",
    ]  # fmt: skip
    return Server(
        "mariadb", folder, command, port, f"mariadb+pymysql://root@localhost/?unix_socket={folder}/s"
    )
