"""``decnet os``: list, show."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from decnet.cli.options import json_option
from decnet.errors import UsageError

if TYPE_CHECKING:
    from decnet.catalog import Catalog, Os


@click.group("os", epilog="Example: decnet os list && decnet os show windows10")
def command() -> None:
    """The operating systems that a decoy's packets can be those of: shipped, of this machine, and in ./profiles."""


@command.command("list", epilog="Example: decnet os list")
@json_option
def list_all(as_json: bool) -> None:
    """List every profile with its further names and what a scan has to print of it."""
    from decnet.cli.output import print_json, table

    known = [one for _, one in sorted(_catalog().oses.items())]
    if as_json:
        import msgspec

        rows = [_record(one) for one in known]
        print_json(msgspec.json.encode({"format_version": 1, "oses": rows}))
        return
    table(
        ("NAME", "FAMILY", "TITLE", "ALSO", "NMAP"),
        [(one.name, one.family, one.title, ", ".join(one.aliases), one.nmap_label) for one in known],
    )


@command.command("show", epilog="Example: decnet os show freebsd")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one profile with everything it is based on, as a file of profiles/os would say it."""
    from decnet.cli.output import print_json

    one = _named(_catalog(), name)
    sections = _sections(one)
    if as_json:
        import msgspec

        print_json(msgspec.json.encode({"format_version": 1, **_record(one), "sections": sections}))
        return
    for section, keys in sections.items():
        click.echo(f"[{section}]")
        for key, value in keys.items():
            click.echo(f"{key} = {value}")
        click.echo()


def _catalog() -> Catalog:
    from decnet.catalog import load

    return load([Path("profiles")])


def _named(catalog: Catalog, name: str) -> Os:
    """The profile of a name or alias. Raises `UsageError`."""
    from decnet.ini import did_you_mean

    found = catalog.os_aliases.get(name.lower(), name.lower())
    if found not in catalog.oses:
        raise UsageError(
            f'unknown os "{name}"', hint=did_you_mean(name, (*catalog.oses, *catalog.os_aliases))
        )
    return catalog.oses[found]


def _record(one: Os) -> dict[str, object]:
    return {
        "name": one.name,
        "family": one.family,
        "title": one.title,
        "aliases": one.aliases,
        "nmap_label": one.nmap_label,
        "p0f_label": one.p0f_label,
    }


def _sections(one: Os) -> dict[str, dict[str, str]]:
    """Sections of the file that would say all this."""
    from decnet.ini.schema import written

    head = ("title", "family", "aliases", "vendors", "nmap_label", "p0f_label")
    found = {"os": {key: written(getattr(one, key)) for key in head if getattr(one, key)}}
    for section in dataclasses.fields(one.personality):
        keys = getattr(one.personality, section.name)
        found[section.name] = {
            field.name: "none" if value is None else written(value)
            for field in dataclasses.fields(keys)
            if (value := getattr(keys, field.name)) is not None or field.name == "wscale"
        }
    return {**found, "sysctls": dict(one.sysctls)}
