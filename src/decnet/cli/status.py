"""``decnet status``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from decnet.cli.options import json_option, limit_option, state_option, target_argument

if TYPE_CHECKING:
    from decnet.engine import DecoyStatus, SinkStatus, Status

_COLOURS = {
    "up": "green",
    "connected": "green",
    "down": "red",
    "failing": "red",
    **dict.fromkeys(("drifted", "connecting", "waiting"), "yellow"),
}


@click.command("status", epilog="Example: decnet status quickstart --json")
@target_argument(required=False)
@limit_option
@json_option
@state_option
def command(target: str | None, limits: tuple[str, ...], as_json: bool, state_dir: Path) -> None:
    """Show each decoy: up, down or drifted. Exits 4 when something is not as applied."""
    from decnet import engine, state
    from decnet.cli.output import print_json
    from decnet.cli.pipeline import the_network, world
    from decnet.errors import UsageError

    name = the_network(target, state_dir)
    before = state.read(state_dir, name)
    if not before.known:
        raise UsageError(f"{name} was never applied here (state in {state_dir})", hint="decnet apply FILE")
    with world(name, state_dir) as machine:
        observed = machine.observe(engine.expected(before))
    status = engine.status(engine.recover(before, observed), observed, engine.Limit.of(limits))
    if as_json:
        print_json(engine.status_json(status))
    else:
        _show(status)
    raise SystemExit(status.exit_code)


def _show(status: Status) -> None:
    from decnet.cli.output import table, wants_colour

    colours = _COLOURS if wants_colour(sys.stdout) else {}
    table(("DECOY", "STATE", "ADDRESS", "HOSTNAME", "OS", "SERVICES"), map(_row, status.decoys), colours)
    if status.sinks:
        click.echo()
        table(("SINK", "STATE", "TARGET", "SENT", "QUEUED", "DROPPED"), map(_sink, status.sinks), colours)
        for sink in status.sinks:
            if sink.error:
                click.echo(f"{sink.name}: {sink.error}")
        click.echo()
    for decoy in status.decoys:
        if decoy.detail:
            click.echo(f"{decoy.name}: {decoy.detail}")
    for line in status.detail:
        click.echo(line)
    for line in status.unseen:
        click.echo(f"not seen: {line}", err=True)
    if status.hidden:
        click.echo(f"{status.hidden} decoy{'s' * (status.hidden != 1)} hidden by --limit")
    up = sum(decoy.state == "up" for decoy in status.decoys)
    click.echo(f"{status.about.network}: {up} of {len(status.decoys)} decoys up")


def _sink(sink: SinkStatus) -> tuple[str, ...]:
    queued = (
        f"{sink.queued} ({sink.queued_bytes} bytes, {sink.oldest:.0f} s old)" if sink.queued_bytes else "0"
    )
    dropped = f"{sink.dropped} ({sink.dropped_bytes} bytes)" if sink.dropped_bytes else str(sink.dropped)
    return (sink.name, sink.state, sink.target, str(sink.sent), queued, dropped)


def _row(decoy: DecoyStatus) -> tuple[str, ...]:
    ports = (f"{name} ({', '.join(numbers)})" for name, numbers in decoy.ports.items())
    machine = decoy.distro if decoy.os == "linux" and decoy.distro else decoy.os
    return (decoy.name, decoy.state.value, decoy.ip, decoy.hostname, machine, ", ".join(ports))
