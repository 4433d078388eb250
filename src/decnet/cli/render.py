"""``decnet render``."""

from __future__ import annotations

from pathlib import Path

import click

from decnet.cli.options import env_option, file_argument, state_option
from decnet.errors import UsageError


@click.command("render", epilog="Example: decnet render network.ini -o review/")
@file_argument
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to.",
)
@env_option
@state_option
def command(file: Path, output: Path, env: str, state_dir: Path) -> None:
    """Write every decoy's bundle as files, for review: DECOY/SERVICE/… and its persona as JSON."""
    from decnet import ini, state
    from decnet.cli.output import show_warnings
    from decnet.cli.pipeline import build
    from decnet.spec.build import network_name

    document = ini.load(file, env)
    saved = state.read(state_dir, network_name(document))
    if saved.identity is None:
        click.echo("this network was never applied: keys and addresses are of a throwaway identity", err=True)
    built = build(document, saved)
    show_warnings(built.network.warnings, as_json=False)
    if output.exists() and any(output.iterdir()):
        raise UsageError(f"{output} is not empty", hint="name a new folder: what is there is not overwritten")
    count = 0
    for (decoy, service), bundle in built.bundles.items():
        count += _write(output / decoy / service, bundle.content)
    click.echo(f"{count} files of {len(built.network.decoys)} decoys in {output}")


def _write(folder: Path, content: bytes) -> int:
    import msgspec

    from decnet.decoy.protocol import ServiceBundle
    from decnet.services.neighbours import settle

    bundle = msgspec.json.decode(content, type=ServiceBundle)
    rendered = {"persona.json": msgspec.json.format(bundle.persona), **bundle.files}
    files = {path: settle(data, bundle.neighbours) for path, data in rendered.items()}
    try:
        for path, data in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.touch(mode=0o600)
            target.write_bytes(data)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}") from None
    return len(files)
