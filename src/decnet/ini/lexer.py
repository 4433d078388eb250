"""Text to tokens, line by line: headers, entries, comments and blank lines, none of them lost.

An entry's value is all of the first line after ``=`` and every following line that is indented deeper than the key;
blank and comment lines may stand between. The parser makes values of the tokens, the formatter writes them again.

Quotes: ``"`` opens a quotation at the start of a line of the value and after a separator, where it may run on over
continuation lines, and after white space, where it must close on the same line (else it is an ordinary character, as
in ``3.5 " disk``). Inside, nothing is a comment. The indentation of the first continuation line that a quotation
touches is layout, and taken off the lines inside quotations after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from decnet.errors import Problem, Span

WHITE = " \t"
_SPECIAL = re.compile(r'["#;]')
_BRACKET = re.compile(r"[\[\]]")
_DELIMITER = re.compile(r"[=:]")


class Blank(NamedTuple):
    """An empty line."""

    line: int


class Comment(NamedTuple):
    """A line that is a comment, from its ``#`` or ``;`` on."""

    line: int
    text: str


class Header(NamedTuple):
    """``[inner] ; comment``. ``column`` is that of the first character of ``inner``; empty when malformed."""

    line: int
    column: int
    inner: str
    comment: str
    source: str


class Piece(NamedTuple):
    """What one line adds to a value: text (none on a blank or comment line) and an inline comment."""

    line: int
    column: int
    text: str
    comment: str
    source: str


@dataclass(slots=True)
class Entry:
    """``key = value``, the key as written (empty when malformed), the value piece by piece."""

    line: int
    indent: int
    key: str
    source: str
    pieces: list[Piece] = field(default_factory=list)
    open_quote: Span | None = None
    hang: int = -1

    @property
    def column(self) -> int:
        """Column of the key."""
        return self.indent + 1

    def lines(self) -> list[Piece]:
        """The pieces that make up the value: no comment lines, no empty lines at either end."""
        if len(self.pieces) == 1:
            return self.pieces if self.pieces[0].text else []
        kept = [piece for n, piece in enumerate(self.pieces) if n == 0 or piece.text or not piece.comment]
        while kept and not kept[-1].text:
            kept.pop()
        start = next((n for n, piece in enumerate(kept) if piece.text), len(kept))
        return kept[start:]


Token: TypeAlias = Blank | Comment | Header | Entry


def split_lines(text: str) -> list[str]:
    """Lines of a text, ended by LF, CR LF or CR and by nothing else that Unicode calls a line end."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def lex(text: str, file: str, problems: list[Problem]) -> Iterator[Token]:
    """The tokens of a text, in order; what is malformed goes to ``problems``."""
    entry: Entry | None = None
    for number, line in enumerate(split_lines(text), 1):
        body = line.strip(WHITE)
        indent = len(line) - len(line.lstrip(WHITE))
        if entry is not None:
            if _extend(entry, number, line, indent, file):
                continue
            yield from _finish(entry, problems)
            entry = None
        if not body:
            yield Blank(number)
        elif body[0] in "#;":
            yield Comment(number, body)
        elif body[0] == "[":
            yield _header(number, line, indent, file, problems)
        else:
            entry = _entry(number, line, indent, file, problems)
    if entry is not None:
        yield from _finish(entry, problems)


def _finish(entry: Entry, problems: list[Problem]) -> Iterator[Token]:
    """The entry, then the blank and comment lines after it, which belong to what follows."""
    if entry.open_quote is not None:
        problems.append(
            Problem(
                "syntax",
                "the quote is not closed",
                entry.open_quote,
                "close it; the lines of a quoted value are indented deeper than the key",
            )
        )
    last = len(entry.pieces)
    if last < 2:
        yield entry
        return
    while last > 1 and not entry.pieces[last - 1].text:
        last -= 1
    trailing = entry.pieces[last:]
    del entry.pieces[last:]
    yield entry
    for piece in trailing:
        yield Comment(piece.line, piece.comment) if piece.comment else Blank(piece.line)


def _header(number: int, line: str, indent: int, file: str, problems: list[Problem]) -> Header:
    depth, close = 0, -1
    for match in _BRACKET.finditer(line, indent):
        depth += 1 if match[0] == "[" else -1
        if depth == 0:
            close = match.start()
            break
    if close < 0:
        width = len(line.rstrip(WHITE)) - indent
        problems.append(
            Problem(
                "syntax",
                "the section header is not closed",
                Span(file, number, indent + 1, width, line),
                'end it with "]"',
            )
        )
        return Header(number, indent + 2, "", "", line)
    rest = line[close + 1 :].strip(WHITE)
    if rest and (rest[0] not in "#;" or line[close + 1] not in WHITE):
        column = close + 2 + len(line[close + 1 :]) - len(line[close + 1 :].lstrip(WHITE))
        problems.append(
            Problem(
                "syntax",
                "text after the section header",
                Span(file, number, column, len(rest), line),
                'a comment starts with white space and "#" or ";"',
            )
        )
    inner = line[indent + 1 : close]
    return Header(number, indent + 2, inner, rest, line)


def _entry(number: int, line: str, indent: int, file: str, problems: list[Problem]) -> Entry:
    delimiter = _DELIMITER.search(line, indent)
    key = line[indent : delimiter.start()].rstrip(WHITE) if delimiter else ""
    entry = Entry(number, indent, key, line)
    if delimiter is None or not key:
        width = len(line.rstrip(WHITE)) - indent
        problems.append(
            Problem(
                "syntax",
                'expected "key = value"' if delimiter is None else "a value without a key",
                Span(file, number, indent + 1, width, line),
                "a line that continues a value is indented deeper than its key" if delimiter is None else "",
            )
        )
        entry.key = ""
        return entry
    start = delimiter.end()
    start += len(line) - start - len(line[start:].lstrip(WHITE))
    _take(entry, number, line, start, file)
    return entry


def _extend(entry: Entry, number: int, line: str, indent: int, file: str) -> bool:
    """Add the line to the entry if it belongs to it: blank, a comment, or indented deeper than the key."""
    if indent == len(line):
        entry.pieces.append(Piece(number, 1, "", "", line))
        return True
    if line[indent] in "#;" and entry.open_quote is None:
        entry.pieces.append(Piece(number, indent + 1, "", line.strip(WHITE), line))
        return True
    if indent <= entry.indent:
        return False
    if entry.open_quote is not None:
        if entry.hang < 0:
            entry.hang = indent
        _take(entry, number, line, min(indent, entry.hang), file)
        return True
    _take(entry, number, line, indent, file)
    if entry.open_quote is not None and entry.hang < 0:
        entry.hang = indent
    return True


def _take(entry: Entry, number: int, line: str, start: int, file: str) -> None:
    """Add a line's text from ``start`` on to the entry's value."""
    end, quote = scan(line, start, in_quote=entry.open_quote is not None)
    if quote < 0:
        entry.open_quote = None
    elif quote > 0 or entry.open_quote is None:
        entry.open_quote = Span(file, number, quote + 1, 1, line)
    comment = line[end:].rstrip(WHITE)
    body = line[start:end]
    text = body if entry.open_quote is not None else body.rstrip(WHITE)
    entry.pieces.append(Piece(number, start + 1, text, comment, line))


def scan(line: str, start: int, *, in_quote: bool) -> tuple[int, int]:
    """Where the text of a line ends and its comment starts, and where the quotation opened that is still open.

    The second is -1 when none is open, and 0 when it is the one that was open before.
    """
    opened = 0 if in_quote else -1
    for match in _SPECIAL.finditer(line, start):
        at = match.start()
        if match[0] == '"':
            if opened >= 0:
                opened = -1
            elif opens(line, start, at):
                opened = at
        elif opened < 0 and at > 0 and line[at - 1] in WHITE:
            return at, -1
    return len(line), opened


def opens(text: str, start: int, at: int) -> bool:
    """Whether the quote at ``at`` opens a quotation in a value that starts at ``start``. Linear in all quotes."""
    before = at - 1
    while before >= start and text[before] in WHITE:
        before -= 1
    if before < start or text[before] in ",;\n":
        return True
    if before == at - 1:
        return False
    close = text.find('"', at + 1)
    return close >= 0 and text.find("\n", at + 1, close) < 0
