"""The syntax tree of a shell script: frozen values that the parser makes and the interpreter walks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Lit:
    """Text as written; ``quoted`` text is neither split nor globbed."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter expansion ``${name[index]op arg}``; ``op`` is ``""``, ``:-``, ``#``, ``/`` … or ``length``, ``keys``."""

    name: str
    op: str = ""
    arg: Word | None = None
    index: Word | None = None
    indirect: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Bad:
    """``${…}`` that is none: an error when it is expanded, not when it is parsed."""

    text: str


@dataclass(frozen=True, slots=True)
class CommandSub:
    """``$(…)`` or backquotes."""

    body: Sequence
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Arith:
    """``$((…))``."""

    expression: Word
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class ProcessSub:
    """``<(…)`` or ``>(…)``."""

    body: Sequence
    direction: str


Part: TypeAlias = "Lit | Param | Bad | CommandSub | Arith | ProcessSub"


@dataclass(frozen=True, slots=True)
class Word:
    """A word: its parts in order; ``source`` is the text it was made of."""

    parts: tuple[Part, ...]
    source: str = ""

    def literal(self) -> str | None:
        """The text of a word of unquoted text only."""
        if all(isinstance(part, Lit) and not part.quoted for part in self.parts):
            return "".join(part.text for part in self.parts if isinstance(part, Lit))
        return None


@dataclass(frozen=True, slots=True)
class Assignment:
    """``name=value``, ``name+=value``, ``name[index]=value`` or ``name=(values)``."""

    name: str
    value: Word | tuple[Word, ...]
    index: Word | None = None
    append: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """``fd op target``; for a here-document the target is its body."""

    fd: int
    op: str
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, words, redirections."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]
    line: int
    arrays: tuple[tuple[int, Assignment], ...] = ()
    """Array assignments among the arguments of ``declare`` and the like, by word index."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by ``|``."""

    commands: tuple[Command, ...]
    negated: bool = False
    timed: bool = False


@dataclass(frozen=True, slots=True)
class AndOr:
    """Pipelines joined by ``&&`` and ``||``; ``rest`` is (operator, pipeline)."""

    first: Pipeline
    rest: tuple[tuple[str, Pipeline], ...]
    background: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of commands."""

    items: tuple[AndOr, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """``{ …; }``, or ``( … )`` when ``subshell``."""

    body: Sequence
    subshell: bool = False


@dataclass(frozen=True, slots=True)
class If:
    """Conditions with their bodies, and the else part."""

    branches: tuple[tuple[Sequence, Sequence], ...]
    otherwise: Sequence | None


@dataclass(frozen=True, slots=True)
class While:
    """``while``, or ``until`` when ``until``."""

    condition: Sequence
    body: Sequence
    until: bool = False


@dataclass(frozen=True, slots=True)
class For:
    """``for name in words``; no words at all is ``"$@"``."""

    name: str
    words: tuple[Word, ...] | None
    body: Sequence


@dataclass(frozen=True, slots=True)
class ForArith:
    """``for ((first; condition; step))``."""

    first: Word
    condition: Word
    step: Word
    body: Sequence


@dataclass(frozen=True, slots=True)
class Case:
    """``case``: each item is patterns, body, terminator (``;;``, ``;&``, ``;;&``)."""

    subject: Word
    items: tuple[tuple[tuple[Word, ...], Sequence, str], ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function definition."""

    name: str
    body: Command


@dataclass(frozen=True, slots=True)
class Test:
    """``[[ … ]]``: words and operators, read when it runs."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class ArithCommand:
    """``(( … ))``."""

    expression: Word


@dataclass(frozen=True, slots=True)
class Redirected:
    """A compound command with redirections."""

    command: Command
    redirects: tuple[Redirect, ...]


Command: TypeAlias = (
    "Simple | Group | If | While | For | ForArith | Case | Function | Test | ArithCommand | Redirected"
)
