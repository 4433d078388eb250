"""The harness tells of each question where its time goes."""

import re

from tests.perf import harness


def test_every_question_has_a_line_with_functions(folder, tmp_path):
    profiles = tmp_path / "profiles"
    harness.profiled(folder, profiles, 1)
    lines = list(harness.table(profiles))
    kinds = {line.split()[0] for line in lines}
    assert kinds == {
        "events", "sessions", "attackers", "attackers-ip", "credentials", "decoys", "stats", "histogram",
    }  # fmt: skip
    assert all(re.search(r" [12] × +[0-9.]+ ms   \S+ \(.*\.py:\d+\) \d+ %", line) for line in lines), lines


def test_own_time_is_without_that_of_who_was_called():
    frames = [{"name": name, "file": "/x/a.py", "line": 1} for name in ("outer", "inner")]
    times = [("O", 0, 0.0), ("O", 1, 1.0), ("C", 1, 4.0), ("C", 0, 6.0)]
    events = [{"type": kind, "frame": frame, "at": at} for kind, frame, at in times]
    found = harness.own_times({"shared": {"frames": frames}, "profiles": [{"events": events}]})
    assert found == {"outer (a.py:1)": 3.0, "inner (a.py:1)": 3.0}
