"""SIGKILL of a process at any moment of its acts: doing them again succeeds, and destroy leaves nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from decnet.world import names
from decnet.world.linux import LinuxWorld
from tests.live.lab import Lab, eventually

pytestmark = pytest.mark.live

SCRIPT = """
import sys
from pathlib import Path
from decnet.world import *
from decnet.world.linux import LinuxWorld
from tests.live.test_world_services import STANDIN, content
from decnet.world import names
lan = Lan("default", Driver.BRIDGE, subnet="198.18.0.0/24", address="198.18.0.1/24")
resources = [lan]
for n in range(4):
    link = Link(f"d{n}", "eth0", "default", Driver.BRIDGE, names.lan_interface("office", "default"),
                f"00:50:56:00:00:{n:02x}", f"198.18.0.{n + 10}/24", "198.18.0.1")
    resources += [Decoy(f"d{n}"), link, Stack(f"d{n}", (("net.ipv4.ip_default_ttl", "128"),)),
                  Service(f"d{n}", "http", ((80, "tcp"),), "hash", n // 2)]
with LinuxWorld("office", Path("/run/decnet/office"), Path("/run/events"), STANDIN) as world:
    print("begin", flush=True)
    for resource in resources:
        world.create(resource, content(resource) if isinstance(resource, Service) else None)
    observed = set(world.observe(resources).resources.values())
    assert observed == set(resources), observed ^ set(resources)
    print("made", flush=True)
    if "stay" not in sys.argv:
        world.remove_all()
        assert not world.observe(resources).resources
"""


def start(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )


@pytest.mark.parametrize("round_", range(12))
def test_killed_at_any_moment_it_is_done_again(lab: Lab, round_):
    killed = start()
    killed.stdout.readline()
    time.sleep(random.Random(round_).uniform(0.0, 1.6))
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    again = start("stay")
    said = again.stdout.read().split()
    assert again.wait(timeout=30) == 0
    again.stdout.close()
    assert said == [b"begin", b"made"]
    with LinuxWorld("office", Path("/run/decnet/office"), Path("/run/events")) as world:
        world.remove_all()
    # one that was just being started has nobody to tell that it is ready, and ends by itself
    eventually(lambda: lab.processes() == [])
    found = lab.snapshot()
    assert not [line for line in found["links"] if names.PREFIX in line or line.startswith(("dl", "dn"))]
    assert not found["namespaces"]
