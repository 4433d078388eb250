"""Containers on a newer engine than the machine's: API 1.44 and later, where a MAC belongs to an endpoint."""

import pytest

from decnet.world.docker.containers import MAC_OF_ENDPOINT
from decnet.world.docker.engine import Engine
from tests.docker.engine import base_archive
from tests.docker.test_containers import test_what_somebody_does_to_it_is_seen_and_put_right, world
from tests.live.lab import eventually, run

__all__ = ["test_what_somebody_does_to_it_is_seen_and_put_right", "world"]

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


@pytest.fixture(scope="session")
def programs():
    """Debian 13's engine: 26.1."""
    try:
        return base_archive("trixie", "docker.io", "procps")
    except AssertionError as error:
        pytest.skip(f"Debian 13 is not to be had here: {error}")


def test_a_decoy_keeps_its_mac_on_it(engine, decnet, file):
    with Engine() as found:
        assert found.api >= MAC_OF_ENDPOINT
    decnet("apply", "--yes", file)
    mac = decnet.status("boxes")["web"]["mac"]

    def answers() -> bool:
        ping = run("redis-cli", "-h", "198.51.100.20", "ping", check=False).strip() == "PONG"
        return ping and f"lladdr {mac}" in run("ip", "neigh", "show", "198.51.100.20")

    assert answers()
    engine.containers.get("decnet-boxes-web").restart(timeout=0)
    run("ip", "neigh", "flush", "all")
    eventually(answers, seconds=20)
    eventually(
        lambda: (
            [event["data"]["state"] for event in decnet.events("boxes", "--type", "decoy.state")][-1]
            == "repaired"
        ),
        seconds=20,
    )
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
