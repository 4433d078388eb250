"""decnet ingest, decnet events export, decnet events prune: what a user sees of the store."""

import csv
import io
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from decnet.errors import StoreError
from decnet.events import Event, EventType, now
from decnet.events.file import encode
from decnet.events.store import get_repository
from decnet.events.store.export import cell
from decnet.world import names
from tests.events.store import traffic

PROGRAM = str(Path(sys.executable).with_name("decnet"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A state folder with the log of a network ``lab``, as decoy processes have it."""
    for name in ("DECNET_DB_URL", "DECNET_KEEP", "DECNET_KEEP_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DECNET_STATE_DIR", str(tmp_path))
    log = tmp_path / "events" / "lab"
    traffic.write(log, 1000, attackers=10, decoys=5)
    hand_over(log)
    tmp_path.chmod(0o700)
    return tmp_path


def hand_over(log):
    if os.geteuid() == 0:
        for path in (log, *log.rglob("*")):
            os.chown(path, names.uid("lab"), names.uid("lab"))


def decnet(*words, code=0, **environment):
    done = subprocess.run(
        [PROGRAM, *words], capture_output=True, check=False, timeout=60,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == code, (done.stdout + done.stderr).decode()
    return done


def test_a_log_is_taken_in_once(folder):
    assert decnet("ingest", "lab").stdout == b"1000 events taken in\n"
    again = json.loads(decnet("ingest", "lab", "--json").stdout)
    assert again == {"format_version": 1, "network": "lab", "new": 0, "known": 0, "refused": 0}
    assert stat.S_IMODE((folder / "events.db").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give up")
def test_it_reads_the_log_as_the_user_of_the_decoys_and_without_privileges(folder):
    process = subprocess.Popen(
        [PROGRAM, "ingest", "lab", "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        _until(lambda: taken(folder) == 1000)
        status = dict(
            line.split(":\t", 1)
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
            if ":\t" in line
        )
        assert set(status["Uid"].split()) == {str(names.uid("lab"))}
        assert status["Groups"].strip() == ""
        assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
        traffic.write(folder / "events" / "lab", 500, first=1000)
        _until(lambda: taken(folder) == 1500)
        artifacts = list((folder / "events" / "lab" / "artifacts").iterdir())
        assert artifacts
        assert {path.stat().st_uid for path in artifacts} == {names.uid("lab")}
    finally:
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=20)
    assert process.returncode == 0, told
    assert told[0] == b"1500 events taken in\n"


def taken(folder):
    if not (folder / "events.db").exists():
        return 0
    try:
        with get_repository(folder) as store:
            return store.stats().events
    except StoreError:  # it is being made
        return -1


def _until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_follower_prunes_what_is_beyond_its_limits(folder):
    process = subprocess.Popen(
        [PROGRAM, "ingest", "lab", "--follow"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "DECNET_KEEP": "1d"},
    )
    try:
        _until(lambda: taken(folder) > 0)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    decnet("ingest", "lab")
    gone = json.loads(decnet("events", "prune", "--json", DECNET_KEEP="1d").stdout)
    assert gone["events"] == 1000


def test_an_export_has_the_lines_of_the_log(folder):
    decnet("ingest", "lab")
    written = (folder / "events" / "lab" / "events.jsonl").read_bytes()
    assert decnet("events", "export").stdout == written
    out = folder / "out.jsonl"
    decnet("events", "export", "lab", "-o", str(out))
    assert out.read_bytes() == written
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    told = decnet("events", "export", "-o", str(out), code=2).stderr
    assert b"is there already" in told
    assert not list(folder.glob(".*"))


def test_the_filters_of_an_export(folder):
    decnet("ingest", "lab")
    events = [
        json.loads(line) for line in (folder / "events" / "lab" / "events.jsonl").read_bytes().splitlines()
    ]
    some = events[500]
    for words, fits in (
        (["--decoy", some["decoy"]], lambda e: e["decoy"] == some["decoy"]),
        (["--type", "connection"], lambda e: e["type"].startswith("connection.")),
        (["--source", some["src_ip"], "--service", "ssh"], lambda e: e["src_ip"] == some["src_ip"] and e["service"] == "ssh"),
        (["--session", some["session"]], lambda e: e["session"] == some["session"]),
        (["--since", some["ts"]], lambda e: e["ts"] >= some["ts"]),
        (["--until", some["ts"].rstrip("Z")], lambda e: e["ts"] < some["ts"]),
        (["--since", "5m"], lambda e: False),
    ):  # fmt: skip
        found = [json.loads(line) for line in decnet("events", "export", "lab", *words).stdout.splitlines()]
        assert found == [event for event in events if fits(event)], words
    assert b"unknown event type" in decnet("events", "export", "--type", "x", code=2).stderr
    assert b"is no time" in decnet("events", "export", "--since", "soon", code=2).stderr


def test_csv_runs_nothing(folder):
    bad = ['=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(A1)", "＝1", 'a","=1']
    log = folder / "events" / "lab"
    (log / "events.jsonl").write_bytes(
        b"".join(
            encode(
                Event.of(
                    EventType.COMMAND, {"command": text}, ts=now(), network="lab", decoy=text, service=text
                )
            )
            for text in bad
        )
    )
    decnet("ingest", "lab")
    told = decnet("events", "export", "--format", "csv").stdout.decode()
    head, *rows = csv.reader(io.StringIO(told))
    assert head[:4] == ["id", "ts", "type", "network"]
    assert len(rows) == len(bad)
    for row, text in zip(rows, bad, strict=True):
        fields = dict(zip(head, row, strict=True))
        assert json.loads(fields["data"]) == {"command": text}
        assert fields["decoy"].lstrip("'") == text
        assert not any(value.startswith(("=", "+", "-", "@", "＝", "\t", "\r")) for value in row)
    assert cell("=1") == "'=1"


def test_pruning(folder):
    decnet("ingest", "lab")
    artifacts = folder / "events" / "lab" / "artifacts"
    kept = set(artifacts.iterdir())
    assert kept
    told = decnet("events", "prune", "--older-than", "1d", "--dry-run").stdout
    assert told.startswith(b"would go: 1000 events")
    assert taken(folder) == 1000
    assert set(artifacts.iterdir()) == kept
    assert decnet("events", "prune", "--older-than", "1d").stdout.startswith(b"gone: 1000 events")
    assert not list(artifacts.iterdir())
    assert b"say what goes" in decnet("events", "prune", code=2).stderr
    assert b"is no duration" in decnet("events", "prune", "--older-than", "old", code=2).stderr


def test_what_is_wrong_is_told(folder):
    assert b"there is no store" in decnet("events", "export", code=1).stderr
    assert b"decnet ingest" in decnet("events", "export", code=1).stderr
    assert b"there is no store" in decnet("events", "prune", "--older-than", "1d", code=1).stderr
    assert not (folder / "events.db").exists()
    told = decnet("ingest", "lab", code=1, DECNET_DB_URL="postgresql://u:tiger@127.0.0.1:1/x").stderr
    assert b"Connection refused" in told
    assert b"tiger" not in told
    assert b"no events here" in decnet("ingest", "nothing", code=2).stderr


def test_a_command_of_events_does_not_hide_the_log(folder):
    assert len(decnet("events", "lab", "--json", "-n", "5").stdout.splitlines()) == 5
    assert b"Usage: decnet events prune [OPTIONS]" in decnet("events", "prune", "--help").stdout
    told = decnet(
        code=0, _DECNET_COMPLETE="bash_complete", COMP_WORDS="decnet events export --fo", COMP_CWORD="3"
    ).stdout
    assert b"--format" in told


def test_a_name_of_a_network_goes_before_the_options(folder):
    (folder / "events" / "prune").mkdir()
    told = decnet("events", "--", "prune").stdout
    assert told == b""


def test_the_ingester_is_killed_at_any_time_and_no_event_is_lost_or_doubled(folder):
    """A real process, a real SIGKILL, a log that grows and rotates meanwhile."""
    log = folder / "events" / "lab"
    draw, written = random.Random(4), 1000
    for _ in range(8):
        process = subprocess.Popen([PROGRAM, "ingest", "lab", "--follow"], stderr=subprocess.DEVNULL)
        traffic.write(log, 3000, first=written)
        written += 3000
        if draw.random() < 0.4:
            for number in range(9, -1, -1):
                old = log / (f"events.jsonl.{number}" if number else "events.jsonl")
                if old.exists():
                    old.rename(log / f"events.jsonl.{number + 1}")
            (log / "events.jsonl").touch()
        hand_over(log)
        before = taken(folder)
        if draw.random() < 0.8:  # else while it begins
            _until(lambda before=before: taken(folder) > before)
        time.sleep(draw.uniform(0, 0.3))
        process.kill()
        process.wait()
    told = decnet("ingest", "lab")
    assert not told.stderr
    with get_repository(folder) as store:
        ids = [one.event.id for one in store.every()]
        assert len(ids) == len(set(ids)) == written, told
        assert sum(one.events for one in store.attackers(1000)) == written
        assert store.stats().events == written
