"""The commands of IOS as a tree of words, abbreviations, and what is wrong with a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import decnet

WORD = re.compile(r"\S+")
ONE, REST = "WORD", "LINE"
"""Words of the tree that stand for a word, and for all that follows."""


@dataclass(slots=True)
class Node:
    """A word: what ? says of it, what the line does that ends here (nothing: it is incomplete), what may follow."""

    help: str = ""
    action: str = ""
    children: dict[str, Node] = field(default_factory=dict)


class Found(NamedTuple):
    """A line that is a command: its action, the words that were typed for WORD and LINE, and the command in full."""

    action: str
    arguments: tuple[str, ...]
    full: str


class Fault(NamedTuple):
    """What is wrong: ``invalid`` at a column, ``ambiguous``, ``incomplete``; ``words`` in full as far as they are known."""

    kind: str
    column: int
    words: str


@cache
def tree(*modes: str) -> Node:
    """The commands of these modes together."""
    root = Node()
    for mode, words, help_, action in _commands():
        if mode in modes:
            node = root
            for word in words.split():
                node = node.children.setdefault(word, Node())
            node.help, node.action = help_, action
    return root


@cache
def _commands() -> tuple[tuple[str, str, str, str], ...]:
    path = Path(decnet.__file__).parent / "templates" / "telnet" / "ios.commands"
    found = []
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            mode, words, help_, action = (part.strip() for part in line.split("|"))
            found.append((mode, words, help_, action))
    return tuple(found)


_commands()  # read now: the process that serves opens no files once it has dropped its privileges


def resolve(root: Node, line: str) -> Found | Fault:
    """What a line asks for; every word may be cut short as long as it is the only one that begins so."""
    node = root
    full: list[str] = []
    arguments: list[str] = []
    for match in WORD.finditer(line):
        options = matching(node, match[0])
        if len(options) > 1:
            return Fault("ambiguous", match.start(), " ".join(full))
        if options:
            full.append(options[0])
            node = node.children[options[0]]
        elif REST in node.children:
            rest = line[match.start() :].strip()
            full.append(rest)
            return Found(node.children[REST].action, (*arguments, rest), " ".join(full))
        elif ONE in node.children:
            full.append(match[0])
            arguments.append(match[0])
            node = node.children[ONE]
        else:
            return Fault("invalid", match.start() + _shared(node, match[0]), " ".join(full))
    if not node.action:
        return Fault("incomplete", len(line), " ".join(full))
    return Found(node.action, tuple(arguments), " ".join(full))


def matching(node: Node, start: str) -> list[str]:
    """The words that may follow and begin so; one that is written in full is the only one."""
    lowered = start.lower()
    names = [name for name in node.children if name not in (ONE, REST)]
    if lowered in names:
        return [lowered]
    return [name for name in names if name.startswith(lowered)]


def below(root: Node, line: str) -> tuple[Node | None, str]:
    """Where the last word of an unfinished line stands, and that word; None where no command leads there."""
    head, blank, last = line.rpartition(" ")
    node = root
    for word in (head + blank).split():
        options = matching(node, word)
        if len(options) == 1:
            node = node.children[options[0]]
        elif not options and ONE in node.children:
            node = node.children[ONE]
        else:
            return None, last
    return node, last


def _shared(node: Node, word: str) -> int:
    """How many letters of a wrong word are right: the marker points behind them."""
    best = 0
    for name in node.children:
        if name not in (ONE, REST):
            same = next(
                (at for at, (a, b) in enumerate(zip(name, word.lower(), strict=False)) if a != b), None
            )
            best = max(best, same if same is not None else min(len(name), len(word)))
    return best


def listed(node: Node, start: str) -> Mapping[str, str]:
    """What ? lists: words that begin so and their help, and ``<cr>`` where the line may end."""
    found = {
        name: node.children[name].help for name in sorted(node.children) if name.startswith(start.lower())
    }
    for name in (ONE, REST):
        if not start and name in node.children:
            found[name] = node.children[name].help
    if not start and node.action:
        found["<cr>"] = ""
    return found
