"""What runs on a session channel: a login shell on a terminal, one command, sftp, scp."""

from __future__ import annotations

import asyncio
import shlex
import time

from decnet.services.shell import console
from decnet.services.shell.machine import Machine
from decnet.services.shell.premises import Entry, Premises
from decnet.services.shell.session import Shell
from decnet.services.shell.streams import Input, Output, Pipe, Reader
from decnet.services.shell.terminal import Terminal
from decnet.services.ssh import scp, sftp
from decnet.services.ssh.channel import Program, Task

SFTP_SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
)
COMMAND_LIMIT = 128 * 1024
"""Characters of a command (MAX_ARG_STRLEN of execve(2)); longer ones are cut."""


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
        try:
            await terminal.write(welcome.encode())
            session, kind = task.connection.session, task.terminal or ""
            return await console.converse(task, shell, terminal, session, user, kind=kind)
        finally:
            await shell.close()


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
        if not line or len(text) > console.LINES_LIMIT or not shell.incomplete(text):
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
        record=lambda capture: console.tell_capture(session, _user(task), capture),
        echo=terminal.echo if terminal else None,
    )
    if shell.tty_name:
        shell.env.adopt([("SSH_TTY", f"/dev/{shell.tty_name}")])
    return shell


def _tell_command(task: Task, text: str) -> None:
    console.tell_command(task.connection.session, _user(task), text)


def _user(task: Task) -> str:
    return task.connection.login.user or ""


def _status(shell: Shell, status: int) -> int:
    return status if shell.exited is None else shell.exited


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command[:COMMAND_LIMIT])
    except ValueError:
        return []
