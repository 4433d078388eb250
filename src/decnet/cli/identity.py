"""``decnet identity export`` and ``decnet identity import``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from decnet.cli.apply import waiting
from decnet.cli.options import lock_option, state_option, target_argument
from decnet.errors import StateError, UsageError

if TYPE_CHECKING:
    from decnet.state import Effect, Snapshot


@click.group("identity", epilog="Example: sudo decnet identity export office -o office.identity")
def command() -> None:
    """Take the identity of a network to another machine, or into a safe.

    It is the secret that keys, certificates, MACs and uptimes are derived from. Whoever has it can make them.
    """


@command.command("export", epilog="Example: sudo decnet identity export office -o office.identity")
@target_argument(required=True)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where to; - is stdout.  [default: NAME.identity]",
)
@state_option
def export(target: str, output: Path | None, state_dir: Path) -> None:
    """Write the identity of a network to a file that only you may read."""
    from decnet import state
    from decnet.cli.pipeline import name_of
    from decnet.cli.plans import write
    from decnet.state import passport

    name = name_of(target)
    saved = state.read(state_dir, name)
    if saved.identity is None:
        raise UsageError(f"{name} was never applied here (state in {state_dir})", hint="decnet apply FILE")
    content = passport.encode(passport.of(saved))
    if output == Path("-"):
        sys.stdout.write(content.decode() + "\n")
        place = "what was printed"
    else:
        output = output or Path(f"{name}.identity")
        if output.exists():
            raise UsageError(f"{output} is there already", hint="name another file: it is not overwritten")
        write(output, content)
        place = str(output)
    click.echo(f"{place} is a secret: all private keys of {name} can be made from it", err=True)
    _tell_renamed(passport.of(saved).renamed)


@command.command("import", epilog="Example: sudo decnet identity import office.identity")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--name", default="", metavar="NAME", help="Of this network, not the one it was exported from.")
@lock_option
@state_option
def import_(file: Path, name: str, lock_timeout: float, state_dir: Path) -> None:
    """Give a network that is not applied here an identity: its first apply uses it.

    After `decnet adopt` it takes the place of the one that adopt made.
    """
    from decnet import state
    from decnet.cli.plans import read
    from decnet.state import passport

    content = sys.stdin.buffer.read(1 << 20) if file == Path("-") else read(file)
    brought = passport.decode(content, str(file))
    name = name or brought.network
    with state.lock(state_dir, name, "identity import", lock_timeout, waiting):
        saved = state.read(state_dir, name)
        if saved.identity and saved.identity.secret == brought.identity.secret:
            click.echo(f"{name} has this identity already", err=True)
            return
        if not saved.untouched:
            raise StateError(
                f"network {name} is applied with another identity",
                hint=f"its decoys would all change: decnet destroy {name} first, or --name another",
            )
        with state.store(state_dir, name) as store:
            store.introduce(saved.about, brought.identity)
            known = _first_names(saved, brought.renamed)
            store.finish(known)
    click.echo(f"{name} has the identity of {brought.network}, made {brought.identity.created:%Y-%m-%d}")
    names = {effect.id.owner for effect in known}
    _tell_renamed({new: old for new, old in brought.renamed.items() if new not in names})


def _first_names(saved: Snapshot, renamed: dict[str, str]) -> list[Effect]:
    """What was adopted gets the names that its identity is drawn from."""
    from decnet.spec.resources import Decoy
    from decnet.state import Effect

    return [
        Effect(0, id_, replace(was, resource=replace(was.resource, identity=renamed[was.resource.name])))
        for id_, was in saved.resources.items()
        if isinstance(was.resource, Decoy) and was.resource.name in renamed
    ]


def _tell_renamed(renamed: dict[str, str]) -> None:
    if renamed:
        pairs = ", ".join(f"[{new}] renamed_from = {old}" for new, old in sorted(renamed.items()))
        click.echo(f"elsewhere its file must say what the state knows here: {pairs}", err=True)
