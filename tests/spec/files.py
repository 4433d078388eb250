"""Networks from the text of a file, without a machine."""

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from decnet import catalog, ini
from decnet.errors import InvalidInput, Problem, Severity
from decnet.render import Templates, bundles, expand
from decnet.services.registry import services
from decnet.spec import Decoy, Held, Identity, Machine, Network
from decnet.spec.build import build

IDENTITY = Identity(b"s" * 32, datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
OTHER = Identity(b"t" * 32, datetime(2024, 11, 5, 1, 2, tzinfo=UTC))
BARE = Machine()
OFFICE = Machine(
    default_interface="eth0",
    gateway=IPv4Address("192.168.1.1"),
    interfaces={"eth0": IPv4Interface("192.168.1.5/24"), "eth1": IPv4Interface("10.9.0.2/16")},
    subnets=(IPv4Network("192.168.1.0/24"), IPv4Network("10.9.0.0/16")),
)
BRIDGE = "[general]\nnet = 198.51.100.0/24\nseed = s\n"


def network(
    text: str,
    *,
    machine: Machine = BARE,
    held: Mapping[str, str] | None = None,
    identity: Identity = IDENTITY,
    env: str = "",
) -> Network:
    document = ini.parse(text, "network.ini", env)
    kept = Held({name: IPv4Address(address) for name, address in (held or {}).items()})
    return build(document, catalog.load(), services(), identity, expand, machine, kept)


def decoys(text: str, **setting: object) -> dict[str, Decoy]:
    """The decoys of a bridge network by name."""
    return {decoy.name: decoy for decoy in network(BRIDGE + text, **setting).decoys}  # type: ignore[arg-type]


def problems(text: str, *, machine: Machine = BARE, head: str = BRIDGE) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInput) as caught:
        network(head + text, machine=machine)
    return caught.value.problems


def codes(text: str, *, machine: Machine = BARE, head: str = BRIDGE) -> list[str]:
    found = problems(text, machine=machine, head=head)
    return [problem.code for problem in found if problem.severity is Severity.ERROR]


def warnings(text: str) -> list[tuple[str, int, str]]:
    return [(one.code, one.span.line, one.message) for one in network(BRIDGE + text).warnings]


def content(built: Network, identity: Identity) -> dict[tuple[str, str], bytes]:
    """Every bundle as bytes, by decoy and service."""
    rendered = bundles(built, identity, Templates([Path("nowhere")]))
    return {key: bundle.content for key, bundle in rendered.items()}
