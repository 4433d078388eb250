"""``decnet show``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from decnet.cli.options import env_option, file_argument, json_option, state_option
from decnet.errors import Span, UsageError

if TYPE_CHECKING:
    from decnet.spec import Decoy


@click.command("show", epilog="Example: decnet show network.ini web-01")
@file_argument
@click.argument("decoy_name", metavar="NAME")
@env_option
@json_option
@state_option
def command(file: Path, decoy_name: str, env: str, as_json: bool, state_dir: Path) -> None:
    """Show one decoy after inheritance, each value with the file and line it comes from."""
    from decnet import ini, state
    from decnet.cli.output import print_json
    from decnet.cli.pipeline import network
    from decnet.spec.build import network_name

    document = ini.load(file, env)
    declared, _ = network(document, state.read(state_dir, network_name(document)))
    decoy = next((one for one in declared.decoys if one.name.lower() == decoy_name.lower()), None)
    if decoy is None:
        near = ini.did_you_mean(decoy_name, [one.name for one in declared.decoys])
        raise UsageError(f'{file} declares no decoy "{decoy_name}"', hint=near)
    rows = [*_machine(decoy), *_personas(decoy)]
    if as_json:
        import msgspec

        origins = [
            {"key": key, "value": value, "file": span.file, "line": span.line}
            if span
            else {"key": key, "value": value, "file": "", "line": 0}
            for key, value, span in rows
        ]
        print_json(msgspec.json.encode({"format_version": 1, "decoy": decoy.name, "values": origins}))
        return
    click.echo(f"[{decoy.name}]".ljust(58) + str(decoy.span))
    for key, value, span in rows:
        click.echo(f"  {key:24} = {_line(value)}".ljust(58) + (str(span) if span else "derived"))


def _machine(decoy: Decoy) -> list[tuple[str, str, Span | None]]:
    values = {
        "ip": str(decoy.ip),
        "ip6": str(decoy.ip6 or ""),
        "mac": decoy.mac,
        "hostname": decoy.hostname,
        "lan": decoy.lan,
        "os": decoy.os.name,
        "distro": decoy.distro.name if decoy.distro else "",
        "archetype": decoy.archetype,
        "services": ", ".join([*(one.name for one in decoy.services), *(one.name for one in decoy.customs)]),
        "uptime": f"{decoy.uptime // 86400}d{decoy.uptime % 86400 // 3600}h",
        "runtime": decoy.runtime.value,
        "protect": "yes" if decoy.protect else "no",
        "egress": ", ".join(decoy.egress) or ("deny" if "egress" in decoy.spans else ""),
    }
    aliases = {"os": "nmap_os"}
    return [
        (key, value, decoy.spans.get(key) or decoy.spans.get(aliases.get(key, "")))
        for key, value in values.items()
        if value
    ]


def _personas(decoy: Decoy) -> list[tuple[str, str, Span | None]]:
    rows: list[tuple[str, str, Span | None]] = []
    for service in decoy.known:
        ports = ", ".join(f"{port.number}/{port.proto}" for port in service.ports)
        rows.append((f"{service.name}.ports", ports, service.spans.get("ports") or service.spans.get("port")))
        for field in dataclasses.fields(service.persona):
            value = getattr(service.persona, field.name)
            span = service.spans.get(field.name)
            if span or value not in ("", (), None, 0):
                rows.append((f"{service.name}.{field.name}", _shown(value, field), span))
    return rows


def _shown(value: Any, field: dataclasses.Field[Any]) -> str:
    if field.metadata["key"].secret and value:
        return "********"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _line(text: str) -> str:
    """A value on one line of a terminal, whatever is in it."""
    from decnet.ini.names import visible

    return visible(text)
