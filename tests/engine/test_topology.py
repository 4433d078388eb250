"""Pictures of a network: as lines, for Graphviz, and as SVG of our own."""

from __future__ import annotations

import shutil
import subprocess
from xml.etree import ElementTree as ET

import pytest

from decnet.engine import topology
from decnet.engine.status import State
from decnet.state import About, Snapshot
from tests.engine.fleets import Site, decoy, lan, network

SMALL = network(
    decoy("web-01", 1, "ssh", "http"),
    decoy("db-02", 2),
    decoy("core-01", 3, "dns", lan="core", subnet="203.0.113.0/24", os="windows"),
    lans=[lan(), lan("core", "203.0.113.0/24")],
)
STATES = {"web-01": State.UP, "db-02": State.DOWN, "core-01": State.DRIFTED}
SVG = "{http://www.w3.org/2000/svg}"


def drawn(what, states=None) -> topology.Topology:
    desired = Site(None).declare(what, Snapshot(About("office")))
    return topology.topology("office", [one.resource for one in desired.resources.values()], states)


def large(groups: int, each: int, *services: str):
    decoys = [
        decoy(f"g{g}-{n:03}", 1 + g * each + n, *services, group=f"g{g}", subnet="198.18.0.0/15")
        for g in range(groups)
        for n in range(each)
    ]
    return network(*decoys, lans=[lan(subnet="198.18.0.0/15")])


def test_as_text():
    assert (
        topology.text(drawn(SMALL, STATES))
        == """\
office · 3 decoys

default · bridge · 198.51.100.0/24 · host 198.51.100.1
├─ web-01  198.51.100.2  linux  ssh, http  up
└─ db-02   198.51.100.3  linux  ssh        down

core · bridge · 203.0.113.0/24 · host 203.0.113.1
└─ core-01  203.0.113.4  windows  dns  drifted
"""
    )


def test_what_was_not_applied_has_no_state():
    what = drawn(SMALL)
    assert not what.applied
    assert topology.text(what).splitlines()[3] == "├─ web-01  198.51.100.2  linux  ssh, http"
    assert 'class="plain"' in topology.svg(what)


def test_a_thousand_decoys_are_drawn_by_group():
    states = {f"g3-{n:03}": State.DOWN for n in range(7)} | {f"g3-{n:03}": State.UP for n in range(7, 200)}
    (wide,) = drawn(large(5, 200), states).lans
    assert (wide.decoys, len(wide.nodes)) == (1000, 5)
    node = wide.nodes[3]
    assert (node.title, node.addresses) == ("g3 × 200", "198.18.2.90 – 198.18.3.33")
    assert (node.state, node.health) == (State.DOWN, "193 up, 7 down")


def test_a_thousand_decoys_without_groups_are_drawn_by_what_they_run():
    singles = [
        decoy(f"w{n}", n, *(["ssh"], ["http", "ssh"])[n % 2], subnet="198.18.0.0/15") for n in range(1, 1001)
    ]
    (wide,) = drawn(network(*singles, lans=[lan(subnet="198.18.0.0/15")])).lans
    assert {node.title for node in wide.nodes} == {"ssh × 500", "http, ssh × 500"}


def test_svg_is_xml_with_titles_for_everything():
    root = ET.fromstring(topology.svg(drawn(SMALL, STATES)))
    titles = [one.text for one in root.iter(f"{SVG}title")]
    assert titles[0] == "office: 3 decoys on 2 LANs"
    assert "web-01\n198.51.100.2\nlinux\nssh, http\nup" in titles
    assert {one.get("class") for one in root.iter(f"{SVG}rect")} == {"lan", "cell", "up", "down", "drifted"}
    assert "prefers-color-scheme: dark" in root.find(f"{SVG}style").text


def test_nothing_of_an_svg_is_outside_of_it_or_over_another():
    root = ET.fromstring(topology.svg(drawn(large(1, 30))))
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = [
        tuple(float(one.get(key)) for key in ("x", "y", "width", "height"))
        for one in root.iter(f"{SVG}rect")
        if one.get("class") == "cell"
    ]
    assert len(boxes) == 30
    for number, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height
        assert not any(x < a + c and a < x + w and y < b + d and b < y + h for a, b, c, d in boxes[:number])


def test_what_means_something_in_a_language_is_escaped():
    resources = [
        one.resource for one in Site(None).declare(SMALL, Snapshot(About("office"))).resources.values()
    ]
    what = topology.topology('a<b>&"c\\', resources)
    assert ET.fromstring(topology.svg(what)).find(f"{SVG}title").text.startswith('a<b>&"c\\')
    assert 'graph "a<b>&\\"c\\\\" {' in topology.dot(what)


@pytest.mark.skipif(not shutil.which("dot"), reason="needs Debian's graphviz")
@pytest.mark.parametrize("what", [SMALL, large(5, 200), large(40, 1)], ids=["small", "large", "forty"])
def test_graphviz_takes_it(what):
    done = subprocess.run(
        ["dot", "-Tplain"],
        input=topology.dot(drawn(what)).encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    nodes = [line for line in done.stdout.splitlines() if line.startswith(b"node ")]
    assert len(nodes) == sum(len(one.nodes) + 1 for one in drawn(what).lans)
