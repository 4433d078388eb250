"""What containers cost: beside the same containers made by the SDK alone, in the same run.

pytest -m bench tests/bench/test_docker_bench.py -n0 -s     (DECNET_BENCH_CONTAINERS=40 for more of them)
"""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest

from tests.bench.test_network_bench import running, used_memory
from tests.docker.conftest import archive as archive  # noqa: PLC0414 (fixtures for this module)
from tests.docker.conftest import daemon as daemon  # noqa: PLC0414
from tests.docker.conftest import engine as engine  # noqa: PLC0414
from tests.docker.conftest import image as image  # noqa: PLC0414
from tests.docker.conftest import programs as programs  # noqa: PLC0414
from tests.docker.engine import client_of
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


def floor(engine: docker.DockerClient, image: str) -> float:
    """Seconds in which the SDK alone starts as many containers of that image, each with its address on a network."""
    api = engine.api
    lan = engine.networks.create(
        "floor",
        driver="bridge",
        ipam=docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet="203.0.113.0/24")]),
    )

    def start(number: int) -> str:
        with client_of(120) as client:
            endpoint = client.api.create_endpoint_config(ipv4_address=f"203.0.113.{number + 10}")
            made = client.api.create_container(
                image,
                ["sleep", "infinity"],
                name=f"floor-{number}",
                host_config=api.create_host_config(network_mode="floor", init=True, read_only=True),
                networking_config=api.create_networking_config({"floor": endpoint}),
            )
            client.api.start(made)
            return made["Id"]

    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ids = list(pool.map(start, range(COUNT)))
    took = time.monotonic() - began
    for one in ids:
        api.remove_container(one, force=True)
    lan.remove()
    return took


def test_containers_beside_the_sdk_alone(engine, image, lab, tmp_path: Path):
    file = tmp_path / "network.ini"
    file.write_text(NETWORK.format(count=COUNT))
    decnet = Command(tmp_path / "state")
    rows = []
    for _ in range(ROUNDS):
        before = used_memory()
        bare = floor(engine, image)
        began = time.monotonic()
        decnet("apply", "--yes", "--parallelism", str(AT_ONCE), file, timeout=600)
        applied = time.monotonic() - began
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
        rows.append((bare, applied, applied / bare, again, gone, pss, whole))
    bare, applied, ratio, again, gone, pss, whole = (
        statistics.median(one) for one in zip(*rows, strict=True)
    )
    print(f"\n{COUNT} containers, {AT_ONCE} at a time, medians of {ROUNDS}; load {os.getloadavg()[0]:.1f}")
    print(f"  the SDK alone      {bare:6.2f} s")
    print(
        f"  apply              {applied:6.2f} s   {ratio:.2f} x (promised 1.2 x), {min(one[2] for one in rows):.2f} to {max(one[2] for one in rows):.2f}"
    )
    print(f"  apply again        {again:6.2f} s")
    print(f"  destroy            {gone:6.2f} s")
    print(f"  memory, a decoy    {pss:6.1f} MB of its decoy process, {whole:.1f} MB of the whole machine")
