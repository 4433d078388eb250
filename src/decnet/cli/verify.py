"""``decnet verify``: os."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from decnet.cli.options import decoys_argument, json_option, state_option, target_argument
from decnet.errors import UsageError, WorldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from decnet.state import Snapshot

_NOT_SO = 4
"""Exit code when a decoy is not seen as it is declared."""
_EPILOG = """\b
Examples:
  sudo decnet verify os office                  every decoy of the network
  sudo decnet verify os network.ini desk-01     one of them, by the file
  sudo decnet verify os office --json | jq '.decoys[] | select(.verdict != "as declared")'
"""


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


@command.command("os", epilog=_EPILOG)
@target_argument(required=True)
@decoys_argument
@json_option
@state_option
def os(target: str, decoys: tuple[str, ...], as_json: bool, state_dir: Path) -> None:
    """Have nmap scan the decoys of a network, and compare what it takes them for with what they are declared as.

    One after the other, 3 to 12 s each; of those given, or of all. The verdict is "as declared"; "other", for another
    system or none that nmap knows; "down", when no port of it is open from here; or "unknown", when it has no TCP port, or
    its profile says no label. Exits 4 when one is other or down.
    """
    from decnet import state
    from decnet.cli.pipeline import name_of
    from decnet.ini import did_you_mean

    name = name_of(target)
    saved = state.read(state_dir, name)
    if not saved.known:
        raise UsageError(f"{name} was never applied here (state in {state_dir})", hint="decnet apply FILE")
    hosts = list(_hosts(saved))
    names = [host.decoy for host in hosts]
    for unknown in sorted(set(decoys) - set(names)):
        raise UsageError(f'{name} has no decoy "{unknown}"', hint=did_you_mean(unknown, names))
    label = _labels(target, saved)
    chosen = [host for host in hosts if not decoys or host.decoy in decoys]
    verdicts = list(_verdicts(chosen, label))
    _tell(verdicts, as_json=as_json)
    sys.exit(_NOT_SO if any(one.verdict in {"other", "down"} for one in verdicts) else 0)


def _hosts(saved: Snapshot) -> Iterator[_Host]:
    from decnet.world import Custom, Decoy, Link, Service

    resources = [was.resource for was in saved.resources.values()]
    links = {one.decoy: one.address.partition("/")[0] for one in resources if isinstance(one, Link)}
    for decoy in resources:
        if isinstance(decoy, Decoy) and decoy.name in links:
            serving = (
                one for one in resources if isinstance(one, Service | Custom) and one.decoy == decoy.name
            )
            ports = (number for one in serving for number, proto in one.ports if proto == "tcp")
            yield _Host(decoy.name, decoy.os, links[decoy.name], tuple(ports))


def _labels(target: str, saved: Snapshot) -> Callable[[str], str]:
    """What nmap has to print of an os: by the network's file, which may have profiles of its own, where it still is."""
    from decnet import ini
    from decnet.cli.pipeline import load_profiles, network
    from decnet.spec.build import network_name

    file = next((one for one in (target, saved.about.file) if one and Path(one).is_file()), "")
    own: dict[str, str] = {}
    if file:
        document = ini.load(Path(file), saved.about.env)
        if network_name(document) == saved.about.network:
            declared, _ = network(document, saved)
            own = {decoy.os.name: decoy.os.nmap_label for decoy in declared.decoys}
    catalog = load_profiles(file or saved.about.file)

    def label(name: str) -> str:
        return own[name] if name in own else catalog.oses[name].nmap_label if name in catalog.oses else ""

    return label


def _verdicts(hosts: Sequence[_Host], label: Callable[[str], str]) -> Iterator[_Verdict]:
    for number, host in enumerate(hosts, 1):
        if sys.stderr.isatty():
            click.echo(f"{number} of {len(hosts)}: {host.decoy}", err=True)
        yield _Verdict(host.decoy, *_verdict(host, label(host.os)))


def _verdict(host: _Host, wanted: str) -> tuple[str, str, str, str]:
    """Verdict, os, what nmap has to say and what it says. What cannot be known needs no scan."""
    from decnet.world import scan

    if not host.ports:
        return "unknown", host.os, wanted, "not scanned: no TCP port"
    try:
        seen = scan.scan(host.address, host.ports)
    except WorldError as error:
        if error.hint:
            raise
        return "unknown", host.os, wanted, error.message
    found = "; ".join(seen.matches)
    if not seen.is_open:
        return "down", host.os, wanted, "no port is open" if seen.answers else "no answer"
    verdict = "unknown" if not wanted else "as declared" if wanted in found else "other"
    return verdict, host.os, wanted, found or "no exact match"


def _tell(verdicts: list[_Verdict], *, as_json: bool) -> None:
    from decnet.cli.output import print_json, table, wants_colour

    if as_json:
        import msgspec

        rows = [one._asdict() for one in verdicts]
        print_json(msgspec.json.encode({"format_version": 1, "decoys": rows}))
        return
    colours = {"as declared": "green", "other": "red", "down": "red"} if wants_colour(sys.stdout) else {}
    table(("DECOY", "VERDICT", "OS", "DECLARED", "NMAP SAYS"), verdicts, colours)
