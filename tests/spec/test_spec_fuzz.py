"""Whatever is done to a good file, it makes a network with all of its bundles, or problems with places."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decnet import catalog, ini
from decnet.errors import InvalidInput, Problem
from decnet.render import Templates, bundles, expand
from decnet.services.registry import services
from decnet.spec import Machine
from decnet.spec.build import build, network_name
from tests.fuzzing import examples
from tests.spec.files import BARE, IDENTITY, OFFICE

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ini"))
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=examples(500), deadline=None, suppress_health_check=list(HealthCheck))
FOREIGN = [
    "[", "]", ":", "=", '"', "${x}", "${general:name}", "${env:HOME}", "{{ n }}", "{{", "{% for x in y %}", "\n",
    " ", "0", "-1", "65536", "99999999999999999999", "1.5", "198.51.100.0", "198.51.100.255", "::1", "0.0.0.0/0",
    "198.51.100.3-9", "é", "\x1b", "\x00", "\u202e", "none", "yes", "docker", "ipvlan", "macvlan", "eth0", "netns",
    "[web-01.http]\n", "[_x : _y]\n", "[a[1:3]]\n", "amount = 3\n", "[DEFAULT]\n", "[custom-x]\n", "[lan-x]\n",
    "[os-x]\nbase = linux\n", "[distro-x]\nbase = debian\n", "[archetype-x]\nbase = printer\n", "randomize = services\n",
    "hostname = {{ group }}\n", "mac = dell\n", "lan = x\n", "services = http; x\n", "os = x\n", "uptime = 100000d\n",
    "mtu = 576\n", "port = 22\n", "name = x/y\n", "seed =\n", "domain = x_y\n", "timezone = /etc/passwd\n",
]  # fmt: skip


@cache
def known() -> catalog.Catalog:
    return catalog.load()


def mutations(draw: st.DrawFn, text: str) -> Iterator[str]:
    """The pieces of a text with some dropped, doubled, moved, or replaced by words of other places."""
    pieces = re.split(r"(\s+|[\[\]=:.,/-])", text)
    words = [piece for piece in pieces if piece.strip()] + FOREIGN
    spots = draw(st.lists(st.integers(0, len(pieces) - 1), min_size=1, max_size=6))
    for number, piece in enumerate(pieces):
        if number not in spots:
            yield piece
            continue
        action = draw(st.sampled_from(["drop", "double", "replace", "insert", "line"]))
        if action == "double":
            yield piece * 2
        elif action == "replace":
            yield draw(st.sampled_from(words))
        elif action == "insert":
            yield piece + draw(st.sampled_from(words))
        elif action == "line":
            yield piece + "\n" + draw(st.sampled_from(text.splitlines())) + "\n"


@st.composite
def mutated(draw: st.DrawFn) -> str:
    return "".join(mutations(draw, draw(st.sampled_from(EXAMPLES)).read_text()))


def check_problems(problems: tuple[Problem, ...]) -> None:
    assert problems
    assert ini.render(problems).replace("\n", "").isprintable()
    assert all(one.code and one.message and one.span.file for one in problems)


def check(text: str, machine: Machine) -> None:
    try:
        document = ini.parse(text, "network.ini")
        name = network_name(document)
        built = build(document, known(), services(), IDENTITY, expand, machine)
        rendered = bundles(built, IDENTITY, Templates())
    except InvalidInput as error:
        check_problems(error.problems)
        return
    assert built.name == name
    ours = (
        len(decoy.services) + sum(one.service is not None for one in decoy.customs) for decoy in built.decoys
    )
    assert len(rendered) == sum(ours)
    for found in ("name", "ip", "mac", "hostname"):
        assert len({str(getattr(decoy, found)).lower() for decoy in built.decoys}) == len(built.decoys)
    subnets = {lan.name: lan.subnet for lan in built.lans}
    assert all(decoy.ip in subnets[decoy.lan] for decoy in built.decoys)


@QUICK
@given(mutated(), st.sampled_from([BARE, OFFICE]))
def test_mutated_examples(text: str, machine: Machine) -> None:
    check(text, machine)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@LONG
@given(mutated(), st.sampled_from([BARE, OFFICE]))
def test_mutated_examples_for_long(text: str, machine: Machine) -> None:
    check(text, machine)
