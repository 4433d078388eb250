"""A nursery that is no good: whoever wants a process of it is told, and nothing of it stays."""

import subprocess
import sys

import pytest

from decnet.decoy.nursery import Order
from decnet.errors import WorldError
from decnet.world import nursery
from decnet.world.nursery import Nursery

SLEEPS = "import time; time.sleep(600)"
DIES = "print('no room', flush=True)"


@pytest.mark.parametrize("script", [SLEEPS, DIES], ids=["hangs", "ends at once"])
def test_one_that_forks_nothing_is_given_up(tmp_path, monkeypatch, script):
    begun = []

    class Noted(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            begun.append(self)

    monkeypatch.setattr(nursery, "_START_SECONDS", 0.5)
    monkeypatch.setattr(nursery.subprocess, "Popen", Noted)
    broken = Nursery((sys.executable, "-c", script), {}, tmp_path / "log")
    with pytest.raises(WorldError, match="cannot be started") as raised:
        broken.fork(Order("office", 60_000, ()), ())
    assert str(tmp_path / "log") in raised.value.hint
    assert len(begun) == 2  # it is tried twice
    assert all(one.poll() is not None for one in begun)
