"""Where a shell process reads and writes: descriptors, redirections, and how its complaints begin."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from decnet.services.shell import syntax
from decnet.services.shell.devices import device_input
from decnet.services.shell.environment import Environment
from decnet.services.shell.expand import Expander, ExpansionFault
from decnet.services.shell.filesystem import OpenFile
from decnet.services.shell.scanner import text_bytes
from decnet.services.shell.streams import BytesInput, NullOutput, Output, Reader

if TYPE_CHECKING:
    from decnet.services.shell.machine import Machine
    from decnet.services.shell.session import Shell


@dataclass(frozen=True, slots=True)
class Fds:
    """Open file descriptors of a process: readers and outputs by number."""

    table: dict[int, Reader | Output]

    def reader(self, fd: int) -> Reader:
        """A descriptor to read from; one that is closed or for writing is at its end."""
        end = self.table.get(fd)
        return end if isinstance(end, Reader) else Reader(BytesInput())

    def output(self, fd: int) -> Output:
        """A descriptor to write to; one that is closed swallows."""
        end = self.table.get(fd)
        return end if end is not None and not isinstance(end, Reader) else NullOutput()


class FileOutput:
    """A file open for writing."""

    __slots__ = ("_file",)

    def __init__(self, file: OpenFile) -> None:
        self._file = file

    async def write(self, data: bytes) -> None:
        """Write all of it."""
        self._file.write(data)


class FileInput:
    """A file open for reading."""

    __slots__ = ("_file",)

    def __init__(self, file: OpenFile) -> None:
        self._file = file

    async def read(self, limit: int) -> bytes:
        """The next bytes."""
        return self._file.read(limit)


class FullOutput:
    """/dev/full."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def write(self, data: bytes) -> None:
        """Never takes anything."""
        raise OSError(errno.ENOSPC, f"{len(data)} bytes", "")


class ShellStreams:
    """The descriptors of a shell process, and what it says on them."""

    expander: Expander

    def __init__(self, session: Shell, env: Environment, fds: Fds) -> None:
        self.session = session
        self.machine: Machine = session.machine
        self.env = env
        self.fds = fds
        self.ash = self.machine.family.ash
        self.complaints: list[str] = []
        self.script_name = ""
        self.command_string = not session.interactive

    async def error(self, message: str, *, syntax: bool = False) -> None:
        """A complaint of the shell itself on its standard error."""
        voice = self.voice()
        if syntax and self.command_string and not self.ash:
            voice = voice.replace(": line", ": -c: line", 1)
        await self.write_error(f"{voice}{message}\n")

    async def write_error(self, text: str) -> None:
        """Bytes on standard error, whoever reads them."""
        try:
            await self.fds.output(2).write(text_bytes(text))
        except BrokenPipeError:
            return

    def complain(self, message: str) -> None:
        """A complaint from where nothing can be awaited: shown before the next command."""
        self.complaints.append(message)

    def voice(self) -> str:
        """How messages begin: ``-bash: ``, ``bash: line 3: ``, ``./x.sh: line 7: ``, ``-sh: ``."""
        name = self.script_name or self.env.name
        if self.session.interactive and not self.script_name:
            return f"{name}: "
        if self.ash and not self.script_name:
            return f"{name}: "
        return f"{name}: line {self.env.line}: "

    @asynccontextmanager
    async def redirected(self, redirects: tuple[syntax.Redirect, ...]) -> AsyncIterator[bool]:
        """Descriptors changed for the time of a command; gives whether that failed (and was said)."""
        if not redirects:
            yield False
            return
        saved = self.fds
        table = dict(saved.table)
        failed = False
        for redirect in redirects:
            try:
                await self._redirect(redirect, table)
            except OSError as problem:
                name = problem.filename or redirect.target.source
                reason = os.strerror(problem.errno) if problem.errno else str(problem)
                if self.ash:
                    create = "create" if ">" in redirect.op else "open"
                    reason = {
                        "No such file or directory": "nonexistent directory"
                        if create == "create"
                        else "no such file"
                    }.get(reason, reason)
                    await self.error(f"can't {create} {name}: {reason}")
                else:
                    await self.error(f"{name}: {reason}")
                failed = True
                break
        if not failed:
            self.fds = Fds(table)
        self.session.kept = None
        try:
            yield failed
        finally:
            self.fds = self.session.kept or saved
            self.session.kept = None

    async def _redirect(self, redirect: syntax.Redirect, table: dict[int, Reader | Output]) -> None:
        op = redirect.op
        if op == "<<":
            text = await self.expander.single(redirect.target)
            table[redirect.fd] = Reader(BytesInput(text_bytes(text)))
            return
        if op == "<<<":
            text = await self.expander.single(redirect.target)
            table[redirect.fd] = Reader(BytesInput(text_bytes(text + "\n")))
            return
        target = await self._target(redirect.target)
        if op in (">&", "<&"):
            if target == "-":
                table.pop(redirect.fd, None)
                return
            if not target.isdigit() or int(target) not in table:
                raise OSError(errno.EBADF, "", target)
            table[redirect.fd] = table[int(target)]
            return
        end = self.open(target, op, table)
        if redirect.fd == -1:
            table[1] = table[2] = end
        else:
            table[redirect.fd] = end

    async def _target(self, word: syntax.Word) -> str:
        fields = await self.expander.words((word,))
        if len(fields) != 1:
            raise ExpansionFault(f"{word.source}: ambiguous redirect", fatal=False)
        return fields[0]

    def open(self, name: str, op: str, table: dict[int, Reader | Output]) -> Reader | Output:
        """Open a redirection's file."""
        path = self.path(name)
        special = re.fullmatch(r"/dev/(?:fd/(\d+)|std(in|out|err))", path)
        if special:
            number = int(special[1]) if special[1] else ("in", "out", "err").index(special[2])
            if number in table:
                return table[number]
        if re.match(r"/dev/(tcp|udp)/", path):
            self.session.note_download("bash", path)
            raise OSError(errno.ETIMEDOUT, "", name)
        if op == "<":
            return self.source(path, name)
        flags = os.O_WRONLY | os.O_CREAT
        flags |= os.O_APPEND if op == ">>" else 0 if op == "<>" else os.O_TRUNC
        if (
            "C" in self.env.options
            and op == ">"
            and self.machine.fs.exists(self.env.who, path)
            and path != "/dev/null"
        ):
            raise OSError(errno.EEXIST, "", name)
        try:
            file = self.machine.fs.open(self.env.who, path, flags, 0o666 & ~self.env.umask)
        except OSError as problem:
            raise OSError(problem.errno, "", name) from None
        if file.node.is_file:
            return FileOutput(file)
        if path == "/dev/tty" and self.session.tty:
            return self.fds.output(1)
        return FullOutput(name) if path == "/dev/full" else NullOutput()

    def source(self, path: str, name: str) -> Reader:
        """Open a file or device to read. Raises `OSError` about ``name``."""
        opened = self.session.substituted.get(path)
        if opened is not None:
            return opened
        try:
            file = self.machine.fs.open(self.env.who, path, os.O_RDONLY)
        except OSError as problem:
            raise OSError(problem.errno, "", name) from None
        if file.node.is_dir or file.node.is_file:
            if file.node.is_dir:
                raise OSError(errno.EISDIR, "", name)
            if callable(file.node.data):
                return Reader(BytesInput(file.node.data()))
            return Reader(FileInput(file))
        if path == "/dev/tty" and self.session.tty:
            return self.fds.reader(0)
        return Reader(device_input(file.node, self.machine.draw))

    def path(self, name: str) -> str:
        """A name as an absolute path."""
        return name if name.startswith("/") else f"{self.env.cwd.rstrip('/')}/{name}"
