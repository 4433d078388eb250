"""``decnet validate``."""

from __future__ import annotations

from pathlib import Path

import click

from decnet.cli.options import env_option, json_option
from decnet.errors import InvalidInput, Problem


@click.command("validate", epilog="Example: decnet validate --env prod network.ini")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@env_option
@json_option
def command(files: tuple[Path, ...], env: str, as_json: bool) -> None:
    """Check files: everything that is wrong, all at once. Needs no privilege and changes nothing."""
    from decnet import ini
    from decnet.cli.output import print_json, show_problems, show_warnings
    from decnet.cli.pipeline import build
    from decnet.ini.names import visible

    wrong: list[Problem] = []
    for file in files:
        try:
            built = build(ini.load(file, env))
        except InvalidInput as error:
            wrong += error.problems
            continue
        show_warnings(built.network.warnings, as_json=as_json)
        if as_json:
            wrong += built.network.warnings
        else:
            services = sum(len(decoy.services) + len(decoy.customs) for decoy in built.network.decoys)
            counts = f"{_counted(len(built.network.decoys), 'decoy')}, {_counted(services, 'service')}"
            click.echo(f"{visible(str(file))}: {counts}, no errors")
    if as_json:
        import msgspec

        from decnet.ini.problems import records

        print_json(msgspec.json.encode(records(wrong)))
    elif wrong:
        show_problems(wrong, as_json=False)
    if any(problem.severity == "error" for problem in wrong):
        raise SystemExit(InvalidInput.exit_code)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
