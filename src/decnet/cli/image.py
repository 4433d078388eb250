"""``decnet image``: build, ls, prune, save, load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from decnet.cli.options import env_option, json_option, state_option
from decnet.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])


@click.group("image", epilog="Example: decnet image build network.ini && decnet image ls")
def command() -> None:
    """The images that containers of decoys are made of: a distro's file system, and nothing of ours.

    A tag is the hash of what an image is made of, so an image is built once, and again only when its profile or its
    templates change. Nothing is fetched: the base image must be on the engine already.
    """


def _chosen(function: F) -> F:
    """FILE or ``--distro``: which images are meant."""
    for option in (
        click.option(
            "--distro",
            "distros",
            multiple=True,
            metavar="NAME",
            shell_complete=_distros,
            help="Of this distro, in place of FILE; may be repeated.",
        ),
        click.argument("file", required=False, type=click.Path(path_type=Path)),
    ):
        function = option(function)
    return function


def _distros(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from decnet.cli.completing import distros

    return distros(ctx, parameter, incomplete)


@command.command("build", epilog="Example: decnet image build --distro debian --distro alpine")
@_chosen
@click.option("--force", is_flag=True, help="Also what is there already, from its base as that is now.")
@click.option(
    "--network",
    default="none",
    show_default=True,
    metavar="NAME",
    help="Docker network of the steps, for templates of your own that install something.",
)
@env_option
@json_option
@state_option
def build(
    file: Path | None,
    distros: tuple[str, ...],
    force: bool,
    network: str,
    env: str,
    as_json: bool,
    state_dir: Path,
) -> None:
    """Build the images that the decoys of FILE need in containers, or those of distros."""
    import msgspec

    from decnet.cli.imaging import megabytes, recipes, record, telling
    from decnet.cli.interrupts import ended_as_interrupted
    from decnet.cli.output import print_json
    from decnet.world.docker import images
    from decnet.world.docker.engine import Engine

    made = recipes(file, distros, env, state_dir)
    built = []
    with Engine() as engine, ended_as_interrupted():
        there = {} if force else images.find(engine, [recipe.tag for recipe in made])
        images.check_bases(engine, [recipe for recipe in made if recipe.tag not in there])
        for recipe in made:
            with telling(f"building {recipe.distro}", as_json=as_json) as tell:
                image = images.build(engine, recipe, tell, force=force, network=network)
            fresh = recipe.tag not in there
            built.append(record(image, built=fresh))
            if not as_json:
                state = "built" if fresh else "is there already"
                click.echo(f"{image.tag}  {state}, {megabytes(image.size)}")
    if as_json:
        print_json(msgspec.json.encode({"format_version": 1, "images": built}))


@command.command("ls", epilog="Example: decnet image ls --json | jq '.images[].tag'")
@json_option
def ls(as_json: bool) -> None:
    """List the images that decnet built here, and how many containers are made of each."""
    from datetime import UTC, datetime

    import msgspec

    from decnet.cli.imaging import megabytes, record
    from decnet.cli.output import print_json, table
    from decnet.world.docker import images
    from decnet.world.docker.engine import Engine

    with Engine() as engine:
        known, used = images.every(engine), images.users(engine)
    if as_json:
        listed = [record(image, containers=used.get(image.id, 0)) for image in known]
        print_json(msgspec.json.encode({"format_version": 1, "images": listed}))
    elif known:
        now = datetime.now(UTC)
        rows = (
            (
                image.tag or image.id[:19],
                image.distro,
                megabytes(image.size),
                _age((now - image.created).total_seconds()),
                str(used.get(image.id, 0)),
            )
            for image in known
        )
        table(("IMAGE", "DISTRO", "SIZE", "AGE", "CONTAINERS"), rows)
    else:
        click.echo("no image was built here: decnet image build FILE", err=True)


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


@command.command("prune", epilog="Example: decnet image prune --dry-run")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE...]")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
@click.option(
    "--all", "everything", is_flag=True, help="Also those that the profiles of this version ask for."
)
@env_option
@json_option
@state_option
def prune(
    files: tuple[Path, ...],
    yes: bool,
    dry_run: bool,
    everything: bool,
    env: str,
    as_json: bool,
    state_dir: Path,
) -> None:
    """Remove images that decnet built and that nothing needs: no container, no applied network, no profile, no FILE."""
    import msgspec

    from decnet.cli.apply import agreed
    from decnet.cli.imaging import kept, megabytes, record
    from decnet.cli.output import print_json
    from decnet.world.docker import images
    from decnet.world.docker.engine import Engine

    keep = kept(files, env, state_dir, recipes_too=not everything)
    with Engine() as engine:
        gone = images.unused(engine, keep)
        if not as_json:
            for image in gone:
                click.echo(f"- {image.tag or image.id}  {image.distro}, {megabytes(image.size)}")
        if not gone and not as_json:
            click.echo("nothing to remove", err=True)
            return
        if not dry_run:
            if not agreed(yes or as_json, "Remove these images?"):
                return
            gone = images.prune(engine, keep)
    if as_json:
        removed = [record(image) for image in gone]
        print_json(msgspec.json.encode({"format_version": 1, "dry_run": dry_run, "images": removed}))
    elif not dry_run:
        click.echo(f"{len(gone)} image{'s' * (len(gone) != 1)} removed")


@command.command("save", epilog="Example: decnet image save network.ini -o images.tar")
@_chosen
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="ARCHIVE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write, as docker save does.",
)
@env_option
@json_option
@state_option
def save(
    file: Path | None, distros: tuple[str, ...], output: Path, env: str, as_json: bool, state_dir: Path
) -> None:
    """Write the images of FILE's decoys, or of distros, to a file that only you may read: for machines without a network."""
    import msgspec

    from decnet.cli.imaging import megabytes, recipes, telling
    from decnet.cli.interrupts import ended_as_interrupted
    from decnet.cli.output import print_json
    from decnet.world.docker import images
    from decnet.world.docker.engine import Engine

    if output.exists():
        raise UsageError(f"{output} is there already", hint="name another file: it is not overwritten")
    made = recipes(file, distros, env, state_dir)
    tags = [recipe.tag for recipe in made]
    if not tags:
        raise UsageError("there is nothing to save")
    with Engine() as engine, ended_as_interrupted():
        there = images.find(engine, tags)
        for recipe in made:
            if recipe.tag not in there:
                raise images.missing(recipe.tag, recipe.base, recipe.distro)
        with telling(f"saving to {output}", as_json=as_json, in_bytes=True) as tell:
            size = images.save(engine, tags, output, tell)
    if as_json:
        saved = {"format_version": 1, "archive": str(output), "size": size, "images": tags}
        print_json(msgspec.json.encode(saved))
        return
    for tag in tags:
        click.echo(tag)
    click.echo(f"{megabytes(size)} in {output}; there: decnet image load {output.name}", err=True)


@command.command("load", epilog="Example: decnet image load images.tar")
@click.argument("archive", type=click.Path(path_type=Path))
@json_option
def load(archive: Path, as_json: bool) -> None:
    """Bring the images of ARCHIVE to the engine: of `decnet image save`, or of `docker save`. Nothing in it is run."""
    import msgspec

    from decnet.cli.imaging import telling
    from decnet.cli.output import print_json
    from decnet.world.docker import images
    from decnet.world.docker.engine import Engine

    with Engine() as engine, telling(f"loading {archive}", as_json=as_json, in_bytes=True) as tell:
        loaded = images.load(engine, archive, tell)
    if as_json:
        print_json(msgspec.json.encode({"format_version": 1, "images": loaded}))
        return
    for name in loaded:
        click.echo(f"loaded {name}")
