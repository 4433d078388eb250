"""A shell session: what a login, an exec request or a telnet line talks to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from decnet.services.shell.capture import Capture
from decnet.services.shell.machine import Machine
from decnet.services.shell.streams import Input, Output


class Shell:
    """One session of one user on a machine; not to be used by two tasks at once."""

    def __init__(
        self,
        machine: Machine,
        user: str,
        *,
        env: Mapping[str, str] | None = None,
        cwd: str = "",
        interactive: bool = False,
        tty: bool = False,
        size: tuple[int, int] = (80, 24),
        record: Callable[[Capture], None] | None = None,
        echo: Callable[[bool], None] | None = None,
    ) -> None:
        self.machine = machine
        self.size = size
        self.exited: int | None = None

    async def run(self, text: str, stdin: Input, stdout: Output, stderr: Output) -> int:
        """Run a line or a script; gives its exit status. A cancellation stops it (Ctrl-C)."""
        return 0

    def prompt(self, *, continued: bool = False) -> str:
        """PS1, or PS2 when ``continued``."""
        return "> " if continued else "# "

    def incomplete(self, text: str) -> bool:
        """Whether the text needs another line."""
        return False

    def complete(self, text: str) -> list[str]:
        """What the word at the end of ``text`` can become."""
        return []

    def interrupt(self) -> None:
        """After Ctrl-C."""

    async def close(self) -> None:
        """The connection is gone."""
