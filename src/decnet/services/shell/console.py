"""An interactive shell on a terminal, whatever the terminal hangs on; and what is told of what is typed."""

from __future__ import annotations

from decnet.events import EventType
from decnet.services.session import Session
from decnet.services.shell.capture import Capture, CaptureKind
from decnet.services.shell.editor import Editor, Interrupted
from decnet.services.shell.session import Shell
from decnet.services.shell.streams import Pipe
from decnet.services.shell.terminal import Line, Terminal

LINES_LIMIT = 64 * 1024
"""Characters of a command typed over several lines."""
NO_PASTE = ("centos7", "ubuntu20", "debian11", "amazon2")
"""Distros with a bash before 5.1, which does not turn bracketed paste on."""


async def converse(
    line: Line, shell: Shell, terminal: Terminal, session: Session, user: str, *, kind: str
) -> int:
    """Prompt, read, run, until the shell ends; gives its exit status. ``kind`` is the terminal's (``xterm``)."""
    machine = shell.machine
    paste = not machine.family.ash and machine.facts.distro not in NO_PASTE and kind != "dumb"
    editor = Editor(line.input, terminal.put, lambda: line.size[0], paste=paste)
    editor.history = shell.history
    status, pending = 0, ""
    while shell.exited is None:
        await line.writable()
        try:
            typed = await editor.read(shell.prompt(continued=bool(pending)), shell.complete)
        except Interrupted:
            pending, status = "", 130
            shell.interrupt()
            continue
        except EOFError:
            await terminal.write(b"\n" if machine.family.ash else b"\nlogout\n")
            return status
        text = f"{pending}\n{typed}" if pending else typed
        if len(text) < LINES_LIMIT and shell.incomplete(text):
            pending = text
            continue
        pending = ""
        if not text.strip():
            continue
        tell_command(session, user, text)
        pipe = Pipe()
        ended = await terminal.run(shell.run(text, pipe, terminal, terminal), pipe)
        if ended is None:
            shell.interrupt()
            await terminal.write(b"\n")
        status = 130 if ended is None else ended
    return shell.exited


def tell_command(session: Session, user: str, text: str) -> None:
    """A line that a user gave to a shell."""
    session.emit(EventType.COMMAND, command=text, user=user)


def tell_capture(session: Session, user: str, capture: Capture) -> None:
    """What a command of the shell saw: something to fetch, a secret, a script, a program brought along."""
    if capture.kind is CaptureKind.DOWNLOAD:
        session.emit(EventType.REQUEST, operation="fetch", command=capture.command, url=capture.text)
    elif capture.kind is CaptureKind.SECRET:
        session.emit(
            EventType.AUTH,
            principal=user,
            secret=capture.text,
            secret_kind="plaintext",  # noqa: S106 (a kind)
            method=capture.command,
            outcome="seen",
        )
    else:
        session.emit(
            EventType.COMMAND, operation=str(capture.kind), command=capture.text, program=capture.command
        )
