"""``decnet graph``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from decnet.cli.options import env_option, state_option, target_argument
from decnet.errors import UsageError

if TYPE_CHECKING:
    from decnet.engine import State, Topology
    from decnet.state import Snapshot


@click.command("graph", epilog="Example: decnet graph --format svg -o office.svg office.ini")
@target_argument(required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "dot", "svg"]),
    default="text",
    show_default=True,
    help="Lines for a terminal, the language of Graphviz, or a picture.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write there instead of to stdout.",
)
@env_option
@state_option
def command(target: str, form: str, output: Path | None, env: str, state_dir: Path) -> None:
    """Draw the topology: LANs, and who stands on them with which services.

    Of a FILE what it declares, of a NAME what was applied. Where the network was applied, each decoy has its state.
    Large LANs are drawn by group.
    """
    from decnet.cli.plans import write
    from decnet.engine import topology

    draw = {"text": topology.text, "dot": topology.dot, "svg": topology.svg}[form]
    picture = draw(_topology(target, env, state_dir))
    if output is None:
        click.echo(picture, nl=False)
    else:
        write(output, picture.encode())


def _topology(target: str, env: str, state_dir: Path) -> Topology:
    """What a file declares, or what was applied under a name, with the states as they are now."""
    from decnet import ini, state
    from decnet.engine import topology
    from decnet.spec.build import network_name

    path = Path(target)
    if path.suffix != ".ini" and not path.is_file():
        saved = state.read(state_dir, target)
        if not saved.known:
            raise UsageError(f"{target} was never applied here (state in {state_dir})", hint="name its file")
        resources = [was.resource for was in saved.resources.values()]
        return topology.topology(target, resources, _states(saved, state_dir))
    from decnet.cli.output import show_warnings
    from decnet.cli.pipeline import build, declare

    document = ini.load(path, env)
    saved = state.read(state_dir, network_name(document))
    built = build(document, saved)
    show_warnings(built.network.warnings, as_json=False)
    desired = declare(built, saved)
    resources = [declared.resource for declared in desired.resources.values()]
    return topology.topology(built.network.name, resources, _states(saved, state_dir))


def _states(saved: Snapshot, state_dir: Path) -> dict[str, State]:
    """How each decoy is, of a network that was applied."""
    from decnet import engine
    from decnet.cli.pipeline import world

    if not saved.resources:
        return {}
    with world(saved.about.network, state_dir) as machine:
        observed = machine.observe(engine.expected(saved))
    status = engine.status(engine.recover(saved, observed), observed)
    return {decoy.name: decoy.state for decoy in status.decoys}
