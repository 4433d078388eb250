"""Command history: ~/.bash_history, ``!!`` and its kin."""

from __future__ import annotations

import re

from decnet.services.shell.environment import Environment
from decnet.services.shell.machine import Machine
from decnet.services.shell.scanner import bytes_text

MAX_HISTORY = 1000


def load_history(machine: Machine, env: Environment) -> list[str]:
    """The lines of the user's history file."""
    name = ".ash_history" if machine.family.ash else ".bash_history"
    try:
        data = machine.fs.read(env.who, f"{env.get('HOME')}/{name}")
    except OSError:
        return []
    return bytes_text(data).splitlines()[-MAX_HISTORY:]


def recall(text: str, history: list[str]) -> str:
    """The line with ``!!``, ``!n``, ``!-n`` and ``!text`` replaced, put at the end of the history."""

    def one(match: re.Match[str]) -> str:
        event = match[1]
        if event == "!":
            return history[-1] if history else match[0]
        if re.fullmatch(r"-?\d{1,5}", event):
            number = int(event)
            place = number - 1 if number > 0 else len(history) + number
            return history[place] if 0 <= place < len(history) else match[0]
        return next((line for line in reversed(history) if line.startswith(event)), match[0])

    if "!" in text and "'" not in text:
        text = re.sub(r"(?<![\\$\[{\w])!(!|-?\d+|[A-Za-z][\w./-]*)", one, text)
    line = text.strip("\n")
    if line.strip() and not line.startswith(" ") and (not history or history[-1] != line):
        history.append(line[:4096])
        del history[:-MAX_HISTORY]
    return text
