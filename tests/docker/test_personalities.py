"""A container's TCP/IP personality: as that of a decoy in a namespace, and there again after the container started anew."""

from __future__ import annotations

import pytest

from decnet.world import names, scan
from decnet.world.docker import containers
from tests.live.faces import answers, inside
from tests.live.lab import Machine, eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

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

    def is_as_declared() -> bool:
        return decnet.status("boxes", code=None)["desk"]["state"] == "up"

    assert ["Microsoft Windows 10" in scanned() for _ in range(2)] == [True, True]
    Machine("decnet:boxes:desk").run("tc", "qdisc", "del", "dev", "eth0", "clsact")
    assert "Windows" not in attacker.run("nmap", "-n", "-Pn", "-O", "--max-os-tries", "1", "-p80,81", ADDRESS)
    decnet("apply", "--yes", file)  # with a supervisor
    assert "Microsoft Windows 10" in scanned()
    engine.containers.get(containers.name("boxes", "desk")).restart(timeout=0)
    eventually(lambda: is_as_declared() and answers(attacker, ADDRESS), seconds=30)
    assert "Microsoft Windows 10" in scanned()
    lab.unplug(attacker)
