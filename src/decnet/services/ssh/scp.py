"""The far end of the old scp protocol: ``scp -t`` takes files, ``scp -f`` gives them (scp.c's sink and source)."""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple

from decnet.events import EventType
from decnet.services.shell.filesystem import Credentials, FileSystem, OpenFile
from decnet.services.shell.machine import Machine
from decnet.services.ssh.channel import Task
from decnet.services.ssh.sftp import report

LINE_LIMIT = 2048
CHUNK = 32 * 1024
DEPTH_LIMIT = 32
FILES_LIMIT = 2000
"""Files one recursive download gives."""
HEADER = re.compile(rb"([CD])([0-7]{4}) (\d{1,19}) (.+)", re.DOTALL)
TIMES = re.compile(rb"T(\d{1,19}) \d{1,6} \d{1,19} \d{1,6}")


class Options(NamedTuple):
    """The letters of the command, and the paths after them."""

    sink: bool
    recursive: bool
    preserve: bool
    directory: bool
    paths: tuple[str, ...]


class Refused(Exception):  # noqa: N818 (the peer said so)
    """The other side reported an error, or broke the protocol; ``message`` is told to it when not empty."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


def recognises(words: list[str]) -> bool:
    """Whether a command is scp's far end."""
    return words[:1] in (["scp"], ["/usr/bin/scp"]) and _options(words) is not None


def _options(words: list[str]) -> Options | None:
    letters, paths = "", []
    for position, word in enumerate(words[1:], 1):
        if word == "--":
            paths += words[position + 1 :]
            break
        if word.startswith("-") and not paths:
            letters += word[1:]
        else:
            paths.append(word)
    if not paths or ("t" in letters) == ("f" in letters):
        return None
    return Options("t" in letters, "r" in letters, "p" in letters, "d" in letters, tuple(paths))


async def serve(task: Task, machine: Machine, who: Credentials, words: list[str]) -> int:
    """Carry out the command; gives its exit status."""
    options = _options(words)
    if options is None:
        return 1
    transfer = Transfer(task, machine.fs, who, machine.user(who.name).home)
    try:
        await (transfer.sink(options) if options.sink else transfer.source(options))
    except Refused as refused:
        if refused.message:
            await task.output.write(b"\x01scp: " + refused.message.encode("utf-8", "surrogateescape") + b"\n")
        return 1
    except EOFError:
        return 1
    return int(transfer.failed)


class Transfer:
    """One run of scp."""

    def __init__(self, task: Task, fs: FileSystem, who: Credentials, home: str) -> None:
        self._task = task
        self._fs = fs
        self._who = who
        self._home = home
        self._given = 0
        self.failed = False

    # Taking files

    async def sink(self, options: Options) -> None:
        """Take what the client sends. Raises `Refused`, `EOFError`."""
        target = self._absolute(options.paths[0])
        is_dir = self._is_dir(target)
        if options.directory and not is_dir:
            raise Refused(f"{options.paths[0]}: Not a directory")
        await self._acknowledge()
        folders = [target]
        modified: int | None = None
        while (line := await self._record()) is not None:
            if line[:1] == b"\x02":
                raise Refused
            if line[:1] == b"\x01":
                self.failed = True
            elif line == b"E" and len(folders) > 1:
                folders.pop()
                await self._acknowledge()
            elif times := TIMES.fullmatch(line):
                modified = int(times[1])
                await self._acknowledge()
            elif header := HEADER.fullmatch(line):
                await self._take(header, options, folders, modified)
                modified = None
            else:
                raise Refused("protocol error: expected control record")

    async def _record(self) -> bytes | None:
        """The next control record; None at the end."""
        try:
            return await self._task.input.line(LINE_LIMIT)
        except EOFError:
            return None
        except ValueError:
            raise Refused("protocol error: line too long") from None

    async def _take(
        self, header: re.Match[bytes], options: Options, folders: list[str], modified: int | None
    ) -> None:
        name = header[4].decode("utf-8", "surrogateescape")
        if "/" in name or name in {".", ".."}:
            raise Refused(f"error: unexpected filename: {name}")
        inside = len(folders) > 1 or self._is_dir(folders[-1])
        path = f"{folders[-1]}/{name}" if inside else folders[-1]
        if header[1] == b"D":
            await self._take_directory(path, int(header[2], 8), options, folders)
        else:
            await self._take_file(path, int(header[2], 8), int(header[3]), modified)

    async def _take_directory(self, path: str, mode: int, options: Options, folders: list[str]) -> None:
        if not options.recursive:
            raise Refused("received directory without -r")
        if len(folders) > DEPTH_LIMIT:
            raise Refused(f"{path}: File name too long")
        if not self._is_dir(path):
            try:
                self._fs.mkdir(self._who, path, mode & 0o777)
            except OSError as error:
                raise Refused(f"{path}: {error.strerror}") from None
        folders.append(path)
        await self._acknowledge()

    async def _take_file(self, path: str, mode: int, size: int, modified: int | None) -> None:
        file, problem = self._create(path, mode)
        if file is None:
            await self._complain(f"{path}: {problem}")
            return
        await self._acknowledge()
        left = size
        while left:
            data = await self._task.input.read(min(CHUNK, left))
            if not data:
                raise EOFError
            left -= len(data)
            if not problem:
                try:
                    file.write(data)
                except OSError as error:
                    problem = error.strerror or "error"
        answer = await self._task.input.exactly(1)
        report(self._task.connection.session.emit, EventType.UPLOAD, path, file.read(1 << 40, 0), "scp")
        if modified is not None and not problem:
            self._fs.utime(self._who, path, modified)
        if problem:
            await self._complain(f"{path}: {problem}")
        elif answer == b"\0":
            await self._acknowledge()

    def _create(self, path: str, mode: int) -> tuple[OpenFile | None, str]:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
            return self._fs.open(self._who, path, flags, mode & 0o777), ""
        except OSError as error:
            return None, error.strerror or "error"

    # Giving files

    async def source(self, options: Options) -> None:
        """Give what the client asked for. Raises `Refused`, `EOFError`."""
        await self._expect()
        for path in options.paths:
            await self._give(path, self._absolute(path), options, 0)

    async def _give(self, shown: str, path: str, options: Options, depth: int) -> None:
        self._given += 1
        if self._given > FILES_LIMIT or depth > DEPTH_LIMIT:
            return
        try:
            found = self._fs.stat(self._who, path)
            folder = stat.S_ISDIR(found.mode)
            names = self._fs.listdir(self._who, path) if folder else []
            content = b"" if folder else self._fs.read(self._who, path)
        except OSError as error:
            await self._complain(f"{shown}: {error.strerror}")
            return
        if folder and not options.recursive:
            await self._complain(f"{shown}: not a regular file")
            return
        name = os.fsencode(path.rstrip("/").rpartition("/")[2])
        if options.preserve:
            when = int(found.mtime)
            await self._say(b"T%d 0 %d 0\n" % (when, when))
        letter, size = (b"D", 0) if folder else (b"C", len(content))
        await self._say(b"%s%04o %d %s\n" % (letter, found.mode & 0o7777, size, name))
        if folder:
            for child in names:
                await self._give(f"{shown}/{child}", f"{path}/{child}", options, depth + 1)
            await self._say(b"E\n")
            return
        for at in range(0, len(content), CHUNK):
            await self._task.output.write(content[at : at + CHUNK])
        await self._say(b"\0")
        report(self._task.connection.session.emit, EventType.DOWNLOAD, path, content, "scp")

    # Talking

    async def _acknowledge(self) -> None:
        await self._task.output.write(b"\0")

    async def _complain(self, text: str) -> None:
        self.failed = True
        await self._task.output.write(b"\x01scp: " + text.encode("utf-8", "surrogateescape") + b"\n")

    async def _say(self, record: bytes) -> None:
        await self._task.output.write(record)
        await self._expect()

    async def _expect(self) -> None:
        """The other side's answer: 0, or an error and its text. Raises `Refused` for a fatal one."""
        answer = await self._task.input.exactly(1)
        if answer == b"\0":
            return
        self.failed = True
        try:
            await self._task.input.line(LINE_LIMIT)
        except ValueError:
            raise Refused from None
        if answer != b"\x01":
            raise Refused

    def _is_dir(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self._fs.stat(self._who, path).mode)
        except OSError:
            return False

    def _absolute(self, path: str) -> str:
        if path == "~" or path.startswith("~/"):
            path = self._home + path[1:]
        return path if path.startswith("/") else f"{self._home}/{path}"
