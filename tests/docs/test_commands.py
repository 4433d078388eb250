import re
import shlex

import click
import pytest

from decnet.cli.app import app
from tests.docs.pages import pages

_WORD = re.compile(r"(?:^|(?<=[\s(/\"]))decnet(?=\s)")
_PLACEHOLDER = "COMMAND"


def commands(text: str) -> list[list[str]]:
    """The arguments of every ``decnet …`` in a line of shell; comments and what follows a pipe are left out."""
    found = []
    for match in _WORD.finditer(text):
        call = re.split(r"[|;)]|&&|\s#\s", text[match.end() :])[0]
        words = shlex.split(call)
        if words and words[0] != _PLACEHOLDER:
            found.append([word for word in words if word != "…"])
    return found


def parse(arguments: list[str]) -> None:
    """What the command line does before it runs a command. Raises `click.UsageError`."""
    context = app.make_context("decnet", list(arguments), resilient_parsing=False)
    name, command, rest = app.resolve_command(context, [*context._protected_args, *context.args])
    assert command is not None
    command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_command_in_a_block_parses(page):
    for block in page.blocks("sh"):
        for line in block.splitlines():
            for arguments in commands(line):
                try:
                    parse(arguments)
                except click.exceptions.Exit:
                    pass  # --help, --version
                except click.UsageError as error:
                    pytest.fail(f"{page.name}: decnet {shlex.join(arguments)}: {error.format_message()}")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_command_in_a_line_has_options_that_exist(page):
    """Within a sentence an argument may be left out: ``decnet plan --json``."""
    for span in page.spans():
        for arguments in commands(span):
            try:
                parse(arguments)
            except (click.exceptions.Exit, click.MissingParameter):
                pass
            except click.UsageError as error:
                pytest.fail(f"{page.name}: decnet {shlex.join(arguments)}: {error.format_message()}")


def test_the_check_can_fail():
    for wrong in (
        ["aply", "x.ini"],
        ["plan", "--no-such", "x.ini"],
        ["apply", "--parallelism", "0", "x.ini"],
    ):
        with pytest.raises(click.UsageError):
            parse(wrong)
