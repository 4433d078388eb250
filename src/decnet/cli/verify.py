"""``decnet verify``: os."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from decnet.cli.options import json_option, state_option
from decnet.errors import UsageError, WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from decnet.state import Snapshot


class _Host(NamedTuple):
    decoy: str
    os: str
    address: str
    ports: tuple[int, ...]


class _Verdict(NamedTuple):
    decoy: str
    verdict: str
    os: str
    wanted: str
    found: str


@click.group("verify", epilog="Example: sudo decnet verify os office")
def command() -> None:
    """Look at an applied network from outside, with a visitor's tools."""


@command.command("os", epilog="Example: sudo decnet verify os office web-01")
@click.argument("name")
@click.argument("decoys", nargs=-1)
@json_option
@state_option
def os(name: str, decoys: tuple[str, ...], as_json: bool, state_dir: Path) -> None:
    """Have nmap scan the decoys of network NAME, and compare what it takes them for with what they are declared as.

    One after the other, about 3 s each; of those given, or of all. Exit 0 when all are taken for it, 4 when one is not.
    """
    from decnet import state

    saved = state.read(state_dir, name)
    if not saved.known:
        raise UsageError(f"{name} was never applied here (state in {state_dir})", hint="decnet apply FILE")
    hosts = list(_hosts(saved))
    unknown = set(decoys) - {host.decoy for host in hosts}
    if unknown:
        raise UsageError(f'{name} has no decoy "{min(unknown)}"')
    verdicts = [_verdict(host) for host in hosts if not decoys or host.decoy in decoys]
    _tell(verdicts, as_json=as_json)
    sys.exit(4 if any(one.verdict == "other" for one in verdicts) else 0)


def _hosts(saved: Snapshot) -> Iterator[_Host]:
    from decnet.world import Decoy, Link, Service

    resources = [was.resource for was in saved.resources.values()]
    links = {one.decoy: one.address.partition("/")[0] for one in resources if isinstance(one, Link)}
    for decoy in resources:
        if isinstance(decoy, Decoy) and decoy.name in links:
            services = (one for one in resources if isinstance(one, Service) and one.decoy == decoy.name)
            ports = (number for one in services for number, proto in one.ports if proto == "tcp")
            yield _Host(decoy.name, decoy.os, links[decoy.name], tuple(ports))


def _verdict(host: _Host) -> _Verdict:
    from decnet.catalog import load
    from decnet.world import scan

    catalog = load([Path("profiles")])
    wanted = catalog.oses[host.os].nmap_label if host.os in catalog.oses else ""
    try:
        found = "; ".join(scan.operating_systems(host.address, host.ports))
    except WorldError as error:
        if error.hint:
            raise
        return _Verdict(host.decoy, "unknown", host.os, wanted, error.message)
    verdict = "unknown" if not wanted or not host.ports else "as declared" if wanted in found else "other"
    return _Verdict(host.decoy, verdict, host.os, wanted, found or "no exact match")


def _tell(verdicts: list[_Verdict], *, as_json: bool) -> None:
    from decnet.cli.output import print_json, table, wants_colour

    if as_json:
        import msgspec

        rows = [one._asdict() for one in verdicts]
        print_json(msgspec.json.encode({"format_version": 1, "decoys": rows}))
        return
    colours = {"as declared": "green", "other": "red"} if wants_colour(sys.stdout) else {}
    table(("DECOY", "VERDICT", "OS", "DECLARED", "NMAP SAYS"), verdicts, colours)
