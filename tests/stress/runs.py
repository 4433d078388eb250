"""A run of Locust in processes of its own against an API that runs, and what its CSVs say of it."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.api.process import Running, cpu

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "development" / "profiles"


@dataclass(frozen=True)
class Knobs:
    """From the environment; see docs/testing.md."""

    users: int = int(os.environ.get("STRESS_USERS", "100"))
    spawn_rate: int = int(os.environ.get("STRESS_SPAWN_RATE", "50"))
    duration: int = int(os.environ.get("STRESS_DURATION", "10"))
    workers: int = int(os.environ.get("STRESS_WORKERS", "1"))
    min_rps: float = float(os.environ.get("STRESS_MIN_RPS", "0"))
    max_p99_ms: float = float(os.environ.get("STRESS_MAX_P99_MS", "inf"))
    events: int = int(os.environ.get("STRESS_EVENTS", "20000"))
    state: str = os.environ.get("STRESS_STATE", "")
    name: str = os.environ.get("STRESS_NAME", "last")


@dataclass(frozen=True)
class Figures:
    """Of all requests of a run; the times in ms, as Locust rounds them."""

    requests: int
    failures: int
    rps: float
    median: float
    p99: float
    why: tuple[str, ...]
    cpu: float
    memory: float

    def __str__(self) -> str:
        return (
            f"{self.requests:,} requests, {self.failures} failed, {self.rps:,.0f} a second, median {self.median:.0f} ms, "
            f"p99 {self.p99:.0f} ms, {1000 * self.cpu / max(1, self.requests):.2f} ms of a processor each, "
            f"{self.memory:.0f} MB"
        )


def run(
    api: Running, knobs: Knobs, title: str, kind: str, users: int, rate: int, seconds: int, path: str = ""
) -> Figures:
    """Let ``users`` of a class of the locustfile loose on it, and keep the CSVs."""
    PROFILES.mkdir(parents=True, exist_ok=True)
    prefix = PROFILES / f"{knobs.name}_{title}"
    command = [
        sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("locustfile.py")), kind,
        "--headless", "--only-summary", "--host", api.url, "--csv", str(prefix), "--stop-timeout", "5",
        "--users", str(users), "--spawn-rate", str(rate), "--run-time", f"{seconds}s",
    ]  # fmt: skip
    if knobs.workers > 1:
        command += ["--processes", str(knobs.workers)]
    env = {**os.environ, "STRESS_TOKEN": api.secret, "STRESS_PATH": path}
    before, load = cpu(api.child), os.getloadavg()[0]
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=seconds + 120, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr  # 1: some failed, and the CSVs say why
    found = _read(prefix, cpu(api.child) - before, api.memory())
    about = {
        "Run": title, "Kind": kind, "Path": path, "Users": users, "Spawn Rate": rate, "Seconds": seconds,
        "Events": knobs.events, "Load": f"{load:.1f}", "First": "yes" if os.sched_getscheduler(0) == os.SCHED_FIFO else "no",
    }  # fmt: skip
    _note(knobs, about, found)
    return found


def _read(prefix: Path, spent: float, memory: float) -> Figures:
    (total,) = (row for row in _rows(Path(f"{prefix}_stats.csv")) if row["Name"] == "Aggregated")
    why = [f"{row['Name']}: {row['Error']}" for row in _rows(Path(f"{prefix}_failures.csv"))]
    why += [row["Message"] for row in _rows(Path(f"{prefix}_exceptions.csv"))]
    return Figures(
        int(total["Request Count"]), int(total["Failure Count"]), float(total["Requests/s"]),
        float(total["50%"]), float(total["99%"]), tuple(why), spent, memory,
    )  # fmt: skip


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _note(knobs: Knobs, about: dict[str, object], found: Figures) -> None:
    """What Locust cannot know, beside its CSVs: of the server and the machine."""
    path = PROFILES / f"{knobs.name}_server.csv"
    row = about | {
        "CPU Seconds": f"{found.cpu:.2f}", "Memory MB": f"{found.memory:.0f}", "Cores": os.cpu_count(),
        "Kernel": platform.release().split("-")[0], "Python": platform.python_version(),
    }  # fmt: skip
    rows = [old for old in _rows(path) if old["Run"] != about["Run"]] if path.exists() else []
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerows([*rows, row])
