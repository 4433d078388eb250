"""What a flood on one decoy does to its neighbours in the same process, beside idle times and a control of the same run.

pytest -m bench tests/bench/test_flood_bench.py -n0 -s     (DECNET_BENCH_SECONDS=5 for a short look)

Where there are two cores, attacker, visitor and this program are on the first, the decoy process is on the last: what
it does is not mixed with what the attacker's programs do. Visitor and decoy process go before all others on their cores
(SCHED_FIFO, where we may): a visitor has a machine of his own, and what else runs on this one is not to be measured.
Idle times are taken in the same way, half of them before and half of them after each flood.

The *control* is the same flood, sent to a program that is not the decoy process: a sink that takes connections and
bytes as fast as it can (for scp: sshd), on the core of the decoy process, behind it. What the neighbour then takes
longer is not the decoy process's doing: it is the attacker's, and the kernel's, which works on each packet.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from decnet.events import EventType
from decnet.events.file import NAME
from tests.live.decoys import ADDRESS, Process
from tests.live.lab import Lab, eventually

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
SECONDS = float(os.environ.get("DECNET_BENCH_SECONDS", "30"))
PROBE = re.compile(rb'"decoy":"calm","service":"(\w+)".*?(probe-[0-9a-f]+-\d+)')
"""A neighbour's event that tells of a probe, in the file."""
HERE = Path(__file__).parent / "attackers.py"


class Figures(NamedTuple):
    """Seconds: p50 and p99 of an answer, longest time until an event was in the file."""

    p50: float
    p99: float
    latest: float


class Log:
    """Reads the event file along, and notes when each probe's event came."""

    def __init__(self, file: Path) -> None:
        self.came: dict[str, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._listen, args=(file,))
        self._thread.start()

    def _listen(self, file: Path) -> None:
        rest = b""
        while not file.exists() and not self._done.wait(0.02):
            pass
        with file.open("rb") as log:
            while not self._done.wait(0.02):
                *lines, rest = (rest + log.read()).split(b"\n")
                for line in lines:
                    found = PROBE.search(line)
                    if found:
                        self.came.setdefault(f"{found[1].decode()} {found[2].decode()}", time.time())

    def end(self) -> None:
        self._done.set()
        self._thread.join()


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-S", str(HERE), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@contextlib.contextmanager
def on_core(number: int) -> Iterator[None]:
    """What is started meanwhile is on the first (0) or last (-1) core we may use."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(allowed)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def goes_first(pid: int) -> None:
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))


@contextlib.contextmanager
def sink() -> Iterator[int]:
    with on_core(-1):
        process = start("sink")
    with process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex((ADDRESS, port)) == 0


@contextlib.contextmanager
def sshd(folder: Path) -> Iterator[int]:
    """Debian's sshd, which lets ``folder / "key"`` in."""
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.create_server((ADDRESS, 0)) as free:
        port = free.getsockname()[1]
    options = {
        "Port": port,
        "ListenAddress": ADDRESS,
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "key.pub",
        "StrictModes": "no",
        "UsePAM": "no",
        "PidFile": "none",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    with on_core(-1):
        process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", folder / "config", "-E", folder / "log"])
    with process:
        try:
            eventually(lambda: listens(port))
            yield port
        finally:
            process.terminate()


class Probe(NamedTuple):
    """Seconds an answer took, and until its event was in the file."""

    kind: str
    took: float
    delay: float


Probing = Callable[[float], list[Probe]]


def probed(log: Log, redis: int, http: int, seconds: float) -> list[Probe]:
    visitor = start("probe", redis, http, seconds)
    goes_first(visitor.pid)
    out, _ = visitor.communicate()
    asked = [line.split() for line in out.splitlines()]
    with contextlib.suppress(AssertionError):  # what does not come at all is infinitely late
        eventually(lambda: all(f"{kind} {name}" in log.came for kind, name, _, _ in asked), seconds=10)
    return [
        Probe(kind, float(took), log.came.get(f"{kind} {name}", float("inf")) - float(sent))
        for kind, name, sent, took in asked
    ]


def figures(kind: str, probes: list[Probe]) -> Figures:
    rows = [one for one in probes if one.kind == kind]
    taken, delays = [one.took for one in rows], [one.delay for one in rows]
    return Figures(statistics.median(taken), statistics.quantiles(taken, n=100)[98], max(delays))


FLOODS = {
    "1,000 connections/s to redis": ("redis", "connect", 1000, SECONDS, 3, 1, "none"),
    "1,000 connections/s to http": ("http", "connect", 1000, SECONDS, 3, 1, "none"),
    "1,000 connections/s to ssh": ("ssh", "connect", 1000, SECONDS, 3, 1, "none"),
    "1,000 connections/s from 100 sources": ("http", "connect", 1000, SECONDS, 4, 100, "none"),
    "1,000 key exchanges/s with ssh": ("ssh", "connect", 1000, SECONDS, 3, 1, "ssh"),
    "1,000 TLS handshakes/s": ("https", "connect", 1000, SECONDS, 3, 1, "tls"),
    "100 MB in one redis value": ("redis", "send", "redis-bulk", SECONDS, 100_000_000),
    "100 MB of redis commands": ("redis", "send", "redis-inline", SECONDS, 100_000_000),
    "100 MB posted to http": ("http", "send", "http", SECONDS, 100_000_000),
    "100 MB of http requests": ("http", "send", "http-requests", SECONDS, 100_000_000),
    "100 MB copied to ssh": ("ssh", "copy", SECONDS, 100_000_000),
    "100 MB of nonsense to ssh": ("ssh", "send", "ssh", SECONDS, 100_000_000),
}
ONLY = os.environ.get("DECNET_BENCH_ONLY", "")


class Flood(NamedTuple):
    """What the attacker tells of himself, and how a neighbour's visitor fared."""

    told: str
    probes: list[Probe]


def flooded(probe: Probing, port: int, act: str, *rest: object) -> Flood:
    attacker = start(act, port, *rest)
    probes = probe(SECONDS)
    told, _ = attacker.communicate()
    return Flood(told.strip(), probes)


def test_neighbours_of_a_flooded_decoy(lab: Lab, tmp_path: Path):
    with contextlib.ExitStack() as stack:
        with on_core(-1):
            process = Process(tmp_path)
        goes_first(process.pid)
        stack.callback(process.end)
        stack.enter_context(on_core(0))
        ports = {service: process.serve("busy", service) for service in ("redis", "http", "https", "ssh")}
        calm = {service: process.serve("calm", service) for service in ("redis", "http")}
        plain, real = stack.enter_context(sink()), stack.enter_context(sshd(tmp_path))
        log = Log(process.folder / NAME)
        stack.callback(log.end)
        probe = functools.partial(probed, log, calm["redis"], calm["http"])
        for service, words in (("ssh", "none"), ("https", "tls")):
            start("connect", ports[service], 1, 1, 3, 1, words).communicate()
        probe(5)  # both make their keys at the first visit
        print(f"\n{'':24}{'p50: idle, flood, control':>30}{'p99: idle, flood, control':>42}{'':5}event after")
        for title, (service, act, *rest) in FLOODS.items():
            if ONLY not in title:
                continue
            copied = act == "copy"
            key = tmp_path / "key"
            idle = probe(SECONDS / 2)
            before, cpu = len(process.events("busy")), cpu_seconds(process.pid)
            flood = flooded(probe, ports[service], act, *rest, *((key, "/tmp/x") if copied else ()))
            used = (cpu_seconds(process.pid) - cpu) / SECONDS
            control = flooded(
                probe, real if copied else plain, act, *rest, *((key, "/dev/null") if copied else ())
            )
            idle += probe(SECONDS / 2)
            held = Counter(
                event.data.get("error") or event.data.get("reason") or event.type.value
                for event in process.events("busy")[before:]
                if event.type in {EventType.OPEN, EventType.CLOSE, EventType.ERROR}
            )
            print(
                f"{title}: processor {used:.0%}; attacker {flood.told}, of the control {control.told}; {dict(held)}"
            )
            for kind in ("redis", "http"):
                a, b, c = (figures(kind, probes) for probes in (idle, flood.probes, control.probes))
                print(
                    f"    neighbour's {kind:8}{a.p50 * 1e3:9.2f} {b.p50 * 1e3:9.2f} {c.p50 * 1e3:9.2f} ms"
                    f"{a.p99 * 1e3:12.2f} {b.p99 * 1e3:9.2f} {c.p99 * 1e3:9.2f} ms"
                    f"  x{b.p99 / a.p99:4.1f}  x{c.p99 / a.p99:4.1f}{b.latest * 1e3:8.0f} ms",
                    flush=True,
                )
                assert b.latest < 1


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
