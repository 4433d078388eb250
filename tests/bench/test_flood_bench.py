"""What a flood on one decoy does to its neighbours in the same process, beside idle times of the same run.

pytest -m bench tests/bench/test_flood_bench.py -n0 -s     (DECNET_BENCH_SECONDS=5 for a short look)
"""

from __future__ import annotations

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
from pathlib import Path
from typing import NamedTuple

import pytest

from decnet.events import EventType
from decnet.events.file import NAME
from tests.live.decoys import ADDRESS, Process
from tests.live.lab import Lab

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
SECONDS = float(os.environ.get("DECNET_BENCH_SECONDS", "30"))
PROBE = re.compile(rb'"decoy":"calm","service":"(\w+)".*?(probe-[0-9a-f]+-\d+)')
"""A neighbour's event that tells of a probe, in the file."""
HERE = Path(__file__).parent / "attackers.py"


class Figures(NamedTuple):
    """Seconds: p50 and p99 of an answer, longest time until an event was in the file."""

    p50: float
    p99: float
    delay: float


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


class Probe(NamedTuple):
    """Seconds an answer took, and until its event was in the file."""

    kind: str
    took: float
    delay: float


def probed(log: Log, redis: int, http: int, seconds: float) -> list[Probe]:
    out, _ = start("probe", redis, http, seconds).communicate()
    time.sleep(1)
    found = []
    for line in out.splitlines():
        kind, name, sent, took = line.split()
        found.append(Probe(kind, float(took), log.came.get(f"{kind} {name}", float("inf")) - float(sent)))
    return found


def figures(kind: str, probes: list[Probe]) -> Figures:
    rows = [one for one in probes if one.kind == kind]
    taken = [one.took for one in rows]
    return Figures(
        statistics.median(taken), statistics.quantiles(taken, n=100)[98], max(one.delay for one in rows)
    )


FLOODS = {
    "1,000 connections/s to redis": ("redis", "connect", 1000, SECONDS, 3, 1),
    "1,000 connections/s to http": ("http", "connect", 1000, SECONDS, 3, 1),
    "1,000 connections/s to ssh": ("ssh", "connect", 1000, SECONDS, 3, 1),
    "… from 100 sources to http": ("http", "connect", 1000, SECONDS, 4, 100),
    "100 MB in one redis value": ("redis", "send", "redis-bulk", SECONDS, 100_000_000),
    "100 MB of redis commands": ("redis", "send", "redis-inline", SECONDS, 100_000_000),
    "100 MB posted to http": ("http", "send", "http", SECONDS, 100_000_000),
    "100 MB of http requests": ("http", "send", "http-requests", SECONDS, 100_000_000),
    "100 MB copied to ssh": ("ssh", "copy", SECONDS, 100_000_000),
    "100 MB of nonsense to ssh": ("ssh", "send", "ssh", SECONDS, 100_000_000),
}
ONLY = os.environ.get("DECNET_BENCH_ONLY", "")


def test_neighbours_of_a_flooded_decoy(lab: Lab, tmp_path: Path):
    process = Process(tmp_path)
    ports = {service: process.serve("busy", service) for service in ("redis", "http", "ssh")}
    calm = {service: process.serve("calm", service) for service in ("redis", "http")}
    log = Log(process.folder / NAME)
    probe = functools.partial(probed, log, calm["redis"], calm["http"])
    try:
        with socket.create_connection((ADDRESS, ports["ssh"])):
            probe(5)  # ssh makes its keys at the first visit
        print(f"\n{'':34}{'p50, idle to flood':>22}{'p99':>24}{'':8}{'event after':>16}")
        for title, (service, act, *rest) in FLOODS.items():
            if ONLY not in title:
                continue
            idle = probe(SECONDS / 2)
            before, cpu = len(process.events("busy")), cpu_seconds(process.pid)
            flood = start(act, ports[service], *rest)
            busy = probe(SECONDS)
            told, _ = flood.communicate()
            used = (cpu_seconds(process.pid) - cpu) / SECONDS
            idle += probe(SECONDS / 2)
            held = Counter(
                event.data.get("error") or event.data.get("reason") or event.type.value
                for event in process.events("busy")[before:]
                if event.type in {EventType.OPEN, EventType.CLOSE, EventType.ERROR}
            )
            print(f"{title}: processor {used:.0%}; attacker {told.strip()}; {dict(held)}")
            for kind in ("redis", "http"):
                a, b = figures(kind, idle), figures(kind, busy)
                print(
                    f"    neighbour's {kind:18}{a.p50 * 1e3:9.2f} {b.p50 * 1e3:9.2f} ms"
                    f"{a.p99 * 1e3:11.2f} {b.p99 * 1e3:9.2f} ms  x{b.p99 / a.p99:4.1f}"
                    f"{a.delay * 1e3:8.0f} {b.delay * 1e3:5.0f} ms",
                    flush=True,
                )
                assert b.delay < 1
    finally:
        log.end()
        process.end()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
