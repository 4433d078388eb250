"""What a personality has to bear, one scan after the other: the label each time, and a visitor who is served after it.

Short by default; ``DECNET_SCANS=10 DECNET_PROFILES=all`` is the whole list of the design.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from decnet.catalog import load
from decnet.world import scan
from tests.live.faces import ADDRESS, SCANS, Faces, address6, answers, applied, chosen, label
from tests.live.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]

SCANNED = chosen(("windows10", "freebsd"))
DEEPLY = chosen(("windows10",))
FAMILIES = {
    "windows": "Windows",
    "linux": "Linux",
    "bsd": "BSD|Apple|macOS|iOS",
    "cisco": "Cisco",
    "embedded": "lwIP|VxWorks|HP",
}
"""What the words of an exact match may be of, per family of `decnet os list`."""


@pytest.fixture(scope="module")
def faces(lab: Lab, tmp_path_factory) -> Iterator[Faces]:
    with applied(lab, tmp_path_factory.mktemp("faces")) as made:
        yield made


@pytest.mark.parametrize("name", SCANNED)
def test_each_scan_says_the_label_and_a_visitor_is_served_after_each(faces: Faces, name: str):
    told = []
    for _ in range(SCANS):
        told.append(faces.scanned(name))
        assert answers(faces.attacker, ADDRESS[name])
    missed = [one for one in told if label(name) not in one]
    assert not missed, f"{SCANS - len(missed)} of {SCANS}; else {missed}"


@pytest.mark.parametrize("name", SCANNED)
def test_two_scanners_at_the_same_time_both_see_the_label(faces: Faces, name: str):
    with ThreadPoolExecutor(2) as pool:
        ours = pool.submit(lambda: "; ".join(scan.operating_systems(ADDRESS[name], (80,))))
        theirs = pool.submit(faces.scanned, name)
        told = [ours.result(), theirs.result()]
    assert all(label(name) in one for one in told), told
    assert answers(faces.attacker, ADDRESS[name])


@pytest.mark.parametrize("name", DEEPLY)
def test_all_that_nmap_can_do_finds_the_label_and_leaves_the_decoy_well(faces: Faces, name: str):
    out = faces.attacker.run("nmap", "-n", "-Pn", "-A", ADDRESS[name], timeout=300)
    assert re.search(r"^80/tcp +open +http", out, re.MULTILINE), out
    assert label(name) in os_details(out)
    assert answers(faces.attacker, ADDRESS[name])


@pytest.mark.parametrize("name", DEEPLY)
def test_a_scan_of_all_ports_finds_the_open_one_and_leaves_the_decoy_well(faces: Faces, name: str):
    out = faces.attacker.run("nmap", "-n", "-Pn", "-O", "-p-", "-T4", ADDRESS[name], timeout=300)
    assert re.findall(r"^(\d+)/tcp open", out, re.MULTILINE) == ["80"]
    assert label(name) in os_details(out)
    assert answers(faces.attacker, ADDRESS[name])


@pytest.mark.parametrize("name", chosen(("windows10", "windows7", "freebsd", "linux-6")))
def test_a_scan_over_ipv6_says_nothing_else(faces: Faces, name: str):
    """nmap knows few systems over IPv6: it may know none, but none of another family."""
    family = FAMILIES[load().oses[name].family]
    for told in faces.scanned_at(address6(name)).split("; "):
        assert not told or re.search(family, told), told
    assert answers(faces.attacker, address6(name))


def test_without_the_programs_the_label_is_gone(faces: Faces):
    """The negative control: it is they who do it, not the sysctls. Linux is Linux without them."""
    names = [name for name in SCANNED if load().oses[name].family != "linux"]
    for name in names:
        faces.detach(name)
    assert [name for name in names if label(name) in guessed(faces, name)] == []
    faces.decnet("apply", "--yes", faces.file)
    assert [name for name in names if label(name) not in faces.scanned(name)] == []


def guessed(faces: Faces, name: str) -> str:
    """One attempt at a system that nmap has no exact match for, which it would try five times."""
    words = ("nmap", "-n", "-Pn", "-O", "--max-os-tries", "1", "-p", "80,81", ADDRESS[name])
    return os_details(faces.attacker.run(*words))


def os_details(out: str) -> str:
    found = re.search(r"^OS details: (.*)$", out, re.MULTILINE)
    return found[1] if found else ""
