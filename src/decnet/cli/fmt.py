"""``decnet fmt``."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import click

from decnet.errors import UsageError


@click.command("fmt", epilog="Example: decnet fmt --check *.ini")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file would change.")
@click.option("--diff", "show_diff", is_flag=True, help="Write nothing; print what would change.")
def command(files: tuple[Path, ...], check: bool, show_diff: bool) -> None:
    """Bring files into the canonical layout. Comments stay, values stay, the meaning stays."""
    from decnet.ini.fmt import format_text
    from decnet.ini.names import visible

    changed = 0
    for file in files:
        text = _read(file)
        formatted = format_text(text, str(file))
        if formatted == text:
            continue
        changed += 1
        if show_diff:
            _print_diff(file, text, formatted)
        elif check:
            click.echo(f"would change {visible(str(file))}")
        else:
            _replace(file, formatted)
            click.echo(f"changed {visible(str(file))}")
    if check and changed:
        raise SystemExit(1)


def _read(file: Path) -> str:
    from decnet.errors import InvalidInput, Span
    from decnet.ini.reading import Unreadable, read_text

    try:
        return read_text(file, Span(str(file), 0))
    except Unreadable as error:
        raise InvalidInput((error.problem,)) from None


def _print_diff(file: Path, before: str, after: str) -> None:
    import difflib

    from decnet.ini.names import visible

    name = visible(str(file))
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), name, f"{name} (formatted)")
    click.echo("".join(lines), nl=False)


def _replace(file: Path, text: str) -> None:
    """Write beside and rename: a file is never half written."""
    target = file.resolve()
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
                out.write(text)
            Path(name).chmod(stat.S_IMODE(target.stat().st_mode))
            Path(name).replace(target)
        except BaseException:  # whatever ends this, no half-written file stays; raised again
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None
