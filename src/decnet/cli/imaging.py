"""What the commands of `decnet image` share: which images are meant, which must stay, and how progress is shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from decnet.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from decnet.catalog import Catalog
    from decnet.spec.recipe import Recipe
    from decnet.world.docker.images import Image, Progress, Tell


def recipes(file: Path | None, distros: tuple[str, ...], env: str, state_dir: Path) -> tuple[Recipe, ...]:
    """The images that are meant: those of a file's decoys, or those of distros. Raises `UsageError`, `InvalidInput`."""
    if bool(file) == bool(distros):
        raise UsageError(
            "say which images: a FILE, or --distro NAME" + (", not both" if file else ""),
            hint="decnet image build network.ini, or decnet image build --distro debian",
        )
    return _of_file(file, env, state_dir) if file else _of_distros(distros)


def _of_file(file: Path, env: str, state_dir: Path) -> tuple[Recipe, ...]:
    from decnet import catalog, ini, state
    from decnet.cli.output import show_warnings
    from decnet.cli.pipeline import network, overlays
    from decnet.render import Templates
    from decnet.render.images import PLAIN, guests, recipe, wanted
    from decnet.spec.build import network_name

    document = ini.load(file, env)
    saved = state.read(state_dir, network_name(document))
    declared, _ = network(document, saved)
    show_warnings(declared.warnings, as_json=False)
    plain = catalog.load(overlays(document.file, "profiles")).distros[PLAIN]
    needed = wanted(declared, plain)
    if not needed:
        click.echo(f"{declared.name} has no decoy that a container may carry: runtime is netns", err=True)
    elif not declared.seed and saved.identity is None:
        click.echo(
            f"{declared.name} has no seed and was never applied: distros that it draws will be others",
            err=True,
        )
    templates = Templates(overlays(document.file, "templates"))
    servers = guests(declared, plain).values()
    return (
        *(recipe(distro, templates) for distro in needed.values()),
        *(recipe(distro, templates, server=True) for distro in servers),
    )


def _of_distros(names: tuple[str, ...]) -> tuple[Recipe, ...]:
    from decnet import catalog, ini
    from decnet.render import Templates
    from decnet.render.images import recipe

    known = catalog.load().distros
    for name in names:
        if name not in known:
            raise UsageError(
                f'there is no distro "{name}"',
                hint=ini.did_you_mean(name, known, "see docs/reference/distros.md"),
            )
    templates = Templates()
    return tuple(recipe(known[name], templates) for name in dict.fromkeys(names))


def kept(files: tuple[Path, ...], env: str, state_dir: Path, *, recipes_too: bool) -> set[str]:
    """Tags and ids of images that must stay: those that a state has, those of ``files``, those of the profiles."""
    from decnet import catalog, state
    from decnet.spec import container, program
    from decnet.world import Custom, Decoy

    keep: set[str] = set()
    for about in state.networks(state_dir):
        saved = state.read(state_dir, about.network)
        for was in saved.resources.values():
            if isinstance(was.resource, Decoy) and was.resource.container in saved.contents:
                pinned = container.decode(saved.contents[was.resource.container])
                keep |= {pinned.tag, pinned.image_id}
            elif isinstance(was.resource, Custom) and was.resource.bundle in saved.contents:
                runs = program.decode(saved.contents[was.resource.bundle])
                keep |= {runs.image, runs.image_id}
    for file in files:
        keep |= {recipe.tag for recipe in _of_file(file, env, state_dir)}
    return keep | (_current(catalog.load()) if recipes_too else set())


def _current(profiles: Catalog) -> set[str]:
    from decnet.render import Templates
    from decnet.render.images import recipe

    templates = Templates()
    return {recipe(distro, templates).tag for distro in profiles.distros.values() if distro.image}


def record(image: Image, **more: object) -> dict[str, Any]:
    """An image for machines."""
    return {
        "tag": image.tag,
        "id": image.id,
        "distro": image.distro,
        "base": image.base,
        "size": image.size,
        "created": image.created.isoformat(),
        **more,
    }


def megabytes(size: int) -> str:
    """As the docker command says it: powers of ten."""
    return f"{size / 1e6:.0f} MB"


@contextmanager
def telling(label: str, *, as_json: bool, in_bytes: bool = False) -> Iterator[Tell]:
    """A `Tell`: a bar on a terminal, a line per step elsewhere, nothing beside JSON."""
    from decnet.world.docker.images import silent

    if as_json:
        yield silent
    elif sys.stderr.isatty():
        with _bar(label, in_bytes=in_bytes) as tell:
            yield tell
    elif in_bytes:
        click.echo(f"{label} …", err=True)
        yield silent
    else:
        yield lambda step: click.echo(f"{label} {step.done}/{step.total}: {_short(step.text)}", err=True)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"


_SHOWN = 60


@contextmanager
def _bar(label: str, *, in_bytes: bool) -> Iterator[Tell]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    count: ProgressColumn = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), count)
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)

        def tell(step: Progress) -> None:
            bar.update(task, completed=step.done, total=step.total or None)

        yield tell
