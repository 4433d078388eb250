"""Who changed what is one event with documented keys, shown on one line; no log, no fault."""

from __future__ import annotations

import json
import os
import re

import pytest
from click.testing import CliRunner

from decnet import events
from decnet.cli.app import app
from decnet.cli.record import Run
from decnet.engine import NAMED
from decnet.errors import StateError
from decnet.events import Event, EventType, Filter
from decnet.world.supervision import Place
from tests.docs.pages import DOCS, Page
from tests.engine.fleets import Site, decoy, network

MANY = network(*(decoy(f"d{n:03}", n, "ssh") for n in range(1, NAMED + 20)))


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "state")


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "state" / "events" / "office"
    return Place("office", tmp_path / "state", tmp_path / "run", folder)


def written(place: Place) -> list[Event]:
    return list(events.read(place.events_dir, Filter()))


def apply(site: Site, place: Place, what=MANY, left=(), **about) -> None:
    plan, (saved, _) = site.plan(what), site.look()
    with Run("apply", place, plan, saved, {"file": "/srv/office.ini", "env": "prod", **about}) as run:
        run.tell(site.apply(what), left)


def documented() -> set[str]:
    """Keys of the table in events.md, which is the only one there with this heading."""
    section = (DOCS / "events.md").read_text().split("## Who changed what\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


def test_who_and_what_in_one_event(site, place, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "anna\n")
    apply(site, place)
    (event,) = written(place)
    assert (event.type, event.network, event.decoy) == (EventType.APPLY, "office", "")
    data = event.data
    assert (data["command"], data["outcome"], data["serial"]) == ("apply", "ok", 1)
    assert (data["uid"], data["pid"], data["sudo_user"]) == (os.getuid(), os.getpid(), "anna\\n")
    assert (data["file"], data["env"]) == ("/srv/office.ini", "prod")
    assert data["add"] == len(MANY.decoys)
    assert len(data["decoys"]["add"]) + len(data["others"]["add"]) == NAMED
    assert data["unnamed"] == len(MANY.decoys) + 1 - NAMED
    assert data["duration"] >= 0


def test_every_key_is_documented_in_both_pages(site, place, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "anna")
    apply(site, place, left=["decoy/d001: gone"], limit=("d*",))
    keys = set(written(place)[0].data) | {"login", "resumed"}
    assert keys == documented()
    row = next(
        line for line in Page(DOCS / "reference" / "events.md").text.splitlines() if "| `apply` |" in line
    )
    assert keys <= set(re.findall(r"`(\w+)`", row))


def test_a_run_that_changes_nothing_writes_nothing(site, place):
    site.apply(MANY)
    apply(site, place)
    assert not place.events_dir.exists()


def test_a_run_without_an_outcome_is_a_failure(site, place):
    plan, (saved, _) = site.plan(MANY), site.look()
    with pytest.raises(StateError), Run("apply", place, plan, saved, {}):
        raise StateError("the disk is full")
    (event,) = written(place)
    assert event.data["outcome"] == "failed"
    assert event.data["errors"] == ["the disk is full"]


def test_a_log_that_cannot_be_written_is_a_warning(site, place, capsys):
    place.events_dir.parent.mkdir(parents=True)
    place.events_dir.write_text("no folder")
    apply(site, place)
    assert "warning: who changed what is not in the event log" in capsys.readouterr().err
    assert site.plan(MANY).empty


def shown(place: Place, *words: str) -> str:
    told = CliRunner().invoke(app, ["events", "office", f"--state={place.state_dir}", *words])
    assert told.exit_code == 0, told.output
    return told.output


def test_a_person_reads_one_line_and_a_machine_all(site, place):
    apply(site, place, network(decoy("web-01", 1, "ssh"), decoy("db-02", 2)))
    apply(site, place, network(decoy("web-01", 1, "ssh", "http")), left=["decoy/web-01: not there"])
    first, second = shown(place).splitlines()
    assert re.search(r"command=apply outcome=ok user=\S+ .*file=/srv/office.ini env=prod serial=1 ", first)
    assert first.endswith(" +lan/default +web-01 +db-02")
    assert re.search(r" outcome=partly .* ~web-01 -db-02 errors=.*decoy/web-01: not there", second)
    whole = json.loads(shown(place, "--json").splitlines()[0])
    assert whole["data"]["decoys"] == {"add": ["web-01", "db-02"]}


@pytest.mark.parametrize("decoys", [["web-01"], 7, {"add": 7}, "x"])
def test_an_event_that_somebody_else_wrote_is_shown_all_the_same(place, decoys):
    place.events_dir.mkdir(parents=True)
    forged = Event.of(EventType.APPLY, {"decoys": decoys}, ts=events.now(), network="office")
    (place.events_dir / "events.jsonl").write_bytes(events.file.encode(forged))
    assert "decoys=" in shown(place)
