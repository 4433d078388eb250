"""``decnet unit``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from decnet.cli.options import state_option

TEMPLATE = Path("templates") / "systemd" / "decnet@.service"


@click.command("unit", epilog="Example: decnet unit | sudo tee /etc/systemd/system/decnet@.service")
@state_option
def command(state_dir: Path) -> None:
    """Print a systemd unit, decnet@.service, that brings networks back after a reboot.

    Then: systemctl daemon-reload && systemctl enable --now decnet@NAME
    """
    import decnet

    text = (Path(decnet.__file__).parent / TEMPLATE).read_text(encoding="utf-8")
    program = f"{sys.executable} -P -m decnet"
    click.echo(text.replace("@PROGRAM@", program).replace("@STATE@", str(state_dir.absolute())), nl=False)
