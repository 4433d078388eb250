"""Where the time of a request goes: `decnet api` with DECNET_PROFILE_REQUESTS, each question asked a few times, a table.

.venv/bin/python -m tests.perf.harness --events 100000 --folder profiles
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.api.process import MANY, SECONDS, api, changing, fill

PATHS = (
    "events?limit=50",
    "events?limit=50&decoy=web-001&type=auth",
    "sessions?limit=50",
    "attackers?limit=50",
    "attackers/198.51.100.1",
    "credentials?limit=50",
    "decoys",
    "stats",
    "histogram",
)
_NAME = re.compile(r"\d{8}T\d{6}-\d+-(.+)-(\d{3})-(\d+)ms\.speedscope\.json")


def profiled(folder: Path, profiles: Path, requests: int) -> None:
    """Ask everything so often, of a store that changes meanwhile, so that nothing is answered from memory for long."""
    with api(folder, env={"DECNET_PROFILE_REQUESTS": str(profiles)}) as running, changing(folder):
        for path in PATHS:
            for _ in range(requests):
                answer = httpx.get(f"{running.url}/api/v1/{path}", headers=running.headers, timeout=SECONDS)
                assert answer.status_code == 200, answer.text
                time.sleep(0.2)


def table(profiles: Path) -> Iterator[str]:
    """A line for each kind of request: how many, the median, and the functions with most time of their own."""
    kinds: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted(profiles.glob("*.speedscope.json")):
        found = _NAME.fullmatch(path.name)
        kinds[f"{found[1]} {found[2]}"].append(path)
    for kind, paths in sorted(kinds.items()):
        own: defaultdict[str, float] = defaultdict(float)
        lasted = []
        for path in paths:
            document = json.loads(path.read_text())
            lasted.append(document["profiles"][0]["endValue"] * 1000)
            for name, seconds in own_times(document).items():
                own[name] += seconds
        whole = sum(own.values()) or 1.0
        most = sorted(own.items(), key=lambda item: -item[1])[:4]
        shown = ", ".join(f"{name} {100 * seconds / whole:.0f} %" for name, seconds in most)
        yield f"{kind:20} {len(paths):4} × {sorted(lasted)[len(lasted) // 2]:7.1f} ms   {shown}"


def own_times(document: dict) -> dict[str, float]:
    """Seconds of each function without those it called (speedscope's evented profile: open and close, in order)."""
    names = [
        f"{frame['name']} ({Path(frame['file'] or '').name}:{frame['line']})"
        for frame in document["shared"]["frames"]
    ]
    found: defaultdict[str, float] = defaultdict(float)
    stack: list[int] = []
    last = 0.0
    for event in document["profiles"][0]["events"]:
        if stack:
            # pyinstrument's own name for the time of a function that others have a share of.
            own = stack[-2] if len(stack) > 1 and names[stack[-1]].startswith("[self]") else stack[-1]
            found[names[own]] += event["at"] - last
        last = event["at"]
        if event["type"] == "O":
            stack.append(event["frame"])
        else:
            assert stack.pop() == event["frame"]
    assert not stack
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000, help="events in the store")
    parser.add_argument("--requests", type=int, default=10, help="of each question")
    parser.add_argument("--folder", type=Path, help="where the profiles stay; without it they go")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as state:
        fill(Path(state), chosen.events, **MANY)
        profiles = chosen.folder or Path(state) / "profiles"
        profiled(Path(state), profiles, chosen.requests)
        print("\n".join(table(profiles)))


if __name__ == "__main__":
    main()
