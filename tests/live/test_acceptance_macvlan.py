"""The same systems on macvlan, peers on the real LAN behind one interface: all of them in one run of nmap."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest

from tests.live.faces import ADDRESS, Faces, answers, applied, chosen, label
from tests.live.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

NAMES = chosen(("windows11", "openbsd"))


@pytest.fixture(scope="module")
def faces(lab: Lab, tmp_path_factory) -> Iterator[Faces]:
    general = "driver = macvlan\ninterface = lan0\n"
    with applied(lab, tmp_path_factory.mktemp("faces"), NAMES, more=general) as made:
        yield made


def test_all_are_taken_for_what_they_are_declared_as(faces: Faces):
    assert "macvlan" in faces.decoy(NAMES[0]).run("ip", "-d", "link", "show", "eth0")
    addresses = [ADDRESS[name] for name in NAMES]
    told = faces.attacker.run("nmap", "-n", "-O", "-p", "80,81", "-oX", "-", *addresses, timeout=300)
    seen = {host.find("address").get("addr"): systems(host) for host in ET.fromstring(told).iter("host")}
    assert {name: seen[ADDRESS[name]] for name in NAMES if label(name) not in seen[ADDRESS[name]]} == {}
    assert all(answers(faces.attacker, one) for one in addresses)


def systems(host: ET.Element) -> str:
    """The exact matches, by nmap's XML."""
    return "; ".join(one.get("name", "") for one in host.iter("osmatch") if one.get("accuracy") == "100")
