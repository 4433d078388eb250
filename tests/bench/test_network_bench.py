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


def timed(*command: str, runs: int = 1, **environment: str) -> tuple[float, float]:
    """Median wall seconds and peak MB (the larger of all runs) of a whole process; it must exit with 0."""
    walls, peak = [], 0.0
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **environment}
        )
        _, status, usage = os.wait4(process.pid, 0)
        walls.append(time.perf_counter() - start)
        told = process.stderr.read().decode()
        process.stderr.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, told
        peak = max(peak, usage.ru_maxrss / 1024)
    return statistics.median(walls), peak


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
