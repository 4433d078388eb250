"""``decnet adopt``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from decnet.cli.apply import waiting
from decnet.cli.options import env_option, file_argument, json_option, lock_option, state_option
from decnet.errors import MissingCapability, StateError, UsageError

if TYPE_CHECKING:
    from decnet.engine import Adoption

_LOST = """\
The secret of the network was lost with its state, and a new one was made. Addresses and MACs stay as they are. Host
keys, certificates, drawn content and uptimes change with the next apply: see `decnet plan`. If you have the identity
(`decnet identity export` wrote it), do not apply: import it now, over the new one."""


@click.command("adopt", epilog="Example: sudo decnet adopt network.ini && sudo decnet plan network.ini")
@file_argument
@env_option
@json_option
@lock_option
@state_option
def command(file: Path, env: str, as_json: bool, lock_timeout: float, state_dir: Path) -> None:
    """Make the state of a network anew from what is on the machine, where the state was lost.

    What is there and is named as ours is written to the state as it was found; nothing on the machine is touched.
    Then `plan` shows what an apply would change. Import the network's identity first, if you have it.
    """
    from decnet import engine, ini, state
    from decnet.cli.output import show_warnings
    from decnet.cli.pipeline import build, declare, world
    from decnet.spec.build import network_name

    document = ini.load(file, env)
    name = network_name(document)
    with world(name, state_dir) as machine, state.lock(state_dir, name, "adopt", lock_timeout, waiting):
        before = state.read(state_dir, name)
        if before.resources or not before.untouched:
            raise StateError(
                f"network {name} has a state: there is nothing to adopt",
                hint="decnet plan shows what is not as it was applied",
            )
        built = build(document, before)
        show_warnings(built.network.warnings, as_json=as_json)
        desired = declare(built, before)
        settable = {key for system in built.profiles.oses.values() for key in system.sysctls}
        observed = machine.observe(engine.expected_to_adopt(desired, settable))
        if observed.unseen:
            raise MissingCapability(
                f"not seen: {', '.join(observed.unseen)}", hint="run as root: sudo decnet adopt …"
            )
        found = engine.adoption(desired, observed)
        if not found.effects:
            raise UsageError(f"nothing of {name} is on this machine", hint="decnet apply makes it")
        with state.store(state_dir, name) as store:
            store.introduce(desired.about, built.identity)
            store.finish(found.effects)
            store.end()
    _tell(name, found, fresh=not before.known, as_json=as_json)


def _tell(name: str, found: Adoption, *, fresh: bool, as_json: bool) -> None:
    from decnet.world import Kind

    if as_json:
        import msgspec

        from decnet.cli.output import print_json

        print_json(
            msgspec.json.encode(
                {
                    "format_version": 1,
                    "network": name,
                    "decoys": found.count(Kind.DECOY),
                    "services": found.count(Kind.SERVICE),
                    "lans": found.count(Kind.LAN),
                    "missing": found.missing,
                    "unknown": found.unknown,
                    "new_identity": fresh,
                }
            )
        )
        return
    counts = [
        f"{count} {word}{'s' * (count != 1)}"
        for word, kind in (("decoy", Kind.DECOY), ("LAN", Kind.LAN), ("service", Kind.SERVICE))
        if (count := found.count(kind))
    ]
    click.echo(f"adopted {', '.join(counts)} of {name}")
    for decoy in found.missing:
        click.echo(f"{decoy} is declared and is not there")
    for decoy in found.unknown:
        click.echo(f"{decoy} is there and is not declared: the next apply removes it")
    if fresh:
        click.echo(_LOST, err=True)
