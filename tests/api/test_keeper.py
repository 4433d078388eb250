"""The process that serves is started again when it ends, whoever ended it."""

import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.api.process import SECONDS, api, until
from tests.api.test_gate import decnet


def stats(running, headers=None):
    return httpx.get(f"{running.url}/api/v1/stats", headers=headers or running.headers, timeout=SECONDS)


def test_a_killed_server_is_started_again_and_who_comes_meanwhile_waits(folder):
    with api(folder) as running, ThreadPoolExecutor(4) as pool:
        first = running.child
        assert stats(running).json()["events"] == 1000
        os.kill(first, signal.SIGKILL)
        waiting = [pool.submit(stats, running) for _ in range(4)]
        assert [one.result(SECONDS).status_code for one in waiting] == [200] * 4
        assert running.child != first
        running.says("ended (signal 9): another is started in 0.25 s")
        running.says("serving", 2)


def test_the_pause_before_the_next_grows(folder):
    with api(folder) as running:
        for number in range(3):
            os.kill(running.child, signal.SIGKILL)
            running.says("serving", number + 2)
        pauses = re.findall(r"started in ([0-9.]+) s", "".join(running.said))
        assert [float(one) for one in pauses] == [0.25, 0.5, 1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give up")
def test_the_next_one_has_no_privileges_either_and_what_was_revoked_stays_so(folder):
    gone = decnet("api", "token", "new", "gone", "--state", str(folder)).stdout.strip()
    with api(folder) as running:
        first = running.child
        os.kill(first, signal.SIGSTOP)
        decnet("api", "token", "revoke", "gone", "--state", str(folder))
        time.sleep(2)  # it is told, and does not hear
        os.kill(first, signal.SIGKILL)
        running.says("serving", 2)
        until(lambda: stats(running, {"Authorization": f"Bearer {gone}"}).status_code == 401)
        assert stats(running).status_code == 200
        status = Path(f"/proc/{running.child}/status").read_text()
        assert re.search(r"Uid:\s+65520\s+65520", status)
        assert re.search(r"CapEff:\s+0+\n", status)


def test_told_to_end_in_a_pause_it_ends(folder):
    with api(folder) as running:
        os.kill(running.child, signal.SIGKILL)
        running.says("another is started")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(SECONDS) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", running.port), 1)


def test_one_that_never_came_up_is_not_started_again(folder):
    done = decnet(
        "api", "--port", "0", "--state", str(folder), "--tls-cert", "no.pem", "--tls-key", "no.key", code=2
    )
    assert "cannot be used" in done.stderr
    assert "another" not in done.stderr
