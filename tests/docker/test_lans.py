"""Containers on a LAN that is more than a bridge: a parent interface, IPv6, a router."""

import pytest

from tests.live.lab import eventually, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

_DECOYS = """
[_linux]
distro = debian

[web : _linux]
ip = 198.51.100.20
services = redis

[db : _linux]
ip = 198.51.100.21
runtime = netns
services = redis
"""


@pytest.fixture
def wire(lab):
    """A LAN on an interface of the host's, with another machine on it."""
    run("ip", "link", "add", "wan0", "type", "veth", "peer", "name", "wan0-far")
    run("ip", "link", "add", "far", "type", "bridge")
    run("ip", "link", "set", "wan0-far", "master", "far")
    for name in ("wan0", "wan0-far", "far"):
        run("ip", "link", "set", name, "up")
    run("ip", "address", "add", "198.51.100.2/24", "dev", "wan0")
    machine = lab.machine("neighbour", "198.51.100.9/24", bridge="far")
    yield machine
    lab.unplug(machine)
    run("ip", "link", "delete", "wan0")
    run("ip", "link", "delete", "far")


def test_containers_are_peers_on_a_real_lan(wire, decnet, tmp_path):
    file = tmp_path / "network.ini"
    head = "[general]\nname = boxes\ninterface = wan0\nnet = 198.51.100.0/24\ngw = 198.51.100.9\nruntime = docker\nseed = s\n"
    file.write_text(head + _DECOYS)
    decnet("apply", "--yes", file)
    for number in (20, 21):
        assert wire.run("redis-cli", "-h", f"198.51.100.{number}", "ping").strip() == "PONG"
        assert run("redis-cli", "-h", f"198.51.100.{number}", "ping").strip() == "PONG"  # by the hairpin
    macs = wire.run("ip", "neigh", "show")
    for decoy in decnet.status("boxes").values():
        assert decoy["mac"] in macs
    assert "via 198.51.100.9" in run("nsenter", "--net=/run/netns/decnet:boxes:web", "ip", "route")
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
    decnet("destroy", "--yes", "boxes")


def test_containers_speak_ipv6(decnet, tmp_path):
    file = tmp_path / "network.ini"
    head = (
        "[general]\nname = boxes\nnet = 198.51.100.0/24\nnet6 = 2001:db8:1::/64\nruntime = docker\nseed = s\n"
    )
    file.write_text(head + _DECOYS.replace("ip = 198.51.100.20", "ip = 198.51.100.20\nip6 = 2001:db8:1::20"))
    decnet("apply", "--yes", file)
    # The host's own address on the bridge is not used before nobody has answered for it (RFC 4862 section 5.4).
    eventually(lambda: "tentative" not in run("ip", "-6", "address", "show", "to", "2001:db8:1::1"))
    assert run("redis-cli", "-h", "2001:db8:1::20", "ping").strip() == "PONG"
    plan = decnet.json("plan", "--detailed-exitcode", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
