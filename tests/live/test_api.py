"""What `decnet api` says of a network that is really applied, and of one that is broken or gone."""

import os
import signal
from pathlib import Path

import httpx
import pytest

from decnet.cli import api as cli
from tests.api.process import api
from tests.live.command import Command
from tests.live.lab import Lab, eventually, run

pytestmark = pytest.mark.live

NETWORK = """
[general]
name = shown
net = 198.51.100.0/24
seed = lab

[web]
ip = 198.51.100.20
services = http, redis
distro = debian

[db]
ip = 198.51.100.21
services = redis
distro = debian
"""


@pytest.fixture
def decnet(lab: Lab, tmp_path: Path):
    file = tmp_path / "network.ini"
    file.write_text(NETWORK)
    command = Command(tmp_path / "state", supervised=False)
    command("apply", file)
    yield command
    command("destroy", "--yes", "shown", code=None)


def states(decnet: Command) -> dict[str, str]:
    return {host.name: host.state for network in cli._networks(decnet.state) for host in network.decoys}


def test_an_applied_network_is_served_as_it_stands(lab, decnet):
    assert run("redis-cli", "-h", "198.51.100.21", "ping").strip() == "PONG"
    decnet("ingest", "shown")
    told = decnet.status("shown")
    with api(decnet.state) as running:

        def ask(path):
            return httpx.get(f"{running.url}/api/v1/{path}", headers=running.headers).json()

        decoys = {one["name"]: one for one in ask("decoys")["items"]}
        (network,) = ask("networks")["items"]
        (picture,) = ask("topology")["items"]
        assert ask("events?decoy=db&type=command")["items"][0]["data"]["command"].lower() == "ping"
    assert {name: (one["state"], one["addresses"], one["macs"]) for name, one in decoys.items()} == {
        name: (one["state"], [one["ip"]], [one["mac"]]) for name, one in told.items()
    }
    assert {one["state"] for one in decoys.values()} == {"up"}
    assert (decoys["web"]["ports"], decoys["db"]["ports"]) == (
        {"http": ["80"], "redis": ["6379"]}, {"redis": ["6379"]},
    )  # fmt: skip
    assert decoys["db"]["events"] > 0
    assert (network["name"], network["applied"], network["decoys"]) == ("shown", True, 2)
    (lan,) = picture["lans"]
    assert (lan["subnets"], sorted(lan["decoys"])) == (["198.51.100.0/24"], ["db", "web"])


def test_what_breaks_is_seen_at_the_next_look_and_what_is_gone_is_not_shown(lab, decnet, monkeypatch):
    monkeypatch.setattr(cli, "_LOOK_SECONDS", 0.0)
    look = cli._facts(decnet.state)
    assert {host.state for network in look().networks for host in network.decoys} == {"up"}
    run("nsenter", "--net=/run/netns/decnet:shown:web", "ip", "link", "set", "eth0", "down")
    assert states(decnet) == {"web": "down", "db": "up"}
    run("nsenter", "--net=/run/netns/decnet:shown:db", "sysctl", "-qw", "net.ipv4.ip_default_ttl=99")
    assert states(decnet) == {"web": "down", "db": "drifted"}
    for process in lab.decoy_processes():
        os.kill(process, signal.SIGKILL)
    eventually(lambda: states(decnet) == {"web": "down", "db": "down"})
    (seen,) = look().networks
    assert {host.name: host.state for host in seen.decoys} == states(decnet)
    decnet("destroy", "--yes", "shown")
    assert look().networks == ()
