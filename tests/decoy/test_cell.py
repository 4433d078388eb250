"""Forking into the process namespace of a container, from a process that stays where it is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.lab import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes process namespaces")

FORKS = """
import os, sys, time
from pathlib import Path
from decnet.decoy import cell
from decnet.errors import MissingCapability

def kept(fork):
    "How deep below this process's namespace a fork of it is, as the kernel tells."
    pid = fork()
    if pid == 0:
        time.sleep(60)
    words = Path(f"/proc/{pid}/status").read_text().split("NSpid:")[1].splitlines()[0].split()
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return len(words)

home, there = (os.open(path, os.O_RDONLY) for path in ("/proc/self/ns/pid", sys.argv[1]))
here = kept(os.fork)
print("ready", flush=True)
for _ in sys.stdin:
    try:
        print(kept(lambda: cell.fork(home, there)) - here, flush=True)
    except MissingCapability as error:
        print(error.message, flush=True)
    print(kept(os.fork) - here, flush=True)
"""


@pytest.fixture
def first() -> Iterator[int]:
    """The first process of a namespace of processes."""
    holder = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sleep", "60"])
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
    eventually(children.read_text)
    yield int(children.read_text())
    holder.kill()
    holder.wait()


def test_what_is_forked_there_is_there_and_the_next_one_is_not_also_once_the_container_has_ended(first: int):
    words = [sys.executable, "-c", FORKS, f"/proc/{first}/ns/pid"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"

        def told() -> tuple[str, str]:
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline().strip(), process.stdout.readline().strip()

        assert told() == ("1", "0")
        os.kill(first, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{first}").exists())
        assert told() == (
            "cannot start among the processes of its container: Cannot allocate memory",
            "0",
        )
        process.stdin.close()
    assert process.returncode == 0
