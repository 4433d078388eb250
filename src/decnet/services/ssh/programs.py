"""What runs on a session channel: a login shell on a terminal, one command, sftp, scp."""

from __future__ import annotations

import asyncio
import shlex
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from decnet.draw import Draw
from decnet.events import EventType
from decnet.services.shell.capture import Capture, CaptureKind
from decnet.services.shell.machine import ROOT, Machine
from decnet.services.shell.session import Shell
from decnet.services.shell.streams import Input, Output, Pipe, Reader
from decnet.services.shell.timezones import zone
from decnet.services.ssh import scp, sftp
from decnet.services.ssh.channel import Program, Task
from decnet.services.ssh.editor import Editor, Interrupted
from decnet.services.ssh.terminal import Terminal

SFTP_SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
)
COMMAND_LIMIT = 128 * 1024
"""Characters of a command (MAX_ARG_STRLEN of execve(2)); longer ones are cut."""
LINES_LIMIT = 64 * 1024
"""Characters of a command typed over several lines."""
NO_PASTE = ("centos7", "ubuntu20", "debian11", "amazon2")
"""Distros with a bash before 5.1, which does not turn bracketed paste on."""


class Entry(NamedTuple):
    """A line of lastlog(8): Unix seconds, and from where."""

    when: float
    source: str


@dataclass(slots=True)
class Premises:
    """A decoy's machine and who was there last."""

    machine: Machine
    seed: bytes
    sources: tuple[str, ...]
    """Addresses that its users come from."""
    lastlog: dict[str, Entry] = field(default_factory=dict)

    def last(self, user: str) -> Entry:
        """The login before this one; the first time one of the days after the boot, from a neighbour."""
        if user not in self.lastlog:
            draw = Draw(self.seed, "lastlog", user)
            facts = self.machine.facts
            span = max(60, int(time.time() - facts.booted))
            when = facts.booted + draw.integer(30, min(span, 4 * 86400))
            self.lastlog[user] = Entry(when, draw.pick(self.sources))
        return self.lastlog[user]

    def last_login(self, user: str) -> str:
        """What sshd says of it (PrintLastLog); Alpine's does not, it is built without."""
        if self.machine.family.ash:
            return ""
        entry = self.last(user)
        when = datetime.fromtimestamp(entry.when, zone(self.machine.facts.timezone))
        return f"Last login: {when:%a %b} {when.day:2d} {when:%H:%M:%S %Y} from {entry.source}\n"

    def motd(self, user: str) -> str:
        """What pam_motd (or login) shows, unless the user has a .hushlogin."""
        machine = self.machine
        who = machine.credentials(user)
        if machine.fs.exists(who, f"{machine.user(user).home}/.hushlogin"):
            return ""
        return "".join(_text(machine, path) for path in ("/run/motd.dynamic", "/etc/motd"))


def program_for(task: Task, premises: Premises) -> Program | None:
    """The program a client asks for; None for a subsystem there is not."""
    if task.subsystem is not None:
        return _Sftp(premises) if task.subsystem == "sftp" else None
    if task.command is None:
        return _LoginShell(premises) if task.terminal is not None else _Piped(premises)
    words = _words(task.command)
    if words[:1] and words[0] in SFTP_SERVERS:
        return _Sftp(premises)
    if scp.recognises(words):
        return _Scp(premises, words)
    return _Command(premises)


class _Sftp:
    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def __call__(self, task: Task) -> int:
        machine = self._premises.machine
        user = _user(task)
        session = machine.login(user, task.connection.session.peer[0], tty=False)
        try:
            await sftp.serve(task, machine, machine.credentials(user))
        finally:
            machine.logout(session)
        return 0


class _Scp:
    def __init__(self, premises: Premises, words: list[str]) -> None:
        self._premises = premises
        self._words = words

    async def __call__(self, task: Task) -> int:
        _tell_command(task, task.command or "")
        machine = self._premises.machine
        user = _user(task)
        session = machine.login(user, task.connection.session.peer[0], tty=False)
        try:
            return await scp.serve(task, machine, machine.credentials(user), self._words)
        finally:
            machine.logout(session)


class _Command:
    """``ssh host command``, with or without a terminal."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def __call__(self, task: Task) -> int:
        command = (task.command or "")[:COMMAND_LIMIT]
        _tell_command(task, command)
        machine = self._premises.machine
        terminal = Terminal(task) if task.terminal is not None else None
        shell = _shell(task, machine, terminal, interactive=False)
        try:
            if terminal is not None:
                pipe = Pipe()
                status = await terminal.run(shell.run(command, pipe, terminal, terminal), pipe)
            else:
                status = await _interruptible(task, shell, command, task.input, task.output, task.errors)
            return 130 if status is None else _status(shell, status)
        finally:
            await shell.close()


class _Piped:
    """``ssh -T host`` and ``ssh host < script``: a shell that reads its commands from the channel."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def __call__(self, task: Task) -> int:
        machine, user = self._premises.machine, _user(task)
        shell = _shell(task, machine, None, interactive=False)
        reader = Reader(task.input)
        status = 0
        try:
            motd = self._premises.motd(user)
            await task.output.write(motd.encode())
            while shell.exited is None:
                text = await _statement(shell, reader)
                if not text:
                    break
                if text.strip():
                    _tell_command(task, text.rstrip("\n"))
                status = await shell.run(text, reader, task.output, task.errors)
            return _status(shell, status)
        finally:
            await shell.close()


class _LoginShell:
    """An interactive shell on a terminal."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def __call__(self, task: Task) -> int:
        premises, machine, user = self._premises, self._premises.machine, _user(task)
        source = task.connection.session.peer[0]
        welcome = premises.motd(user) + premises.last_login(user)
        premises.lastlog[user] = Entry(time.time(), source)
        terminal = Terminal(task)
        shell = _shell(task, machine, terminal, interactive=True)
        task.resized = lambda columns, rows: setattr(shell, "size", (columns, rows))
        paste = not machine.family.ash and machine.facts.distro not in NO_PASTE and task.terminal != "dumb"
        editor = Editor(task.input, terminal.put, lambda: task.size[0], paste=paste)
        editor.history = shell.history
        try:
            await terminal.write(welcome.encode())
            return await _converse(task, shell, editor, terminal)
        finally:
            await shell.close()


async def _converse(task: Task, shell: Shell, editor: Editor, terminal: Terminal) -> int:
    """Prompt, read, run, until the shell ends."""
    status, pending = 0, ""
    while shell.exited is None:
        await task.writable()
        try:
            line = await editor.read(shell.prompt(continued=bool(pending)), shell.complete)
        except Interrupted:
            pending, status = "", 130
            shell.interrupt()
            continue
        except EOFError:
            await terminal.write(b"\n" if shell.machine.family.ash else b"\nlogout\n")
            return status
        text = f"{pending}\n{line}" if pending else line
        if len(text) < LINES_LIMIT and shell.incomplete(text):
            pending = text
            continue
        pending = ""
        if not text.strip():
            continue
        _tell_command(task, text)
        pipe = Pipe()
        ended = await terminal.run(shell.run(text, pipe, terminal, terminal), pipe)
        if ended is None:
            shell.interrupt()
            await terminal.write(b"\n")
        status = 130 if ended is None else ended
    return _status(shell, status)


async def _interruptible(
    task: Task, shell: Shell, command: str, stdin: Input, stdout: Output, stderr: Output
) -> int | None:
    """Run a command that the client may stop with a signal; None when it did."""
    work = asyncio.ensure_future(shell.run(command, stdin, stdout, stderr))
    task.interrupted = work.cancel
    try:
        await asyncio.wait([work])
    finally:
        work.cancel()
    return None if work.cancelled() else work.result()


async def _statement(shell: Shell, reader: Reader) -> str:
    """The next whole command of a script; empty at its end."""
    text = ""
    while True:
        line = await reader.until()
        text += line.decode("utf-8", "surrogateescape")
        if not line or len(text) > LINES_LIMIT or not shell.incomplete(text):
            return text


def _shell(task: Task, machine: Machine, terminal: Terminal | None, *, interactive: bool) -> Shell:
    session = task.connection.session
    peer, local = session.peer, session.local
    env = {
        **task.environment,
        "SSH_CLIENT": f"{peer[0]} {peer[1]} {local[1]}",
        "SSH_CONNECTION": f"{peer[0]} {peer[1]} {local[0]} {local[1]}",
    }
    if task.terminal is not None:
        env["TERM"] = task.terminal
    shell = Shell(
        machine,
        _user(task),
        env=env,
        interactive=interactive,
        tty=terminal is not None,
        size=task.size,
        record=lambda capture: _tell_capture(task, capture),
        echo=terminal.echo if terminal else None,
    )
    if shell.tty_name:
        shell.env.adopt([("SSH_TTY", f"/dev/{shell.tty_name}")])
    return shell


def _tell_command(task: Task, text: str) -> None:
    task.connection.session.emit(EventType.COMMAND, command=text, user=_user(task))


def _tell_capture(task: Task, capture: Capture) -> None:
    """What a command of the shell saw: something to fetch, a secret, a script, a program brought along."""
    emit = task.connection.session.emit
    if capture.kind is CaptureKind.DOWNLOAD:
        emit(EventType.REQUEST, operation="fetch", command=capture.command, url=capture.text)
    elif capture.kind is CaptureKind.SECRET:
        emit(
            EventType.AUTH,
            principal=_user(task),
            secret=capture.text,
            secret_kind="plaintext",  # noqa: S106 (a kind)
            method=capture.command,
            outcome="seen",
        )
    else:
        emit(EventType.COMMAND, operation=str(capture.kind), command=capture.text, program=capture.command)


def _text(machine: Machine, path: str) -> str:
    try:
        return machine.fs.read(ROOT, path)[:8192].decode("utf-8", "replace")
    except OSError:
        return ""


def _user(task: Task) -> str:
    return task.connection.login.user or ""


def _status(shell: Shell, status: int) -> int:
    return status if shell.exited is None else shell.exited


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command[:COMMAND_LIMIT])
    except ValueError:
        return []
