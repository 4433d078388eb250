"""What the Tab key offers: commands at the start, else file names and variables."""

from __future__ import annotations

import re

from decnet.services.shell.environment import Environment
from decnet.services.shell.machine import Machine
from decnet.services.shell.run import BUILTINS

MAX_CANDIDATES = 500
_SAFE = re.compile(r"[\w@%+=:,./~-]+")


def candidates(machine: Machine, env: Environment, text: str) -> list[str]:
    """Whole words that the last word of the text can become, sorted."""
    match = re.search(r"(?:[^\s;&|()<>\\]|\\.)*$", text)
    word = match[0] if match else ""
    before = text[: len(text) - len(word)].rstrip(" ")
    if word.startswith("$"):
        names = sorted(name for name in env.variables if name.startswith(word[1:]))
        return ["$" + name for name in names[:MAX_CANDIDATES]]
    starts = not before or before[-1] in ";&|(" or before.endswith(("sudo", "do", "then"))
    if starts and "/" not in word:
        return _commands(machine, env, word)
    return _files(machine, env, word)


def _commands(machine: Machine, env: Environment, word: str) -> list[str]:
    names = {name for name in (*BUILTINS, *env.functions, *env.aliases) if name.startswith(word)}
    for folder in (env.get("PATH") or "").split(":")[:32]:
        try:
            names.update(n for n in machine.fs.listdir(env.who, folder) if n.startswith(word))
        except OSError:
            continue
    return [name + " " for name in sorted(names)[:MAX_CANDIDATES]]


def _files(machine: Machine, env: Environment, word: str) -> list[str]:
    word = re.sub(r"\\(.)", r"\1", word)
    folder, slash, start = word.rpartition("/")
    where = folder + slash or env.cwd
    if where.startswith("~/"):
        where = (env.get("HOME") or "") + where[1:]
    path = where if where.startswith("/") else f"{env.cwd}/{where}"
    try:
        names = machine.fs.listdir(env.who, path)
    except OSError:
        return []
    found: list[str] = []
    for name in names:
        if name.startswith(start) and (start or name[0] != ".") and len(found) < MAX_CANDIDATES:
            info = machine.fs.exists(env.who, f"{path}/{name}/")
            shown = name if _SAFE.fullmatch(name) else re.sub(r"([^\w@%+=:,./-])", r"\\\1", name)
            found.append(folder + slash + shown + ("/" if info else " "))
    return found
