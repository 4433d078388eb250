"""Fixtures of the engine's tests."""

from __future__ import annotations

import pytest

from decnet.engine import placement
from tests.engine.random_fleets import ROOM


@pytest.fixture
def little_room(monkeypatch):
    """So few decoys fit a bridge and a process that a handful needs several of both."""
    monkeypatch.setattr(placement, "DECOYS_PER_BRIDGE", ROOM)
    monkeypatch.setattr(placement, "DECOYS_PER_PROCESS", ROOM)
