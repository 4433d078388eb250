"""Finding and running commands: functions, builtins, our programs, and files that attackers brought."""

from __future__ import annotations

import asyncio
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable

from decnet.services.shell import syntax
from decnet.services.shell.expand import decode
from decnet.services.shell.filesystem import Credentials
from decnet.services.shell.limits import MAX_CALLS, Exhausted
from decnet.services.shell.redirect import ShellStreams
from decnet.services.shell.run import BUILTINS, PROGRAMS, Command, Run

MAX_ARGUMENTS = 2 << 20
"""Bytes of a program's arguments (execve(2), E2BIG)."""
BASH_ONLY = frozenset(("declare", "shopt", "typeset", "pushd", "popd", "dirs"))


class Leave(Exception):  # noqa: N818 (control flow)
    """``break``, ``continue``, ``return``, ``exit``."""

    def __init__(self, kind: str, value: int) -> None:
        super().__init__(kind)
        self.kind = kind
        self.value = value


class Launcher(ShellStreams, ABC):
    """Runs a command by its words."""

    @abstractmethod
    async def command(self, command: syntax.Command) -> int:
        """Run one command of any kind; its status."""

    @abstractmethod
    async def script(self, text: str) -> int:
        """Run a script line by line."""

    @abstractmethod
    async def guarded(self, work: Awaitable[int]) -> int:
        """The status of a subshell's work."""

    @abstractmethod
    def process(self, words: list[str], *, builtin: bool = False) -> Run:
        """What a command is given."""

    @abstractmethod
    def child(self) -> Launcher:
        """A subshell."""

    async def invoke(self, words: list[str]) -> int:
        """Run a command by its words: function, builtin, program."""
        name = words[0]
        function = self.env.functions.get(name)
        if function is not None:
            return await self.call(function, words)
        builtin = BUILTINS.get(name)
        if builtin is not None and not (self.ash and name in BASH_ONLY):
            return await self._guard(self.process(words, builtin=True), builtin)
        return await self.program(words)

    async def call(self, body: syntax.Command, words: list[str]) -> int:
        """Run a function."""
        env = self.env
        env.calls += 1
        if env.calls > MAX_CALLS:
            env.calls = 0
            raise Exhausted("Segmentation fault", 139)
        saved = env.positional
        env.positional = words[1:]
        env.scopes.append({})
        try:
            return await self.command(body)
        except Leave as leave:
            if leave.kind != "return":
                raise
            return leave.value
        finally:
            env.calls = max(0, env.calls - 1)
            env.positional = saved
            env.leave()

    async def program(self, words: list[str], *, path: str = "") -> int:
        """Run a program found in PATH or at a path."""
        name = words[0]
        if sum(len(word) for word in words) > MAX_ARGUMENTS:
            await self.error(f"{path or name}: Argument list too long")
            return 126
        found = path or self.find(name)
        if not found:
            return await self._missing(name)
        return await self.execute(found, words)

    async def _missing(self, name: str) -> int:
        if "/" in name:
            await self.error(f"{name}: No such file or directory" if not self.ash else f"{name}: not found")
        else:
            shown = (
                name
                if self.ash or name.isprintable()
                else "$'" + name.encode("unicode_escape").decode().replace("\\udc", "\\x") + "'"
            )
            await self.error(f"{shown}: not found" if self.ash else f"{shown}: command not found")
        return 127

    def find(self, name: str) -> str:
        """Where a program is: the path itself, or the first hit in PATH; empty when there is none."""
        fs, who = self.machine.fs, self.env.who
        if "/" in name:
            path = self.path(name)
            return path if fs.exists(who, path) else ""
        if not name:
            return ""
        for folder in (self.env.get("PATH") or "").split(":")[:64]:
            path = self.path(f"{folder or '.'}/{name}")
            if fs.access(who, path, 1) and not fs.lookup(who, path).is_dir:
                return path
        return ""

    async def execute(self, path: str, words: list[str]) -> int:
        """Run the file at a path as the kernel would."""
        fs, who = self.machine.fs, self.env.who
        shown = words[0] if "/" in words[0] else path
        node = fs.lookup(who, path)
        if node.is_dir:
            await self.error(f"{shown}: Is a directory" if not self.ash else f"{shown}: Permission denied")
            return 126
        if not fs.access(who, path, 1):
            await self.error(f"{shown}: Permission denied")
            return 126
        name = path.rpartition("/")[2]
        if node.data is None and node.is_file:
            real = fs.real(who, path).rpartition("/")[2]
            program = PROGRAMS.get(name) or PROGRAMS.get(real)
            if program is not None:
                return await self._guard(self.process([name, *words[1:]]), program)
            return 0
        return await self._foreign(path, shown, words)

    async def _foreign(self, path: str, shown: str, words: list[str]) -> int:
        """A file that was brought here: a script is interpreted by us, anything else starts and goes away."""
        content = (
            self.machine.fs.read(self.machine_root, path) if self.env.who.uid == 0 else self._readable(path)
        )
        self.session.note_execution(path)
        if content.startswith(b"\x7fELF"):
            await asyncio.sleep(0.05)
            return 0
        if b"\0" in content[:128]:
            await self.error(f"{shown}: cannot execute binary file: Exec format error")
            return 126
        text = decode(content)
        match = re.match(r"#!\s*(\S+)(?:\s+(\S+))?", text)
        if match:
            interpreter = match[1].rpartition("/")[2]
            if interpreter == "env" and match[2]:
                interpreter = match[2]
            if not self.find(match[1]):
                await self.error(
                    f"{shown}: {match[1]}: bad interpreter: No such file or directory"
                    if not self.ash
                    else f"{shown}: not found"
                )
                return 126 if not self.ash else 127
            if interpreter not in ("sh", "bash", "dash", "ash"):
                return await self.invoke([interpreter, path, *words[1:]])
        return await self.run_file(text, shown, words[1:])

    @property
    def machine_root(self) -> Credentials:
        """Root's credentials."""
        return self.machine.credentials("root")

    def _readable(self, path: str) -> bytes:
        try:
            return self.machine.fs.read(self.env.who, path)
        except OSError:
            return b""

    async def run_file(self, text: str, name: str, arguments: list[str]) -> int:
        """Run a script as a shell process of its own."""
        child = self.child()
        child.env.name = name
        child.script_name = name
        child.command_string = False
        child.env.positional = arguments
        child.env.functions = {}
        child.env.options = set()
        child.env.variables = {k: v for k, v in child.env.variables.items() if v.exported}
        status = await child.guarded(child.script(text))
        return await child.trapped(status)

    async def trapped(self, status: int) -> int:
        """The EXIT trap, if there is one."""
        action = self.env.traps.pop("EXIT", "")
        if action:
            self.env.status = status
            await self.guarded(self.script(action))
        return status

    async def _guard(self, run: Run, command: Command) -> int:
        """Run one of our commands: what the real one would die of becomes its status."""
        try:
            return int(await command(run)) & 255
        except BrokenPipeError:
            if run.builtin:
                raise
            return 141
        except OSError as problem:
            reason = os.strerror(problem.errno) if problem.errno else "Input/output error"
            where = f"{problem.filename}: " if problem.filename else ""
            await run.complain(f"{where}{reason}")
            return 1
