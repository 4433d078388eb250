"""The figures of a whole network through the installed command, each beside its floor in the same run.

pytest -m bench tests/bench/test_network_bench.py -n0 -s     (DECNET_BENCH_DECOYS=100 for a short look)
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from decnet.spec.resources import Driver
from tests.bench.test_world_bench import COUNT, raw
from tests.live.command import DECNET, Command
from tests.live.lab import Lab, run

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

NETWORK = """
[general]
name = bench
net = 198.18.0.0/16
seed = bench

[host]
amount = {count}
services = http, redis, ssh
"""


WATCHER = """
import resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, done.returncode)
"""
"""Runs a command from a small process: the peak memory of a child counts that of whoever forked it."""


def timed(*command: str, runs: int = 1, **environment: str) -> tuple[float, float]:
    """Median wall seconds and largest peak MB of a whole process; it must exit with 0."""
    walls, peaks = [], []
    for _ in range(runs):
        done = subprocess.run(
            [sys.executable, "-c", WATCHER, *command],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            check=True,
        )
        wall, peak, code = done.stdout.split()
        assert code == "0", done.stderr
        walls.append(float(wall))
        peaks.append(float(peak))
    return statistics.median(walls), max(peaks)


def pings(host: str, port: int) -> tuple[float, float]:
    """Requests a second and p99 in ms of 200 clients that ask without a pause: medians of five runs."""
    results = []
    for _ in range(5):
        told = run(
            "redis-benchmark",
            "-h",
            host,
            "-p",
            str(port),
            "-c",
            "200",
            "-n",
            "40000",
            "-t",
            "ping_mbulk",
            "--csv",
        )
        row = [float(cell.strip('"')) for cell in told.splitlines()[-1].split(",")[1:]]
        results.append((row[0], row[5]))
    return statistics.median(r for r, _ in results), statistics.median(p for _, p in results)


def used_memory() -> float:
    """MB that processes and kernel hold, page cache apart (proc_meminfo(5))."""
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    kilobytes = {name: int(value.split()[0]) for name, value in fields.items()}
    return (kilobytes["MemTotal"] - kilobytes["MemFree"] - kilobytes["Cached"] - kilobytes["Buffers"]) / 1024


def test_help_and_the_interpreter_alone():
    floor, _ = timed(sys.executable, "-c", "pass", runs=9)
    wall, _ = timed(DECNET, "--help", runs=9)
    print(
        f"\ndecnet --help            {wall:6.3f} s   floor (python -c pass) {floor:6.3f} s   promised 0.20 s"
    )


def test_two_hundred_clients_of_one_redis(lab: Lab, tmp_path: Path):
    file = tmp_path / "bench.ini"
    file.write_text(
        "[general]\nname = bench\nnet = 198.51.100.0/24\n[db]\nip = 198.51.100.20\nservices = redis\n"
    )
    decnet = Command(tmp_path / "state")
    decnet("apply", file)
    server = subprocess.Popen(
        ["redis-server", "--port", "6399", "--save", "", "--appendonly", "no", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        time.sleep(1)
        ours, floor = pings("198.51.100.20", 6379), pings("127.0.0.1", 6399)
    finally:
        server.kill()
        server.wait()
    decnet("destroy", "--yes", "bench")
    print("\nPING, 200 clients without a pause      requests/s        p99   promised")
    print(f"  a decoy, every one of them an event    {ours[0]:8.0f} {ours[1]:8.1f} ms   20 ms")
    print(f"  redis-server (floor, same run)         {floor[0]:8.0f} {floor[1]:8.1f} ms")


def test_a_network_of_a_thousand_decoys(lab: Lab, tmp_path: Path):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    file = tmp_path / "bench.ini"
    file.write_text(NETWORK.format(count=COUNT))
    decnet = Command(tmp_path / "state")
    state = {"DECNET_STATE_DIR": str(decnet.state)}
    run("ip", "link", "add", "wan0", "type", "bridge")
    floor = raw(Driver.BRIDGE, min(COUNT, 300)) * COUNT / 1000
    run("ip", "link", "delete", "wan0")
    python, _ = timed(sys.executable, "-c", "pass", runs=5)

    rows = [
        (
            "plan, new",
            *timed(DECNET, "plan", str(file), runs=5, **state),
            "1.5 s, 120 MB",
            f"python {python:.2f} s",
        )
    ]
    before = used_memory()
    rows.append(
        (
            "apply",
            *timed(DECNET, "apply", str(file), **state),
            f"{2 * floor:.1f} s and servers",
            f"raw netlink {floor:.1f} s",
        )
    )
    time.sleep(2)
    memory = (used_memory() - before) / COUNT
    rows += [
        ("apply again", *timed(DECNET, "apply", str(file), runs=3, **state), "3 s", ""),
        (
            "plan, no change",
            *timed(DECNET, "plan", "--detailed-exitcode", str(file), runs=3, **state),
            "",
            "",
        ),
        ("status", *timed(DECNET, "status", "bench", runs=3, **state), "", ""),
        ("destroy", *timed(DECNET, "destroy", "--yes", "bench", **state), "5 s", ""),
    ]
    print(f"\n{COUNT} decoys x 3 services (http, redis, ssh), bridge")
    print(f"  {'':18} {'wall':>8} {'peak':>8}   {'promised':22} floor, same run")
    for name, wall, peak, promised, beside in rows:
        print(f"  {name:18} {wall:6.2f} s {peak:5.0f} MB   {promised:22} {beside}")
    print(f"  {'memory, a decoy':18} {memory:6.2f} MB {'':7}   0.5 MB")
    assert not decnet.state.exists()
