"""Who only listens: p0f, on SYN-ACKs to visitors and on SYNs that decoys send themselves. And on another driver, nmap."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from decnet.catalog import load
from tests.live.faces import ADDRESS, ATTACKER, Faces, answers, applied, chosen, inside
from tests.live.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

SERVED = {
    "windows7": "Windows 7 or 8",
    "windows-server-2012r2": "Windows 7 or 8",
    "windows-server-2016": "Windows 7 or 8",
    "freebsd": "FreeBSD 9.x",
    "openbsd": "OpenBSD 5.x",
    "ip-camera": "Linux 2.6.x",
}
"""What p0f 3.09b says of SYN-ACKs. It is of 2016 and has no signature of these of Windows 10, Linux 4 and macOS 10.13."""
NAMES = chosen(("windows7", "windows10", "freebsd", "openbsd", "macos", "linux-6"))
PORT = 8080
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()"


@pytest.fixture(scope="module")
def faces(lab: Lab, tmp_path_factory) -> Iterator[Faces]:
    """Decoys that may connect to one port of the attacker: containment is on for them too."""
    more = f"egress = tcp:{ATTACKER}/32:{PORT}\n"
    with applied(lab, tmp_path_factory.mktemp("faces"), NAMES, more=more) as made:
        yield made


@pytest.fixture(scope="module")
def heard(faces: Faces, tmp_path_factory) -> dict[tuple[str, str], str]:
    """What p0f makes of one visit to each decoy and one by it: (address, ``syn`` or ``syn+ack``) → label."""
    capture = tmp_path_factory.mktemp("p0f") / "visits.pcap"
    with listening(faces, capture), inside(faces.attacker, lambda: socket.create_server((ATTACKER, PORT))):
        for name in NAMES:
            assert answers(faces.attacker, ADDRESS[name])
            faces.decoy(name).run(sys.executable, "-c", CONNECT, ATTACKER, str(PORT))
    done = subprocess.run(["p0f", "-r", str(capture)], capture_output=True, text=True, timeout=60, check=True)
    return dict(labels(done.stdout))


@contextlib.contextmanager
def listening(faces: Faces, capture: Path) -> Iterator[None]:
    capture.touch()
    capture.parent.chmod(0o755)
    words = ("tcpdump", "-i", "eth0", "-U", "--immediate-mode", "-Z", "root", "-w", str(capture), "tcp")
    process = subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{faces.attacker.name}", *words], stderr=subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        assert b"listening on" in process.stderr.readline()
        yield
        time.sleep(0.3)
    finally:
        process.terminate()
        process.communicate()


def labels(told: str) -> Iterator[tuple[tuple[str, str], str]]:
    """p0f's blocks: ``.-[ client/port -> server/port (syn) ]-`` and then ``| key = value`` lines."""
    for block in told.split(".-[ ")[1:]:
        head = re.match(r"(\S+)/\d+ -> (\S+)/\d+ \((syn|syn\+ack)\) ", block)
        system = re.search(r"^\| os +=(.*)$", block, re.MULTILINE)
        if head and system:
            yield (head[1] if head[3] == "syn" else head[2], head[3]), system[1].strip()


@pytest.mark.parametrize("name", [name for name in NAMES if name in SERVED])
def test_p0f_names_the_system_that_serves(heard, name: str):
    assert heard[ADDRESS[name], "syn+ack"] == SERVED[name]


@pytest.mark.parametrize("name", [name for name in NAMES if load().oses[name].p0f_label])
def test_p0f_names_the_system_that_connects(heard, name: str):
    assert heard[ADDRESS[name], "syn"].startswith(load().oses[name].p0f_label)


@pytest.mark.parametrize("name", NAMES)
def test_p0f_takes_no_answer_for_another_system(heard, name: str):
    """Where it has no signature it says so, and never one of another family."""
    family = load().oses[name].family
    others = {"windows": "Linux|BSD|Mac", "linux": "Windows|BSD|Mac", "bsd": "Windows|Linux"}.get(family)
    for kind in ("syn", "syn+ack"):
        assert not others or not re.search(others, heard[ADDRESS[name], kind])
