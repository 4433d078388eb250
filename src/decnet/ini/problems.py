"""Problems as people read them (place, line, carets, hint) and as programs do."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from decnet.errors import Problem, Span
from decnet.ini.names import escape, visible

SHOWN = 20
"""Problems that are printed; the rest is a count."""
_WIDTH = 160
_BEFORE = 60
_TAB = 4
_CARETS = 80


@dataclass(frozen=True, slots=True)
class Record:
    """One problem for ``--json``. ``line`` 0 is the file as a whole."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str
    severity: str


def records(problems: Sequence[Problem]) -> tuple[Record, ...]:
    """Every problem, in order, for a JSON encoder."""
    return tuple(
        Record(
            _encodable(p.span.file), p.span.line, p.span.column, p.code, p.message, p.hint, p.severity.value
        )
        for p in problems
    )


def _encodable(file: str) -> str:
    """The name of a file without the surrogates that stand for bytes that are no UTF-8 (PEP 383)."""
    return file.encode("utf-8", "backslashreplace").decode()


def render(problems: Sequence[Problem], shown: int = SHOWN) -> str:
    """The first problems with their lines, then a count of the rest. Ends in a newline; safe for a terminal."""
    lines = [line for problem in problems[:shown] for line in _problem(problem)]
    left = len(problems) - shown
    if left > 0:
        lines.append(f"… and {left} more")
    return "\n".join(lines) + "\n" if lines else ""


def _problem(problem: Problem) -> Iterator[str]:
    yield f"{_where(problem.span)}: {problem.severity}[{problem.code}]: {visible(problem.message)}"
    yield from _snippet(problem.span, visible(problem.hint))
    for span in problem.related:
        yield f"{_where(span)}: note: the other place"
        yield from _snippet(span, "")


def _where(span: Span) -> str:
    place = f":{span.line}:{span.column}" if span.line else ""
    return visible(span.file) + place


def _snippet(span: Span, hint: str) -> Iterator[str]:
    if not span.line or not span.text:
        if hint:
            yield f"      | {hint}"
        return
    text, column = _window(span.text, span.column)
    before = "".join(map(_shown, text[: column - 1]))
    marked = "".join(map(_shown, text[column - 1 : column - 1 + span.width]))
    after = "".join(map(_shown, text[column - 1 + span.width :]))
    carets = "^" * max(1, min(_cells(marked), _CARETS))
    yield f"{span.line:>5} | {before}{marked}{after}".rstrip()
    yield f"      | {' ' * _cells(before)}{carets} {hint}".rstrip()


def _window(text: str, column: int) -> tuple[str, int]:
    """At most 160 characters of a line around a column, and the column in them."""
    start = 0
    if len(text) > _WIDTH and column > _BEFORE:
        start = column - _BEFORE
        text, column = "…" + text[start:], column - start + 1
    return (text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"), column


def _shown(char: str) -> str:
    """A character as it is printed: a tab as spaces, what a terminal might obey as an escape."""
    if char == "\t":
        return " " * _TAB
    return char if char.isprintable() else escape(char)


def _cells(text: str) -> int:
    """Columns of a terminal that a text takes (UAX #11: wide and full-width characters take two)."""
    if text.isascii():
        return len(text)
    return sum(_cell(char) for char in text)


def _cell(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
