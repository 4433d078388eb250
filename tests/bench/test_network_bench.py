"""The figures of a whole network through the installed command, each beside its floor in the same run.

pytest -m bench tests/bench/test_network_bench.py -n0 -s     (DECNET_BENCH_DECOYS=100 for a short look, 4000 for limits;
DECNET_BENCH_ROUNDS for more applies)

On a busy machine compare processor seconds (user and system, of a command and what it waited for), not wall seconds.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from decnet import state
from decnet.decoy.protocol import Request
from decnet.engine import PARALLELISM
from decnet.spec.resources import Driver, Link, Service
from decnet.world import spawn
from decnet.world.processes import Processes
from decnet.world.sockets import in_memory
from tests.bench.test_world_bench import COUNT, raw
from tests.live.command import DECNET, Command
from tests.live.lab import Lab, eventually, run

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
ROUNDS = int(os.environ.get("DECNET_BENCH_ROUNDS", "3"))

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
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, done.returncode)
"""
"""Runs a command from a small process: the peak memory of a child counts that of whoever forked it."""


class Cost(NamedTuple):
    """Seconds on the clock and of the processor, largest memory in MB."""

    wall: float
    cpu: float
    peak: float


def timed(*command: str, runs: int = 1, **environment: str) -> Cost:
    """Medians of whole processes, and the largest peak; each must exit with 0."""
    costs = []
    for _ in range(runs):
        done = subprocess.run(
            [sys.executable, "-c", WATCHER, *command],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            check=True,
        )
        *figures, code = done.stdout.split()
        assert code == "0", done.stderr
        costs.append(Cost(*map(float, figures)))
    walls, cpus, peaks = zip(*costs, strict=True)
    return Cost(statistics.median(walls), statistics.median(cpus), max(peaks))


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


def memory() -> dict[str, int]:
    """KB by name (proc_meminfo(5))."""
    fields = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {name.rstrip(":"): int(size) for name, size, *_ in fields}


def kernel_memory() -> float:
    """MB of the kernel's objects, per-processor memory and page tables; not the page cache."""
    found = memory()
    return sum(found[name] for name in ("Slab", "Percpu", "KernelStack", "PageTables")) / 1024


def used_memory() -> float:
    """MB that processes and kernel of the whole machine hold, page cache apart: others' too."""
    found = memory()
    return (found["MemTotal"] - found["MemFree"] - found["Cached"] - found["Buffers"]) / 1024


class Running(NamedTuple):
    """A process of the network. ``pss`` in MB: what is shared with others counts in part."""

    pid: int
    words: list[str]
    pss: float
    files: int


def running(lab: Lab, program: str) -> list[Running]:
    """The network's processes that run a program, by process id."""
    found = []
    for pid in lab.processes():
        with contextlib.suppress(OSError):  # ended meanwhile
            folder = Path(f"/proc/{pid}")
            words = (folder / "cmdline").read_text().split("\0")
            if program in words:
                sizes = dict(
                    line.split()[:2] for line in (folder / "smaps_rollup").read_text().splitlines()[1:]
                )
                files = len(list((folder / "fd").iterdir()))
                found.append(Running(pid, words, int(sizes["Pss:"]) / 1024, files))
    return found


class Served(NamedTuple):
    """One service as it was applied: what starts it but for its namespace."""

    service: Service
    content: bytes


def served(folder: Path) -> list[Served]:
    """Every service that is applied, with its bundle."""
    saved = state.read(folder, "bench")
    found = [one.resource for one in saved.resources.values() if isinstance(one.resource, Service)]
    return [Served(one, saved.contents[one.bundle]) for one in found]


def started(services: list[Served], folder: Path) -> float:
    """Seconds to start the same decoy processes and hand them the same bundles on as many plain listening sockets.

    Without namespace, netlink, state or journal, as many at a time as an apply: what no apply could do without.
    """
    with contextlib.closing(
        Processes("bench", folder / "run", folder / "events", spawn.PROGRAM)
    ) as processes:

        def serve(one: Served) -> None:
            sockets = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in one.service.ports]
            with contextlib.ExitStack() as stack:
                memory = stack.enter_context(in_memory(one.content))
                for opened in sockets:
                    stack.enter_context(opened)
                request = Request("serve", one.service.decoy, one.service.name, one.service.bundle)
                handles = [opened.fileno() for opened in sockets]
                reply = processes.ask(one.service.process, request, (memory, *handles), start=True)
            assert reply is not None
            assert not reply.error, reply.error

        begun = time.perf_counter()
        with ThreadPoolExecutor(PARALLELISM) as pool:
            for _ in pool.map(serve, services):
                pass
        spent = time.perf_counter() - begun
        assert sum(map(len, processes.running().values())) == len(services)
        processes.quit_all()
    return spent


def answers(address: str) -> bool:
    """Whether a decoy's redis answers."""
    with contextlib.suppress(OSError), socket.create_connection((address, 6379), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return bool(connection.recv(64))
    return False


def recovered(lab: Lab, folder: Path) -> tuple[float, float, int]:
    """Kill a decoy process. Seconds until another has taken its place, and until the last of its decoys answers."""
    victim = running(lab, "decnet.decoy")[0]
    number = int(victim.words[victim.words.index("--number") + 1])
    applied = [one.resource for one in state.read(folder, "bench").resources.values()]
    served = {one.decoy for one in applied if isinstance(one, Service) and one.process == number}
    waiting = [
        one.address.partition("/")[0] for one in applied if isinstance(one, Link) and one.decoy in served
    ]
    control = Path(f"/run/decnet/bench/process-{number}.sock")
    before = control.stat().st_ino
    os.kill(victim.pid, signal.SIGKILL)
    start = time.monotonic()

    def is_back() -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.connect(str(control))
            return control.stat().st_ino != before
        return False

    def all_answer() -> bool:
        while waiting and answers(waiting[-1]):
            waiting.pop()
        return not waiting

    eventually(is_back, seconds=60)
    process = time.monotonic() - start
    eventually(all_answer, seconds=300)
    return process, time.monotonic() - start, len(served)


def idle_share(pid: int, seconds: float = 20) -> float:
    """Part of one processor that a process takes, without its children."""

    def spent() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = spent()
    time.sleep(seconds)
    return (spent() - before) / os.sysconf("SC_CLK_TCK") / seconds


def test_help_and_the_interpreter_alone():
    floor = timed(sys.executable, "-c", "pass", runs=9).wall
    wall = timed(DECNET, "--help", runs=9).wall
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


class Round(NamedTuple):
    """One apply and what stands beside it, in seconds."""

    floor: float
    servers: float
    apply: Cost
    again: Cost
    destroy: Cost

    @property
    def netlink(self) -> float:
        """How many times the floor an apply takes when the start of the servers is taken off."""
        return (self.apply.wall - self.servers) / self.floor


def test_apply_beside_its_floor(lab: Lab, tmp_path: Path):
    """The promise of an apply: twice the floor of raw netlink calls plus the start of the servers, all in one run."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    file = tmp_path / "bench.ini"
    file.write_text(NETWORK.format(count=COUNT))
    decnet = Command(tmp_path / "state")
    environment = {"DECNET_STATE_DIR": str(decnet.state)}
    rounds = []
    for number in range(ROUNDS):
        run("ip", "link", "add", "wan0", "type", "bridge")
        floor = raw(Driver.BRIDGE, min(COUNT, 300)) * COUNT / 1000
        run("ip", "link", "delete", "wan0")
        apply = timed(DECNET, "apply", str(file), **environment)
        again = timed(DECNET, "apply", str(file), **environment)
        services = served(decnet.state)
        destroy = timed(DECNET, "destroy", "--yes", "bench", **environment)
        rounds.append(Round(floor, started(services, tmp_path / f"plain-{number}"), apply, again, destroy))
    print(f"\n{COUNT} decoys x 3 services, {ROUNDS} rounds; load {os.getloadavg()[0]:.1f}")
    print("     floor   servers     apply   promised   netlink part / floor   again   destroy   (wall, s)")
    for one in rounds:
        print(
            f"  {one.floor:8.2f}  {one.servers:8.2f}  {one.apply.wall:8.2f}   {2 * one.floor + one.servers:8.2f}"
            f"   {one.netlink:20.2f}   {one.again.wall:5.2f}   {one.destroy.wall:7.2f}"
        )
    print(
        f"  medians: apply {statistics.median(one.apply.wall for one in rounds):.2f} s, "
        f"{statistics.median(one.apply.cpu for one in rounds):.2f} s of the processor; "
        f"netlink part {statistics.median(one.netlink for one in rounds):.2f} times the floor (promised 2); "
        f"again {statistics.median(one.again.wall for one in rounds):.2f} s (3), "
        f"destroy {statistics.median(one.destroy.wall for one in rounds):.2f} s (5)"
    )


def test_a_network_of_a_thousand_decoys(lab: Lab, tmp_path: Path):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    file = tmp_path / "bench.ini"
    file.write_text(NETWORK.format(count=COUNT))
    decnet = Command(tmp_path / "state")
    environment = {"DECNET_STATE_DIR": str(decnet.state)}
    run("ip", "link", "add", "wan0", "type", "bridge")
    floor = raw(Driver.BRIDGE, min(COUNT, 300)) * COUNT / 1000
    run("ip", "link", "delete", "wan0")
    python = timed(sys.executable, "-c", "pass", runs=5).wall

    rows = [
        (
            "plan, new",
            timed(DECNET, "plan", str(file), runs=5, **environment),
            "1.5 s, 120 MB",
            f"python {python:.2f} s",
        )
    ]
    before, kernel = used_memory(), kernel_memory()
    rows.append(
        (
            "apply",
            timed(DECNET, "apply", str(file), **environment),
            f"{2 * floor:.1f} s and servers, see above",
            f"raw netlink {floor:.1f} s",
        )
    )
    time.sleep(2)
    used, kernel = (used_memory() - before) / COUNT, (kernel_memory() - kernel) / COUNT
    decoys, supervisors = running(lab, "decnet.decoy"), running(lab, "decnet.supervisor")
    pss = sum(one.pss for one in (*decoys, *supervisors)) / COUNT
    limit = resource.prlimit(supervisors[-1].pid, resource.RLIMIT_NOFILE)[0]
    idle = idle_share(supervisors[-1].pid)
    rows += [
        (
            "apply again",
            timed(DECNET, "apply", str(file), runs=3, **environment),
            "3 s",
            "",
        ),
        (
            "plan, no change",
            timed(DECNET, "plan", "--detailed-exitcode", str(file), runs=3, **environment),
            "",
            "",
        ),
        ("status", timed(DECNET, "status", "bench", runs=3, **environment), "", ""),
    ]
    process, services, served = recovered(lab, decnet.state)
    rows.append(
        (
            "destroy",
            timed(DECNET, "destroy", "--yes", "bench", **environment),
            "5 s",
            "",
        )
    )
    print(f"\n{COUNT} decoys x 3 services (http, redis, ssh), bridge; load {os.getloadavg()[0]:.1f}")
    print(f"  {'':18} {'wall':>8} {'processor':>10} {'peak':>8}   {'promised for 1,000':22} floor, same run")
    for name, cost, promised, beside in rows:
        print(
            f"  {name:18} {cost.wall:6.2f} s {cost.cpu:8.2f} s {cost.peak:5.0f} MB   {promised:22} {beside}"
        )
    print(f"  memory, a decoy    {kernel + pss:6.3f} MB  promised 0.5 MB")
    print(
        f"    kernel {kernel:.3f}, processes {pss:.3f} (proportional); the whole machine grew by {used:.2f}"
    )
    print(f"    {len(decoys)} decoy processes of {max(one.pss for one in decoys):.0f} MB")
    print(
        f"    supervisor and its guard {sum(one.pss for one in supervisors):.0f} MB, idle {idle:.1%} of a processor"
    )
    print(
        f"  open files         supervisor {supervisors[-1].files} of {limit}, "
        f"a decoy process {max(one.files for one in decoys)}"
    )
    print(
        f"  killed process     there again after {process:.2f} s (promised 2 s), all {served} decoys {services:.1f} s"
    )
    assert not decnet.state.exists()
