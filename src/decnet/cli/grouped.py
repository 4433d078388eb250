"""A command that has commands of its own beside what it does by itself."""

from __future__ import annotations

from typing import Any

import click


class CommandWithMore(click.Group):
    """``decnet events NETWORK`` and ``decnet events export``: a first word that names a command is that command.

    A network of such a name is still reached by its file, or with ``--`` before it.
    """

    allow_interspersed_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave everything to the command that is named, or read all of it as this one's."""
        if args and args[0] in self.commands:
            ctx._protected_args, ctx.args = args[:1], args[1:]  # noqa: SLF001 (as click's own group does)
            for parameter in self.get_params(ctx):
                ctx.params.setdefault(str(parameter.name), None)
            return ctx.args
        return click.Command.parse_args(self, ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the one that is meant."""
        if not ctx._protected_args:  # noqa: SLF001 (as above)
            return click.Command.invoke(self, ctx)
        with ctx:
            name, command, rest = self.resolve_command(ctx, [*ctx._protected_args, *ctx.args])  # noqa: SLF001 (as above)
            if command is None:
                raise click.UsageError(f"No such command {name!r}.", ctx)
            # Beside this one and not below it: its usage has none of this one's arguments.
            with command.make_context(f"{ctx.info_name} {name}", rest, parent=ctx.parent) as own:
                return command.invoke(own)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Without the COMMAND of a group, which stands in a list of its own."""
        return click.Command.collect_usage_pieces(self, ctx)
