"""What a shell offers for a word that is being written: names of networks, decoys, groups and distros."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from decnet.errors import DecnetError


def networks(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Networks that were applied here; without one that fits, files."""
    from decnet import state

    try:
        known = [about.network for about in state.networks(_state_dir(ctx))]
    except DecnetError:  # a shell has no place for an error
        known = []
    fitting = [CompletionItem(name) for name in known if name.startswith(incomplete)]
    return fitting or [CompletionItem(incomplete, type="file")]


def decoys(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Decoys and groups, for the last word of a list: those of the file that is named, and those applied here."""
    head, comma, word = incomplete.rpartition(",")
    try:
        names = sorted({*_declared(ctx.params.get("file")), *_applied(_state_dir(ctx))})
    except DecnetError:  # as above
        names = []
    return [CompletionItem(head + comma + name) for name in names if name.lower().startswith(word.lower())]


def distros(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Distros of the installed profiles and of this machine."""
    from decnet import catalog

    known = catalog.load().distros
    return [
        CompletionItem(name, help=known[name].title) for name in sorted(known) if name.startswith(incomplete)
    ]


def _state_dir(ctx: click.Context) -> Path:
    from decnet import state

    return state.directory(ctx.params.get("state_dir"))


def _declared(file: Any) -> Iterator[str]:
    if file is None:
        return
    from decnet import ini
    from decnet.cli.pipeline import network

    declared, _ = network(ini.load(Path(file), ""))
    for decoy in declared.decoys:
        yield from (decoy.name, decoy.group)


def _applied(state_dir: Path) -> Iterator[str]:
    from decnet import state
    from decnet.spec.resources import Decoy

    for about in state.networks(state_dir):
        for was in state.read(state_dir, about.network).resources.values():
            if isinstance(was.resource, Decoy):
                yield from filter(None, (was.resource.name, was.resource.group))
