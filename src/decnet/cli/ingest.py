"""``decnet ingest``."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from decnet.cli.options import DURATION, SIZE, json_option, state_option, target_argument
from decnet.cli.storing import KEEP, KEEP_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from decnet.events.store import Intake, Repository

_PRUNE_SECONDS = 600.0


@click.command("ingest", epilog="Example: decnet ingest office --follow --keep 90d")
@target_argument(required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option(
    "--keep",
    type=DURATION,
    metavar="AGE",
    envvar=KEEP,
    help="With --follow: prune what is older, 90d or 12h, every ten minutes.",
)
@click.option(
    "--keep-size",
    type=SIZE,
    metavar="SIZE",
    envvar=KEEP_SIZE,
    help="With --follow: prune the oldest beyond this size, 2G or 500M.",
)
@json_option
@state_option
def command(
    target: str | None, follow: bool, keep: int | None, keep_size: int | None, as_json: bool, state_dir: Path
) -> None:
    """Take a network's log into the event store: SQLite in the state folder, or the database in DECNET_DB_URL.

    It goes on where the store says it was, so it may be ended, killed and run again at any time: each event is in
    once. As root it gives up its privileges before it reads the log.
    """
    import msgspec

    from decnet.cli.counting import counting
    from decnet.cli.interrupts import interruptible
    from decnet.cli.output import print_json
    from decnet.cli.pipeline import the_network
    from decnet.events.store import Intake, Source, get_repository

    name = the_network(target, state_dir)
    folder = _folder(state_dir, name)
    with get_repository(state_dir, writing=True) as store:
        source = Source(socket.gethostname(), name)
        _give_up_privileges(store, source, name)
        with (
            interruptible() as stop,
            counting("taking in", None, shown=not follow and not as_json) as advance,
        ):
            intake = Intake(store, folder, source, stop, _tell, advance)
            if follow:
                intake.beat = _retention(intake, keep, keep_size)
            recap = intake.follow() if follow else intake.once()
    if as_json:
        counts = {"new": recap.new, "known": recap.known, "refused": recap.refused}
        print_json(msgspec.json.encode({"format_version": 1, "network": name, **counts}))
        return
    more = f", {recap.known} were there already" if recap.known else ""
    more += f", {recap.refused} lines are no events" if recap.refused else ""
    click.echo(f"{recap.new} events taken in{more}")


def _folder(state_dir: Path, name: str) -> int:
    """The folder of the log, open. Raises `UsageError`."""
    from decnet.cli.pipeline import events_dir
    from decnet.errors import UsageError

    path = events_dir(state_dir, name)
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UsageError(f"{name} has no events here ({path})", hint="decnet apply FILE") from None
    except OSError as error:
        hint = "the events are for root: sudo decnet ingest"
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=hint) from None


def _give_up_privileges(store: Repository, source: object, name: str) -> None:
    """What is read from here on was written by processes that serve attackers, so it is read as their user.

    The file of a SQLite store is open already: nothing has to be reached by its path any more.
    """
    import gc

    from decnet.decoy.privileges import drop
    from decnet.events.store import Source
    from decnet.world import names

    if isinstance(source, Source):
        store.place(source)  # whatever is loaded late is loaded by now
    gc.freeze()
    gc.set_threshold(100_000)  # a batch makes many values and no cycles
    if os.geteuid() == 0:
        drop(names.uid(name))


def _retention(intake: Intake, keep: int | None, keep_size: int | None) -> Callable[[], None]:
    """What prunes now and then, where limits are given."""
    import time

    from decnet.cli.storing import limits
    from decnet.events.store.artifacts import Cabinet

    due = time.monotonic()

    def prune() -> None:
        nonlocal due
        if (keep is None and keep_size is None) or time.monotonic() < due:
            return
        due = time.monotonic() + _PRUNE_SECONDS
        gone = intake.repository.prune(limits(keep, keep_size))
        cabinet = Cabinet(intake.folder)
        cabinet.remove(gone.artifacts)
        cabinet.close()
        if gone.events:
            _tell(f"{gone.events} events pruned")

    return prune


def _tell(words: str) -> None:
    click.echo(f"ingest: {words}", err=True)
