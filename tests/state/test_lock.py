"""The lock: one writer a network, released whatever becomes of its holder, and the waiter is told who it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from decnet import state
from decnet.errors import LockHeld, StateError

HOLD = """
import sys, time
from pathlib import Path
from decnet import state
with state.lock(Path(sys.argv[1]), "office", "decnet apply office.ini"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        if process.poll() is None:
            process.stdin.close()


def test_the_waiter_is_told_who_holds_it(tmp_path, holder):
    with pytest.raises(LockHeld) as raised, state.lock(tmp_path, "office", "decnet destroy office"):
        pass
    text = raised.value.message
    assert text.startswith(f"network office is locked by pid {holder.pid} (user ")
    assert "decnet apply office.ini, since 20" in text
    assert "--lock-timeout" in raised.value.hint


def test_it_is_free_when_its_holder_was_killed(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with state.lock(tmp_path, "office", "decnet apply office.ini"):
        pass


def test_waiting_ends_when_the_holder_does(tmp_path, holder):
    told = []

    def told_so(text):
        told.append(text)
        holder.stdin.close()

    with state.lock(tmp_path, "office", "decnet apply", timeout=30, waiting=told_so):
        assert len(told) == 1


def test_waiting_ends_with_the_time(tmp_path, holder):
    begun = time.monotonic()
    with pytest.raises(LockHeld), state.lock(tmp_path, "office", "decnet apply", timeout=0.3):
        pass
    assert time.monotonic() - begun >= 0.3


def test_another_network_is_free(tmp_path, holder):
    with state.lock(tmp_path, "lab", "decnet apply lab.ini"):
        pass


def test_nobody_shares_it_while_many_come_and_go(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(20):
            with state.lock(tmp_path, "office", "decnet apply", timeout=30):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (80, 1)


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot lock"), state.lock(tmp_path / "file", "office", "apply"):
        pass
