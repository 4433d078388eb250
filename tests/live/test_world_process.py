"""The whole way once, with the real decoy process and a real service: a client on the LAN, and its event on disk."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from decnet.world import Decoy, Driver, Lan, Link, Service, names
from decnet.world.linux import LinuxWorld
from tests.live.lab import Lab, eventually
from tests.service_testing.conftest import rendered

pytestmark = pytest.mark.live

BRIDGE = names.lan_interface("office", "default")
RESOURCES = (
    Lan("default", Driver.BRIDGE, subnet="198.18.0.0/24", address="198.18.0.1/24"),
    Decoy("cache"),
    Link(
        "cache", "eth0", "default", Driver.BRIDGE, BRIDGE, "00:50:56:00:00:0a", "198.18.0.10/24", "198.18.0.1"
    ),
)
REDIS = Service("cache", "redis", ((6379, "tcp"),), "hash-1")


def test_a_client_on_the_lan_talks_to_redis_and_leaves_an_event(lab: Lab):
    events = Path("/run/events/office")
    with LinuxWorld("office", Path("/run/decnet/office"), events) as world:
        for resource in RESOURCES:
            world.create(resource)
        world.create(REDIS, msgspec.json.encode(rendered("redis", name="cache")))
        attacker = lab.machine("attacker", "198.18.0.200/24", bridge=BRIDGE)
        assert attacker.run("redis-cli", "-h", "198.18.0.10", "PING").strip() == "PONG"
        assert set(world.observe(RESOURCES).resources.values()) == {*RESOURCES, REDIS}
        eventually(
            lambda: any(b"198.18.0.200" in path.read_bytes() for path in events.iterdir() if path.is_file())
        )
        lab.unplug(attacker)
        world.remove_all()
    assert lab.processes() == []
