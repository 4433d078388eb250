"""``decnet unit``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from decnet.cli.options import state_option

FOLDER = Path("templates") / "systemd"
NETWORK, INGEST = "decnet@.service", "decnet-ingest@.service"


@click.command("unit", epilog="Example: decnet unit | sudo tee /etc/systemd/system/decnet@.service")
@click.option("--ingest", is_flag=True, help="Print decnet-ingest@.service, which fills the event store.")
@state_option
def command(ingest: bool, state_dir: Path) -> None:
    """Print a systemd unit, decnet@.service, that brings networks back after a reboot.

    Then: systemctl daemon-reload && systemctl enable --now decnet@NAME

    With --ingest it is decnet-ingest@.service, for networks whose events are wanted in the store too.
    """
    import decnet

    text = (Path(decnet.__file__).parent / FOLDER / (INGEST if ingest else NETWORK)).read_text(
        encoding="utf-8"
    )
    program = f"{sys.executable} -P -m decnet"
    click.echo(text.replace("@PROGRAM@", program).replace("@STATE@", str(state_dir.absolute())), nl=False)
