"""The group of all commands. `--help` must not load what a command needs: names and summaries stand here."""

from __future__ import annotations

import importlib

import click

import decnet

COMMANDS = {
    "validate": "Check a file; change nothing, need nothing.",
    "plan": "Show what apply would change, and why.",
    "apply": "Make the world match the file.",
    "destroy": "Take down what decnet owns of a network.",
    "adopt": "Make a lost state anew from what is on the machine.",
    "reset": "Give decoys of high interaction a clean file system.",
    "status": "Show each decoy: up, down or drifted.",
    "events": "Show what visitors did.",
    "ingest": "Take the log into the event store.",
    "api": "Serve the event store to programs: read-only, over HTTP.",
    "diff": "Compare rendered files with the applied ones.",
    "show": "Show one decoy after inheritance, each value with its origin.",
    "graph": "Draw the topology as text, DOT or SVG.",
    "render": "Write every bundle as files, for review.",
    "fmt": "Bring a file into the canonical layout.",
    "os": "List and show the operating systems that decoys can be.",
    "verify": "Scan an applied network as a visitor would.",
    "schema": "Describe every section and key.",
    "supervise": "Keep an applied network as it was applied, in the foreground.",
    "unit": "Print a systemd unit that brings networks back after a reboot.",
    "image": "Build, list, prune, save and load the images of distros.",
    "identity": "Export and import what a network is recognised by.",
    "completion": "Print the shell completion script.",
}
HIDDEN = frozenset({"repair"})
"""What programs of ours run, not people."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS and cmd_name not in HIDDEN:
            return None
        command = importlib.import_module(f"decnet.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and args[0] not in HIDDEN and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: decnet plan network.ini && sudo decnet apply network.ini",
)
@click.version_option(decnet.__version__, "-V", "--version", prog_name="decnet")
def app() -> None:
    """Deploy a deception network from an INI file.

    `plan` shows what would change, `apply` makes the machine match the file, `destroy` takes it down again.
    """
