"""``decnet schema``."""

from __future__ import annotations

import click

from decnet.cli.options import json_option


@click.command("schema", epilog="Example: decnet schema --json | jq '.sections[].name'")
@json_option
def command(as_json: bool) -> None:
    """Describe every section and key: what the documentation and editors are made from."""
    from decnet.cli.output import print_json
    from decnet.spec.describe import sections

    known = sections()
    if as_json:
        import msgspec

        print_json(msgspec.json.encode({"format_version": 1, "sections": known}))
        return
    for section in known:
        click.echo(f"[{section.name}]  {section.help}")
        for key in section.keys:
            default = f" (default {key.default})" if key.default else ""
            click.echo(f"  {key.name:18} {key.type:24} {key.help}{default}")
        click.echo()
