"""A command at work: its arguments, streams and machine; and the registers of commands by name."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from decnet.services.shell.filesystem import Credentials, FileSystem, Node, Stat
from decnet.services.shell.scanner import bytes_text, text_bytes
from decnet.services.shell.streams import CHUNK, Reader

if TYPE_CHECKING:
    from decnet.services.shell.environment import Environment
    from decnet.services.shell.interpreter import Interpreter
    from decnet.services.shell.machine import Machine
    from decnet.services.shell.session import Shell

MAX_INPUT = 4 << 20
"""Bytes that a command which needs all of its input takes of it."""


class UsageFault(Exception):  # noqa: N818 (the attacker's)
    """Options or operands that the command refuses; the text is what it says after its name."""

    def __init__(self, message: str, status: int = 1, *, hint: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.hint = hint


def why(problem: OSError) -> str:
    """The text of an error, as strerror(3) gives it."""
    return os.strerror(problem.errno or errno.EIO)


class Run:
    """What a command is given. ``args`` are without the name."""

    __slots__ = ("args", "builtin", "name", "shell")

    def __init__(self, shell: Interpreter, words: list[str], *, builtin: bool = False) -> None:
        self.shell = shell
        self.name = words[0]
        self.args = words[1:]
        self.builtin = builtin

    @property
    def machine(self) -> Machine:
        """The machine."""
        return self.shell.machine

    @property
    def session(self) -> Shell:
        """The session."""
        return self.shell.session

    @property
    def env(self) -> Environment:
        """The shell's state."""
        return self.shell.env

    @property
    def fs(self) -> FileSystem:
        """The machine's files."""
        return self.shell.machine.fs

    @property
    def who(self) -> Credentials:
        """Whose process this is."""
        return self.shell.env.who

    @property
    def stdin(self) -> Reader:
        """Standard input."""
        return self.shell.fds.reader(0)

    @property
    def busybox(self) -> bool:
        """Whether the tools are busybox's."""
        return self.shell.ash

    @property
    def on_terminal(self) -> bool:
        """Whether standard output is the session's terminal."""
        return self.session.tty and self.shell.fds.table.get(1) is self.session.terminal

    # Speaking

    async def write(self, data: bytes) -> None:
        """Bytes to standard output."""
        if data:
            await self.session.budget.spend(1 + len(data) // 512)
            await self.shell.fds.output(1).write(data)

    async def out(self, text: str) -> None:
        """Text to standard output."""
        await self.write(text_bytes(text))

    async def lines(self, lines: Iterable[str]) -> None:
        """Lines to standard output, some at a time."""
        block: list[str] = []
        size = 0
        for line in lines:
            block.append(line)
            size += len(line)
            if size > CHUNK or len(block) > 200:
                await self.out("\n".join(block) + "\n")
                block, size = [], 0
        if block:
            await self.out("\n".join(block) + "\n")

    async def err(self, text: str) -> None:
        """Text to standard error as it is."""
        await self.shell.write_error(text)

    async def complain(self, message: str, status: int = 1) -> int:
        """``name: message`` on standard error; gives the status."""
        voice = self.shell.voice() if self.builtin else ""
        await self.err(f"{voice}{self.name}: {message}\n")
        return status

    # Files

    def path(self, name: str) -> str:
        """A name as an absolute path."""
        return self.shell.path(name)

    def stat(self, name: str, *, follow: bool = True) -> Stat:
        """What is known of a file, by name."""
        return self.fs.stat(self.who, self.path(name), follow=follow)

    def node(self, name: str, *, follow: bool = True) -> Node:
        """The node by name; the error names what was asked for."""
        try:
            return self.fs.lookup(self.who, self.path(name), follow=follow)
        except OSError as problem:
            raise OSError(problem.errno, "", name) from None

    def reader(self, name: str) -> Reader:
        """A file to read, or standard input for ``-``."""
        return self.stdin if name == "-" else self.shell.source(self.path(name), name)

    async def all(self, reader: Reader, limit: int = MAX_INPUT) -> bytes:
        """Everything there is to read, up to a bound."""
        parts: list[bytes] = []
        size = 0
        while size < limit:
            data = await reader.read()
            if not data:
                break
            await self.session.budget.spend(1 + len(data) // 1024)
            parts.append(data)
            size += len(data)
        return b"".join(parts)

    async def inputs(self, names: list[str]) -> AsyncIterator[tuple[str, bytes]]:
        """The content of each file (standard input when none is named); what cannot be read is said and left out."""
        for name in names or ["-"]:
            try:
                yield name, await self.all(self.reader(name))
            except OSError as problem:
                await self.unreadable(name, problem)

    async def unreadable(self, name: str, problem: OSError) -> None:
        """Say that a file cannot be read."""
        shown = f"can't open '{name}'" if self.busybox else name
        await self.complain(f"{shown}: {why(problem)}")

    async def text_lines(self, names: list[str]) -> AsyncIterator[str]:
        """Lines of the files without their newlines."""
        async for _, data in self.inputs(names):
            for number, line in enumerate(split_lines(data)):
                if number % 64 == 0:
                    await self.session.budget.spend(8)
                yield line

    # Options

    def options(self, short: str, long: Iterable[str] = ()) -> tuple[dict[str, str], list[str]]:
        """getopt_long(3): ``short`` as in getopt, ``long`` names end in ``=`` when they take a value.

        Gives options (without dashes) with their values, and operands. Raises `UsageFault`.
        """
        found: dict[str, str] = {}
        operands: list[str] = []
        names = {name.rstrip("="): name.endswith("=") for name in long}
        rest = list(self.args)
        while rest:
            arg = rest.pop(0)
            if arg == "--":
                operands += rest
                break
            if arg.startswith("--"):
                self._long(arg[2:], names, rest, found)
            elif len(arg) > 1 and arg[0] == "-":
                self._short(arg[1:], short, rest, found)
            else:
                operands.append(arg)
        return found, operands

    def _long(self, arg: str, names: dict[str, bool], rest: list[str], found: dict[str, str]) -> None:
        name, equals, value = arg.partition("=")
        hits = [full for full in names if full.startswith(name)]
        full = name if name in names else hits[0] if len(hits) == 1 else ""
        if not full:
            raise UsageFault(f"unrecognized option '--{arg}'", hint=True)
        if names[full] and not equals:
            if not rest:
                raise UsageFault(f"option '--{full}' requires an argument", hint=True)
            value = rest.pop(0)
        found[full] = value

    def _short(self, letters: str, short: str, rest: list[str], found: dict[str, str]) -> None:
        while letters:
            letter, letters = letters[0], letters[1:]
            place = short.find(letter)
            if place < 0 or letter == ":":
                message = (
                    f"unrecognized option: {letter}" if self.busybox else f"invalid option -- '{letter}'"
                )
                raise UsageFault(message, hint=True)
            if short[place + 1 : place + 2] == ":":
                if not letters and not rest:
                    raise UsageFault(f"option requires an argument -- '{letter}'", hint=True)
                found[letter] = letters or rest.pop(0)
                return
            found[letter] = ""


Command = Callable[[Run], Awaitable[int]]
BUILTINS: dict[str, Command] = {}
PROGRAMS: dict[str, Command] = {}


def program(*names: str) -> Callable[[Command], Command]:
    """Register a program under its names. A `UsageFault` becomes its complaint and status."""

    def register(command: Command) -> Command:
        async def guarded(run: Run) -> int:
            try:
                return await command(run)
            except UsageFault as fault:
                await run.complain(str(fault))
                if fault.hint and not run.busybox:
                    await run.err(f"Try '{run.name} --help' for more information.\n")
                return fault.status

        for name in names:
            PROGRAMS[name] = guarded
        return guarded

    return register


def builtin(*names: str) -> Callable[[Command], Command]:
    """Register a builtin of the shell under its names."""

    def register(command: Command) -> Command:
        async def guarded(run: Run) -> int:
            try:
                return await command(run)
            except UsageFault as fault:
                return await run.complain(str(fault), fault.status)

        for name in names:
            BUILTINS[name] = guarded
        return guarded

    return register


def split_lines(data: bytes) -> list[str]:
    """Lines as text, without newlines."""
    lines = bytes_text(data).split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines
