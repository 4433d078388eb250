"""A supervisor that is started beside other work: waited for once, and told of when it does not come."""

import time
from pathlib import Path

import pytest

from decnet.errors import WorldError
from decnet.world import supervision
from decnet.world.supervision import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(supervision, "_BOOTED_BY_SYSTEMD", tmp_path / "nowhere")
    return Place("office", tmp_path / "state", tmp_path / "run", tmp_path / "events")


def test_one_that_dies_at_once_is_told_to_everybody_who_waits_and_waited_for_once(place, monkeypatch):
    monkeypatch.setattr(supervision, "command", lambda _: ["/bin/false"])
    monkeypatch.setattr(supervision, "_READY_SECONDS", 1.5)
    with supervision.beside(place) as coming:
        began = time.monotonic()
        for _ in range(4):
            with pytest.raises(WorldError, match="the supervisor of office did not start"):
                coming.wait()
        assert time.monotonic() - began < 4.5


def test_one_that_takes_its_time_keeps_nobody_waiting_until_it_is_needed(place, monkeypatch):
    monkeypatch.setattr(supervision, "command", lambda _: ["/bin/sleep", "5"])
    began = time.monotonic()
    with supervision.beside(place):
        pass
    assert time.monotonic() - began < 4
