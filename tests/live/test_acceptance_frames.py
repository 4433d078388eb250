"""Frames that no honest host sends: the decoy goes on as before, and the kernel has nothing to complain of.

``DECNET_FRAMES`` (500) to each profile; the design asks for 10,000.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.live.faces import ADDRESS, Faces, address6, answers, applied, chosen, label
from tests.live.frames import Kernel, mac_of, malformed, own_mac, send
from tests.live.lab import Lab, run

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]

FRAMES = int(os.environ.get("DECNET_FRAMES", "500"))
TARGETS = chosen(("windows10", "lwip"))


@pytest.fixture(scope="module")
def faces(lab: Lab, tmp_path_factory) -> Iterator[Faces]:
    for kind in (
        "iptables",
        "ip6tables",
    ):  # a bridge with br_netfilter would keep most of them from the decoy
        run("sysctl", "-qw", f"net.bridge.bridge-nf-call-{kind}=0", check=False)
    with applied(lab, tmp_path_factory.mktemp("faces"), TARGETS) as made:
        yield made


@pytest.mark.parametrize("name", TARGETS)
def test_malformed_frames_do_no_harm(faces: Faces, name: str):
    kernel = Kernel()
    assert answers(faces.attacker, ADDRESS[name])
    macs = mac_of(faces.attacker, ADDRESS[name]), own_mac(faces.attacker)
    before = faces.decoy(name).run("cat", "/proc/net/dev")
    send(faces.attacker, malformed(FRAMES, ADDRESS[name], address6(name), macs, name))
    assert received(faces.decoy(name).run("cat", "/proc/net/dev")) - received(before) >= FRAMES
    assert answers(faces.attacker, ADDRESS[name])
    assert answers(faces.attacker, address6(name))
    assert label(name) in faces.scanned(name)
    assert kernel.complaints() == []
    assert faces.decnet.status(faces.network)[name]["state"] == "up"


def received(devices: str) -> int:
    """Packets that came to eth0."""
    line = next(line for line in devices.splitlines() if line.strip().startswith("eth0:"))
    return int(line.split()[2])
