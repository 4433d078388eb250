"""What a TCP/IP personality costs: connections beside those of an untouched namespace, and 1,000 of them put on and off.

pytest -m bench tests/bench/test_stack_bench.py -n0 -s

``DECNET_BENCH_ROUNDS`` (5) rounds, ``DECNET_BENCH_CONNECTS`` (2000) connections of each in a round, by turns of 100, so that
whatever else the machine does befalls both. ``DECNET_BENCH_DECOYS`` (1000) to attach.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from decnet import stack
from decnet.catalog import load
from decnet.world import Decoy, Driver, Lan, Link, Stack, filters, names
from decnet.world.linux import LinuxWorld
from tests.live.command import Command
from tests.live.faces import inside
from tests.live.lab import Lab, Machine
from tests.live.refused import WithoutBpf

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

ROUNDS = int(os.environ.get("DECNET_BENCH_ROUNDS", "5"))
CONNECTS = int(os.environ.get("DECNET_BENCH_CONNECTS", "2000"))
DECOYS = int(os.environ.get("DECNET_BENCH_DECOYS", "1000"))
TURN = 100
PLAIN, DRESSED = "198.51.100.8", "198.51.100.20"
SYSTEMS = ("windows10", "linux-6", "cisco-ios")
ACCEPT = """
import socket
listener = socket.create_server(("", 9000), backlog=1024)
while True:
    listener.accept()[0].close()
"""
GONE = struct.pack("ii", 1, 0)
"""SO_LINGER: a client's port is free again at once."""


class Turn(NamedTuple):
    """Of 100 connections: median of a connect in µs, and how many a second would do, by the median from one to the next."""

    median: float
    rate: float


@contextlib.contextmanager
def accepting(machine: Machine) -> Iterator[None]:
    """A server in a machine that takes connections and closes them."""
    process = subprocess.Popen(["nsenter", f"--net=/run/netns/{machine.name}", sys.executable, "-c", ACCEPT])
    try:
        time.sleep(0.4)
        with going_first(process.pid):
            yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def going_first(pid: int) -> Iterator[None]:
    """A process goes before all others meanwhile, where we may: what else runs on this machine is not to be measured."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))


def turn(address: str) -> Turn:
    """`TURN` connections, one after the other; what stands between two connects is a close."""
    begun, spent = [], []
    for _ in range(TURN):
        begun.append(time.perf_counter())
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, GONE)
            start = time.perf_counter()
            client.connect((address, 9000))
            spent.append(time.perf_counter() - start)
    cycles = [after - before for before, after in itertools.pairwise(begun)]
    return Turn(statistics.median(spent) * 1e6, 1 / statistics.median(cycles))


def turns(pairs: int) -> list[tuple[Turn, Turn]]:
    """Of the plain and the dressed machine, one after the other; who begins changes."""
    found = []
    for number in range(pairs):
        order = [PLAIN, DRESSED] if number % 2 else [DRESSED, PLAIN]
        seen = {address: turn(address) for address in order}
        found.append((seen[PLAIN], seen[DRESSED]))
    return found


@pytest.mark.parametrize("command", [Command, WithoutBpf], ids=["programs", "rules"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_connections_beside_an_untouched_namespace(
    lab: Lab, tmp_path: Path, system: str, command: type[Command]
):
    """``rules``: where the kernel takes no programs, and nftables rewrites."""
    file = tmp_path / "bench.ini"
    file.write_text(
        f"[general]\nname = bench\nnet = 198.51.100.0/24\nseed = bench\n[one]\nos = {system}\nip = {DRESSED}\n"
        "services = http\n"
    )
    decnet = command(tmp_path / "state", supervised=False)
    decnet("apply", "--yes", file)
    bridge = names.lan_interface("bench", "default")
    plain = lab.machine("plain", f"{PLAIN}/24", bridge=bridge)
    client = lab.machine("client", "198.51.100.9/24", bridge=bridge)
    with accepting(plain), accepting(Machine("decnet:bench:one")), going_first(0):
        inside(client, lambda: turns(1))
        found = inside(client, lambda: turns(ROUNDS * CONNECTS // TURN))
    for machine in (plain, client):
        lab.unplug(machine)
    decnet("destroy", "--yes", "bench")
    print(
        f"\n{system} by {command.__name__}, {ROUNDS} x {CONNECTS} connections of each; load {os.getloadavg()[0]:.1f}"
    )
    for name, value, promised in (("p50 of a connect, µs", "median", 1.2), ("connections/s", "rate", 0.9)):
        plain_ones, ours = ([getattr(pair[at], value) for pair in found] for at in (0, 1))
        ratio = statistics.median(one / floor for one, floor in zip(ours, plain_ones, strict=True))
        print(
            f"  {name:22} {statistics.median(ours):9.1f}   untouched {statistics.median(plain_ones):9.1f}"
            f"   x {ratio:.2f}, promised {promised}"
        )


def memory() -> int:
    """KB that the kernel holds: objects, per-processor memory, vmalloc, stacks."""
    fields = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    found = {name.rstrip(":"): int(size) for name, size, *_ in fields}
    return sum(found[name] for name in ("Slab", "Percpu", "VmallocUsed", "KernelStack"))


@pytest.mark.parametrize("obstacle", ["", "none is wanted here"], ids=["programs", "rules"])
def test_a_thousand_personalities_are_put_on_and_taken_off(lab: Lab, monkeypatch, obstacle: str):
    """Promised: 2 ms a decoy. A link comes up with its personality where it gets one, else when it is made."""
    monkeypatch.setattr(filters, "obstacle", lambda: obstacle)
    lan = Lan("default", Driver.BRIDGE, subnet="198.18.0.0/16", address="198.18.255.1/16")
    parent = names.lan_interface("bench", "default")
    packed = stack.value(load().oses["windows10"].personality)
    links = [
        Link(
            f"d{n}", "eth0", "default", Driver.BRIDGE, parent, f"00:50:56:00:{n >> 8:02x}:{n & 255:02x}",
            f"198.18.{n // 250}.{n % 250 + 2}/16", "198.18.255.1",
        )
        for n in range(DECOYS)
    ]  # fmt: skip
    faces = [Stack(link.decoy, (), f"{stack.class_id(packed):08x}") for link in links]
    bare = [Stack(link.decoy, ()) for link in links]
    spent: dict[str, list[float]] = {}
    held = {}
    with LinuxWorld("bench", Path("/run/decnet/bench"), Path("/run/events")) as world:
        for name, stacks in (("without", bare), ("with", faces)):
            costs = spent.setdefault(name, [])
            with world.expecting((lan, *links, *stacks)):
                world.create(lan)
                before = memory()
                with timed(costs):
                    for link in links:
                        world.create(Decoy(link.decoy))
                        world.create(link)
                with timed(costs):
                    for one in stacks:
                        world.create(one, packed if one.personality else None)
                held[name] = (memory() - before) / DECOYS
            with timed(costs):
                for one in stacks:
                    world.remove(one)
            with timed(costs):
                world.remove_all()
            time.sleep(3)  # the kernel frees namespaces on one of the two cores
    print(
        f"\n{DECOYS} personalities by {'rules' if obstacle else 'programs'}, ms a decoy on the clock (of the processor); load {os.getloadavg()[0]:.1f}"
    )
    for at, name in enumerate(("namespace and link", "put on, link up", "taken off", "everything removed")):
        ours, floor = (
            f"{costs[2 * at]:.2f} ({costs[2 * at + 1]:.2f})" for costs in (spent["with"], spent["without"])
        )
        print(f"  {name:20} {ours}   without one {floor}")
    print(f"  memory {held['with']:.1f} KB, without one {held['without']:.1f} KB")


@contextlib.contextmanager
def timed(costs: list[float]) -> Iterator[None]:
    """Milliseconds a decoy on the clock and of the processor."""
    start, used = time.perf_counter(), time.process_time()
    yield
    costs += [
        (time.perf_counter() - start) / DECOYS * 1000, (time.process_time() - used) / DECOYS * 1000,
    ]  # fmt: skip
