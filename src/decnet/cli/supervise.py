"""``decnet supervise``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from decnet.cli.options import state_option


@click.command("supervise", epilog="Example: decnet supervise office")
@click.argument("name", metavar="[FILE|NAME]", required=False)
@state_option
def command(name: str | None, state_dir: Path) -> None:
    """Bring an applied network back and keep it so, in the foreground: what a service manager runs.

    After a reboot everything comes back from the state, with the same identity. `apply` leaves a supervisor behind by
    itself; `decnet unit` prints a systemd unit that runs this one.
    """
    from decnet.cli.pipeline import is_known, place, the_network
    from decnet.errors import UsageError
    from decnet.world import spawn, supervision

    network = the_network(name, state_dir)
    if not is_known(network, state_dir):
        raise UsageError(f"{network} was never applied here (state in {state_dir})", hint="decnet apply FILE")
    where = place(network, state_dir)
    supervision.end(where.run_dir, network)
    spawn.prepare_folder(where.run_dir)
    program = [*supervision.command(where), "--foreground", "--cause=started"]
    os.execv(program[0], program)  # noqa: S606 (our own words)
