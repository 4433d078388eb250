"""``decnet api`` as it is run: a process, its child that serves, and a token."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from decnet.api import tokens
from decnet.events.store import Source, get_repository, record
from decnet.events.store.ingest import Intake
from tests.events.store import traffic

PROGRAM = str(Path(sys.executable).with_name("decnet"))
MANY = {"attackers": 500, "decoys": 200}
"""For `fill`, where it is about size."""
SECONDS = 30
"""That a test waits at most for what takes a moment: the machine may be busy."""


def fill(folder: Path, count: int = 1000, *, attackers: int = 10, decoys: int = 5) -> None:
    """A log of so many events, and the store made of it."""
    log = folder / "events" / "lab"
    traffic.write(log, count, attackers=attackers, decoys=decoys)
    handle = os.open(log, os.O_RDONLY | os.O_DIRECTORY)
    with get_repository(folder, writing=True) as store:
        Intake(store, handle, Source("host", "lab")).once()
    os.close(handle)


@dataclass
class Running:
    """What was started. ``said`` are the lines of its stderr so far."""

    process: subprocess.Popen[str]
    secret: str
    said: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(re.search(r"serving https?://.*:(\d+)/", "\n".join(self.said))[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}

    @property
    def child(self) -> int:
        """The process that serves; waits for one."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        until(lambda: children.read_text().split())
        (child,) = map(int, children.read_text().split())
        assert child > 1  # 0 would be ourselves, for kill(2)
        return child

    def says(self, text: str, times: int = 1) -> None:
        """Wait until it has said this so often."""
        until(lambda: sum(text in line for line in self.said) >= times)

    def memory(self) -> float:
        """Of the process that serves, at most so far, in MB."""
        return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.child}/status").read_text())[1]) / 1024


@contextmanager
def api(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Until the end, when it is told to end and must do so in order."""
    _, secret = tokens.new(folder, f"test {time.monotonic_ns()}", (tokens.Scope.READ,), 0)
    process = subprocess.Popen(
        [PROGRAM, "api", "--port", "0", "--state", str(folder), *options],
        stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})},
    )  # fmt: skip
    running = Running(process, secret)
    reader = threading.Thread(target=lambda: running.said.extend(process.stderr), daemon=True)
    reader.start()
    try:
        until(lambda: any("serving" in line for line in running.said) or process.poll() is not None)
        assert process.poll() is None, "".join(running.said)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)
        reader.join(SECONDS)
        process.stderr.close()
    assert process.returncode == 0, "".join(running.said)
    assert secret not in "".join(running.said)


def until(condition, seconds: float = SECONDS) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def cpu(pid: int) -> float:
    """Seconds of a processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """A store that others write to meanwhile: ten batches of ten events a second."""
    over = threading.Event()
    source = Source("host", "lab")

    def write() -> None:
        with get_repository(folder, writing=True) as store:
            first = 10_000_000 + store.span()[1]  # an event that is there already would change nothing
            while not over.wait(0.1):
                fresh = [record(one) for one in traffic.events(10, first=first)]
                first += 10
                store.take(source, fresh, store.place(source))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(SECONDS)
