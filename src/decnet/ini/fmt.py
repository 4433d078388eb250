"""The canonical layout of a file, comments kept, meaning unchanged.

    ; comments stay where they are
    [web : _linux]
    services[lab] = ssh, http ; inline comments after one space
    motd =
        continuation lines are indented by four

Written from the tokens of `decnet.ini.lexer`, not by way of configupdater, which reads otherwise than the parser: with
inline comments on, ``"a ; b"`` ends at the semicolon; a comment line inside a value becomes text of the value; and
the header ``[web[01:05]] ; [x]`` has its comment in the name. A formatter must read as the parser does.
"""

from __future__ import annotations

from collections.abc import Iterator

from decnet.errors import InvalidInput, Problem
from decnet.ini.lexer import WHITE, Blank, Comment, Entry, Header, Token, lex
from decnet.ini.names import fold
from decnet.ini.parser import Parser, split_header

INDENT = " " * 4


def format_text(text: str, file: str = "<text>") -> str:
    """The text in canonical layout. Raises `InvalidInput` when it is no valid INI text.

    Keys are folded, environments too; values, section names, comments and their order stay as they are.
    """
    text = text.removeprefix("\ufeff")
    checked = Parser(text, file)
    if checked.problems:
        raise InvalidInput(tuple(checked.problems))
    problems: list[Problem] = []
    lines = list(_spaced(list(lex(text, file, problems))))
    return "\n".join(lines) + "\n" if lines else ""


def _spaced(tokens: list[Token]) -> Iterator[str]:
    """The lines, with one blank line before each section and its comments, and none twice, first or last."""
    starts = _section_starts(tokens)
    blank, first, after_header = False, True, False
    for number, token in enumerate(tokens):
        if isinstance(token, Blank):
            blank = True
            continue
        wanted = number in starts or (blank and not after_header)
        if wanted and not first:
            yield ""
        yield from _lines(token)
        blank, first, after_header = False, False, isinstance(token, Header)


def _section_starts(tokens: list[Token]) -> set[int]:
    """Where each section begins: at its header, or at the comments that stand right above it."""
    starts = set()
    for number, token in enumerate(tokens):
        if isinstance(token, Header):
            start = number
            while start and isinstance(tokens[start - 1], Comment):
                start -= 1
            starts.add(start)
    return starts


def _lines(token: Token) -> Iterator[str]:
    match token:
        case Comment():
            yield token.text
        case Header():
            parts = [token.inner[a:b].strip(WHITE) for a, b in split_header(token.inner)]
            yield _with_comment(f"[{' : '.join(parts)}]", token.comment)
        case Entry():
            yield from _entry(token)


def _entry(entry: Entry) -> Iterator[str]:
    name, bracket, env = entry.key.partition("[")
    key = fold(name.rstrip(WHITE)) + (f"[{fold(env[:-1])}]" if bracket else "")
    first, *rest = entry.pieces
    yield _with_comment(f"{key} = {first.text}" if first.text else f"{key} =", first.comment)
    for piece in rest:
        yield _with_comment(INDENT + piece.text, piece.comment) if piece.text or piece.comment else ""


def _with_comment(text: str, comment: str) -> str:
    if not comment:
        return text
    return text + comment if text.isspace() else f"{text} {comment}"
