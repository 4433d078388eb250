"""The shell an attacker gets after login: a pretended Linux machine that runs nothing of what is typed into it.

    machine = Machine.boot(setting.facts, setting.files, {"root": "toor"}, clock=time.time, seed=setting.seed)
    shell = Shell(machine, "root", env={"SSH_CLIENT": "…"}, interactive=True, tty=True, size=(80, 24), record=note)
    status = await shell.run("uname -a | cut -d' ' -f3", stdin, stdout, stderr)

One `Machine` is shared by every session of a decoy; one `Shell` is one session. For a terminal: show ``prompt()``, read
a line, ask ``incomplete(text)`` whether to read another after ``prompt(continued=True)``, then ``run``; when
``shell.exited`` is no longer None, close with that status. ``complete(text)`` answers the Tab key. Ctrl-C is a
cancellation of the task that awaits ``run``: the shell can be used on after ``shell.interrupt()``. At the end of the
connection ``await shell.close()``. Output has bare newlines; who owns the terminal makes CR LF of them.

`FileSystem` is what SFTP works on: every operation takes the `Credentials` of a user (``machine.credentials(name)``) and
raises `OSError` with the errno the kernel would give.

This package is listed by the service registry, so importing it costs nothing: the names are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decnet.services.shell.capture import Capture, CaptureKind
    from decnet.services.shell.filesystem import Credentials, FileSystem, OpenFile, Stat
    from decnet.services.shell.machine import Machine, System
    from decnet.services.shell.session import Shell
    from decnet.services.shell.streams import BytesInput, BytesOutput, Input, Output

__all__ = [
    "BytesInput",
    "BytesOutput",
    "Capture",
    "CaptureKind",
    "Credentials",
    "FileSystem",
    "Input",
    "Machine",
    "OpenFile",
    "Output",
    "Shell",
    "Stat",
    "System",
]

_HOMES = {
    "BytesInput": "streams",
    "BytesOutput": "streams",
    "Capture": "capture",
    "CaptureKind": "capture",
    "Credentials": "filesystem",
    "FileSystem": "filesystem",
    "Input": "streams",
    "Machine": "machine",
    "OpenFile": "filesystem",
    "Output": "streams",
    "Shell": "session",
    "Stat": "filesystem",
    "System": "machine",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module it lives in (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
