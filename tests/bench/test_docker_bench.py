"""What containers cost: beside the same containers made by the SDK alone, in the same run.

pytest -m bench tests/bench/test_docker_bench.py -n0 -s     (DECNET_BENCH_CONTAINERS=40 for more of them)
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import docker
import pytest

from tests.bench.test_network_bench import running, used_memory
from tests.docker.conftest import archive as archive  # noqa: PLC0414 (fixtures for this module)
from tests.docker.conftest import daemon as daemon  # noqa: PLC0414
from tests.docker.conftest import engine as engine  # noqa: PLC0414
from tests.docker.conftest import image as image  # noqa: PLC0414
from tests.docker.conftest import programs as programs  # noqa: PLC0414
from tests.live.command import Command

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

COUNT = int(os.environ.get("DECNET_BENCH_CONTAINERS", "8"))
ROUNDS = int(os.environ.get("DECNET_BENCH_ROUNDS", "3"))
AT_ONCE = 2 * (os.cpu_count() or 1)
NETWORK = """
[general]
name = boxes
net = 198.51.100.0/24
runtime = docker
seed = boxes

[d]
amount = {count}
distro = debian
services = redis
"""


def floor(engine: docker.DockerClient, image: str) -> tuple[float, float]:
    """Seconds in which a script starts as many containers by the SDK alone, as a process, and within it (`alone`)."""
    began = time.monotonic()
    script = [sys.executable, "-m", "tests.bench.alone", image, str(COUNT), str(AT_ONCE)]
    done = subprocess.run(script, check=True, capture_output=True, text=True)
    took = time.monotonic() - began
    for number in range(COUNT):
        engine.api.remove_container(f"alone-{number}", force=True)
    engine.networks.get("alone").remove()
    return took, float(done.stdout)


def test_containers_beside_the_sdk_alone(engine, image, lab, tmp_path: Path):
    file = tmp_path / "network.ini"
    file.write_text(NETWORK.format(count=COUNT))
    decnet = Command(tmp_path / "state")
    rows = []
    for _ in range(ROUNDS):
        before = used_memory()
        script, bare = floor(engine, image)
        began = time.monotonic()
        decnet("apply", "--yes", file, timeout=600)
        applied = time.monotonic() - began
        (run,) = (one["data"] for one in decnet.events("boxes", "--type", "apply"))
        acts = run["duration"]
        time.sleep(1)
        processes = running(lab, "decnet.decoy")
        whole = (used_memory() - before) / COUNT
        began = time.monotonic()
        decnet("apply", "--yes", file)
        again = time.monotonic() - began
        assert len(engine.containers.list()) == COUNT
        began = time.monotonic()
        decnet("destroy", "--yes", "boxes", timeout=600)
        gone = time.monotonic() - began
        pss = sum(one.pss for one in processes) / COUNT
        rows.append((bare, acts, acts / bare, script, applied, applied / script, again, gone, pss, whole))
    bare, acts, ratio, script, applied, of_script, again, gone, pss, whole = (
        statistics.median(one) for one in zip(*rows, strict=True)
    )
    least, most = min(one[2] for one in rows), max(one[2] for one in rows)
    print(f"\n{COUNT} containers, {AT_ONCE} at a time, medians of {ROUNDS}; load {os.getloadavg()[0]:.1f}")
    print(f"  calls of the SDK alone     {bare:6.2f} s, {script:.2f} s with the script that makes them")
    print(
        f"  first change to last look  {acts:6.2f} s   {ratio:.2f} x (promised 1.2 x), {least:.2f} to {most:.2f}"
    )
    print(f"  the whole command          {applied:6.2f} s   {of_script:.2f} x the whole script")
    print(f"  apply again                {again:6.2f} s")
    print(f"  destroy                    {gone:6.2f} s")
    print(
        f"  memory, a decoy            {pss:6.1f} MB of its decoy process, {whole:.1f} MB of the whole machine"
    )
