"""A container's TCP/IP personality: it is the programs that do it, and it is there again after the container starts anew.

Takes minutes, so with ``DECNET_PROFILES`` only; test_runtimes.py has a container scanned in every run.
"""

from __future__ import annotations

import os

import pytest

from decnet.world import names, rewriting, scan
from decnet.world.docker import containers
from tests.live.faces import ADDRESS as ADDRESSES
from tests.live.faces import answers, applied, chosen, inside, label
from tests.live.lab import Machine
from tests.live.refused import WithoutBpf

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not os.environ.get("DECNET_PROFILES"), reason="long: DECNET_PROFILES=all"),
]

ADDRESS = "198.51.100.20"
NETWORK = f"""
[general]
name = boxes
net = 198.51.100.0/24
runtime = docker
seed = boxes

[desk]
os = windows10
distro = debian
ip = {ADDRESS}
services = http
"""


def test_a_container_is_taken_for_its_system_by_the_programs_alone(decnet, engine, lab, tmp_path):
    file = tmp_path / "desk.ini"
    file.write_text(NETWORK)
    decnet("apply", "--yes", "--no-supervisor", file)
    attacker = lab.machine("attacker", "198.51.100.9/24", bridge=names.lan_interface("boxes", "default"))

    def scanned() -> str:
        assert answers(attacker, ADDRESS)
        return "; ".join(inside(attacker, lambda: scan.operating_systems(ADDRESS, (80,))))

    assert "Microsoft Windows 10" in scanned()
    Machine("decnet:boxes:desk").run("tc", "qdisc", "del", "dev", "eth0", "clsact")
    assert "Windows" not in attacker.run("nmap", "-n", "-Pn", "-O", "--max-os-tries", "1", "-p80,81", ADDRESS)
    engine.containers.get(containers.name("boxes", "desk")).restart(timeout=0)
    decnet("apply", "--yes", "--no-supervisor", file)
    assert "Microsoft Windows 10" in scanned()
    lab.unplug(attacker)


@pytest.mark.parametrize(
    "general", ["", "driver = macvlan\ninterface = lan0\n"], ids=["on a bridge", "on macvlan"]
)
def test_every_system_in_a_container_is_taken_for_what_it_is(engine, image, lab, tmp_path, general):
    systems = chosen(("windows10",))
    with applied(lab, tmp_path, systems, network="boxes", runtime="docker", more=general) as faces:
        assert len(engine.containers.list()) == len(systems)
        missed = {name: seen for name in systems if label(name) not in (seen := faces.scanned(name))}
        assert missed == {}
        assert all(answers(faces.attacker, ADDRESSES[name]) for name in systems)


def test_a_container_is_taken_for_its_system_by_rules_where_the_kernel_takes_no_programs(
    engine, lab, tmp_path
):
    file, decnet = tmp_path / "desk.ini", WithoutBpf(tmp_path / "state")
    file.write_text(NETWORK)
    decnet("apply", "--yes", file, timeout=200)
    attacker = lab.machine("attacker", "198.51.100.9/24", bridge=names.lan_interface("boxes", "default"))
    desk = Machine("decnet:boxes:desk")

    def scanned() -> str:
        assert answers(attacker, ADDRESS)
        return "; ".join(inside(attacker, lambda: scan.operating_systems(ADDRESS, (80,))))

    assert "filter" not in desk.run("tc", "filter", "show", "dev", "eth0", "egress")
    assert "Microsoft Windows 10" in scanned()
    desk.run("nft", "delete", "table", "inet", rewriting.TABLE)
    assert decnet.status("boxes", code=4)["desk"]["detail"] == "TCP/IP personality is gone"
    decnet("apply", "--yes", file)
    assert "Microsoft Windows 10" in scanned()
    engine.containers.get(containers.name("boxes", "desk")).restart(timeout=0)
    decnet("apply", "--yes", file)
    assert "Microsoft Windows 10" in scanned()
    lab.unplug(attacker)
    decnet("destroy", "--yes", "boxes")
