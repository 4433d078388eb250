"""``decnet events export`` and ``decnet events prune``: what is in the store goes out, or away."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from decnet.cli.filters import filter_options
from decnet.cli.options import DURATION, SIZE, json_option, state_option, target_argument
from decnet.errors import DecnetError, UsageError

KEEP = "DECNET_KEEP"
KEEP_SIZE = "DECNET_KEEP_SIZE"


@click.command(
    "export",
    epilog="Example: decnet events export office --since 7d --type auth.attempt --format csv -o week.csv",
)
@target_argument(required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="JSON lines as in the log, or CSV with a head.",
)
@click.option(
    "-o",
    "--output",
    default="-",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Where to: a new file that only you may read; stdout without it.",
)
@filter_options
@state_option
def export(target: str | None, form: str, output: str, state_dir: Path, **asked: Any) -> None:
    """Write events of the store, oldest first. Without a network, those of all.

    In CSV what a spreadsheet would take for a formula has a ' before it.
    """
    from decnet.cli.counting import counting
    from decnet.cli.filters import wanted
    from decnet.cli.interrupts import ended_as_interrupted
    from decnet.cli.pipeline import name_of
    from decnet.events.store import get_repository
    from decnet.events.store.export import Format, write

    chosen = wanted(name_of(target) if target else None, asked)
    with get_repository(state_dir) as store, ended_as_interrupted(), _written(output) as put:
        low, high = store.span()
        with counting("exporting", high - low + 1, shown=output != "-") as advance:

            def seen() -> Iterator[Any]:
                last = low - 1
                for one in store.every(chosen):
                    advance(one.seq - last)
                    last = one.seq
                    yield one

            count = write(seen(), Format(form), put)
    click.echo(f"{count} events", err=True)


@contextmanager
def _written(output: str) -> Iterator[Callable[[bytes], object]]:
    """Where bytes go. A file is there when all is in it, and not before."""
    if output == "-":
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    fresh = path.with_name(f".{path.name}.new")
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already", hint="name another file, or remove it")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file.write
            os.link(fresh, path, follow_symlinks=False)
        finally:
            fresh.unlink(missing_ok=True)
    except FileExistsError:
        raise UsageError(f"{path} is there already", hint="name another file, or remove it") from None
    except OSError as error:
        raise DecnetError(f"cannot write {path}: {error.strerror}") from None


@click.command("prune", epilog="Example: decnet events prune --older-than 90d --larger-than 2G --dry-run")
@click.option(
    "--older-than",
    type=DURATION,
    metavar="AGE",
    envvar=KEEP,
    help="What is older goes: 90d, 12h.",
)
@click.option(
    "--larger-than",
    type=SIZE,
    metavar="SIZE",
    envvar=KEEP_SIZE,
    help="The oldest goes until the store is about this large: 2G, 500M.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
@json_option
@state_option
def prune(
    older_than: int | None, larger_than: int | None, dry_run: bool, as_json: bool, state_dir: Path
) -> None:
    """Take old events out of the store, with the sessions, sources, credentials and artifacts that only they are of.

    The log is not touched: its files go by themselves.
    """
    import msgspec

    from decnet.cli.counting import counting
    from decnet.cli.interrupts import ended_as_interrupted
    from decnet.cli.output import print_json
    from decnet.events.store import get_repository, stamp

    if older_than is None and larger_than is None:
        raise UsageError("say what goes", hint="--older-than 90d, --larger-than 2G, or both")
    with (
        get_repository(state_dir, writing=not dry_run, make=False) as store,
        ended_as_interrupted(),
        counting("pruning", None, shown=not as_json) as advance,
    ):
        last = 0

        def watch(done: int, total: int) -> None:
            nonlocal last
            advance(done - last, total)
            last = done

        gone = store.prune(limits(older_than, larger_than), watch, dry_run=dry_run)
    if not dry_run:
        remove_artifacts(state_dir / "events", gone.artifacts)
    if as_json:
        print_json(msgspec.json.encode({"format_version": 1, "dry_run": dry_run, **gone.record()}))
        return
    if not gone.before:
        click.echo(f"nothing to prune: {_megabytes(gone.size_before)} in {store.where}")
        return
    words = "would go" if dry_run else "gone"
    click.echo(
        f"{words}: {gone.events} events from before {stamp(gone.before)[:19]}Z, {gone.sessions} sessions, "
        f"{gone.attackers} sources, {gone.credentials} credentials, {len(gone.artifacts)} artifacts"
    )
    if not dry_run:
        click.echo(f"{store.where}: {_megabytes(gone.size_before)} before, {_megabytes(gone.size_after)} now")


def limits(older_than: int | None, larger_than: int | None) -> Any:
    """What is kept, as of now."""
    from datetime import UTC, datetime

    from decnet.events.store import Limits, micros_of

    now = micros_of(datetime.now(UTC))
    return Limits(None if older_than is None else now - older_than * 1_000_000, larger_than)


def remove_artifacts(events: Path, digests: tuple[str, ...]) -> None:
    """Remove the files of artifacts from the folders of all networks' events."""
    from decnet.events.store.artifacts import Cabinet

    if not digests or not events.is_dir():
        return
    for folder in events.iterdir():
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # no folder, or not ours: nothing of ours is in it
            continue
        cabinet = Cabinet(handle)
        cabinet.remove(digests)
        cabinet.close()
        os.close(handle)


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MB"
