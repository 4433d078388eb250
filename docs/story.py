# ruff: noqa: INP001 (beside the pages that it writes)
"""docs/performance-story.md from the CSVs that Locust left in development/profiles/: ``docs/generate.py`` writes it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

PROFILES = Path(__file__).parent.parent / "development" / "profiles"
_SERVER = "_server.csv"
_LAST = "last"
"""The name of runs that are not kept (tests/stress/runs.py)."""
_STEP = 10
"""Seconds between two rows of the way up."""

_INTRODUCTION = """
# Performance story

How `decnet api` does with many users at once: [Locust](https://locust.io) in processes of its own, on the same two cores,
against the real command on a real store that is written to ten times a second all the while. Locust's times are those that
its users saw, so what its own process had to wait for is in them; they are rounded to two digits. Every number here is out of
the CSVs in `development/profiles/`. To tell it anew:

```sh
export STRESS_EVENTS=1000000 STRESS_USERS=2000 STRESS_SPAWN_RATE=200
STRESS_NAME=2000-users STRESS_DURATION=60 .venv/bin/pytest -m stress tests/stress/ -v -x -n0 -s
make docs
```

A *user* asks, reads, waits for 0.5 to 1.5 s, and asks again: mostly for the newest events, then for attackers and totals, at times
for the histogram or the events of one decoy. A *connection* asks the same again without a pause. The knobs are in
[Testing](testing.md#stress), the figures of a single client in [Performance](performance.md#the-api). On a machine that others use too
the clock tells how long a process had to wait for its turn: what a request takes of a processor and what failed say more there.
"""


def page() -> Iterator[str]:
    """Its lines."""
    yield _INTRODUCTION.strip()
    kept = sorted(path for path in PROFILES.glob(f"*{_SERVER}") if not path.name.startswith(_LAST + "_"))
    for path in kept:
        yield from _told(path.name.removesuffix(_SERVER), _rows(path))


def _told(name: str, runs: Sequence[dict[str, str]]) -> Iterator[str]:
    first = runs[0]
    yield f"\n## {name}\n"
    yield (
        f"{int(first['Events']):,} events, {first['Cores']} cores, Linux {first['Kernel']}, Python {first['Python']}. The machine "
        f"was at a load of {min(float(run['Load']) for run in runs):.1f} to {max(float(run['Load']) for run in runs):.1f} "
        "when the runs began"
        + (
            ", and these processes went before all others of it (SCHED_FIFO)."
            if first.get("First") == "yes"
            else "."
        )
        + "\n"
    )
    yield "| run | requests | failed | a second | median | p95 | p99 | longest | processor, a request | memory |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    yield from (_summary(name, run) for run in runs)
    for run in runs:
        if run["Kind"] == "User":
            yield from _questions(name, run)
            yield from _way_up(name, run)


def _summary(name: str, run: dict[str, str]) -> str:
    found = _total(name, run)
    each = 1000 * float(run["CPU Seconds"]) / max(1, int(found["Request Count"]))
    who = f"{int(run['Users']):,} {'users' if run['Kind'] == 'User' else 'connections'}"
    asked = "" if run["Kind"] == "User" else f", `{run['Path']}`"
    return (
        f"| {who}{asked} | {_count(found)} | {float(found['Requests/s']):,.0f} | {_times(found)} | "
        f"{each:.2f} ms | {run['Memory MB']} MB |"
    )


def _questions(name: str, run: dict[str, str]) -> Iterator[str]:
    yield f"\n### What {int(run['Users']):,} users asked for\n"
    yield "| | requests | failed | median | p95 | p99 | longest | bytes |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in _rows(PROFILES / f"{name}_{run['Run']}_stats.csv"):
        if row["Name"] != "Aggregated":
            yield f"| `{row['Name']}` | {_count(row)} | {_times(row)} | {float(row['Average Content Size']):,.0f} |"


def _way_up(name: str, run: dict[str, str]) -> Iterator[str]:
    yield f"\n### The way up, {run['Spawn Rate']} users more each second\n"
    yield "| second | users | requests a second | failed, in all | median | p99 |"
    yield "|---|---|---|---|---|---|"
    history = [
        row
        for row in _rows(PROFILES / f"{name}_{run['Run']}_stats_history.csv")
        if row["Name"] == "Aggregated" and row["99%"] != "N/A"
    ]
    begun = int(history[0]["Timestamp"]) if history else 0
    due = 0
    for row in history:
        second = int(row["Timestamp"]) - begun
        if second >= due:
            yield (
                f"| {second} | {int(row['User Count']):,} | {float(row['Requests/s']):,.0f} | "
                f"{row['Total Failure Count']} | {int(row['50%']):,} ms | {int(row['99%']):,} ms |"
            )
            due = second + _STEP


def _total(name: str, run: dict[str, str]) -> dict[str, str]:
    rows = _rows(PROFILES / f"{name}_{run['Run']}_stats.csv")
    return next(row for row in rows if row["Name"] == "Aggregated")


def _count(row: dict[str, str]) -> str:
    return f"{int(row['Request Count']):,} | {row['Failure Count']}"


def _times(row: dict[str, str]) -> str:
    return " | ".join(f"{int(row[which]):,} ms" for which in ("50%", "95%", "99%", "100%"))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
