"""Tokens to sections: names and keys checked, duplicates found, values put together, every problem kept."""

from __future__ import annotations

from collections.abc import Iterator

from decnet.errors import InvalidInput, Problem, Span
from decnet.ini.lexer import WHITE, Blank, Comment, Entry, Header, Piece, lex
from decnet.ini.model import Document, Option, Parent, Section, Text
from decnet.ini.names import ENV, KEY, NAME, NAME_LENGTH, fold, quote
from decnet.ini.ranges import check

MAX_HEADER = 1_000_000
"""Characters between the brackets of a section header."""
MAX_PROBLEMS = 1000
"""Reading stops here: nobody reads more, and a file of another kind must not fill the memory."""


class Parser:
    """Reads the text of one file. `sections` and `problems` are what comes out."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.sections: list[Section] = []
        self.problems: list[Problem] = []
        self._known: dict[str, Section] = {}
        self._good: set[str] = set()
        self._header: tuple[str, tuple[Parent, ...], Span] | None = None
        self._options: dict[str, Option] = {}
        self._before_any = False
        for token in lex(text, file, self.problems):
            match token:
                case Blank() | Comment():
                    continue
                case Header():
                    self._close()
                    self._open(token)
                case Entry() if token.key:
                    self._add(token)
            if len(self.problems) >= MAX_PROBLEMS:
                break
        self._close()
        self.problems.sort(key=lambda problem: problem.span.line)

    def _problem(self, code: str, message: str, span: Span, hint: str = "", *related: Span) -> None:
        self.problems.append(Problem(code, message, span, hint, related))

    def _open(self, header: Header) -> None:
        self._before_any = True
        if not header.inner and not header.source.lstrip(WHITE).startswith("[]"):
            return
        if len(header.inner) > MAX_HEADER:
            span = Span(self.file, header.line, header.column, 1, header.source)
            self._problem("too-large", f"the section header is longer than {MAX_HEADER} characters", span)
            return
        parts = [self._trim(header, start, end) for start, end in split_header(header.inner)]
        (name, span), *parents = parts
        if not self._check_name(name, span):
            return
        found = [Parent(word, where) for word, where in parents if self._check_name(word, where)]
        self._header = (name, tuple(found), span)

    def _trim(self, header: Header, start: int, end: int) -> tuple[str, Span]:
        piece = header.inner[start:end]
        name = piece.strip(WHITE)
        lead = len(piece) - len(piece.lstrip(WHITE)) if name else 0
        column = header.column + start + lead
        return name, Span(self.file, header.line, column, max(1, len(name)), header.source)

    def _check_name(self, name: str, span: Span) -> bool:
        if name in self._good:
            return True
        try:
            longest, _ = check(name)
        except ValueError as error:
            self._problem("bad-name", f"{quote(name)}: {error}", span)
            return False
        if not name:
            self._problem("bad-name", "a section name is missing", span)
        elif not NAME.fullmatch(longest):
            hint = 'letters, digits, "_", "." and "-" are allowed'
            if "," in name:
                hint += '; parents stand after a ":" each'
            self._problem("bad-name", f"{quote(name)} cannot be a section name", span, hint)
        elif max(map(len, longest.rsplit(".", 1))) > NAME_LENGTH:
            self._problem("bad-name", f"{quote(name)} is longer than {NAME_LENGTH} characters", span)
        else:
            self._good.add(name)
            return True
        return False

    def _close(self) -> None:
        """End the section that is open."""
        if self._header is not None:
            name, parents, span = self._header
            section = Section(name, parents, tuple(self._options.values()), span)
            before = self._known.setdefault(section.key, section)
            if before is section:
                self.sections.append(section)
            else:
                self.problems.append(duplicate_section(section, before))
        self._header = None
        self._options = {}

    def _add(self, entry: Entry) -> None:
        width = len(entry.key)
        span = Span(self.file, entry.line, entry.column, width, entry.source)
        if not self._before_any:
            self._before_any = True
            self._problem("syntax", "a key before the first section", span, 'start with "[general]"')
            return
        name, bracket, env = entry.key.partition("[")
        name = name.rstrip(WHITE)
        if not KEY.fullmatch(name):
            hint = 'letters, digits, "_", "-" and "." are allowed'
            self._problem("bad-name", f"{quote(name)} cannot be a key", span, hint)
            return
        if bracket and not (env.endswith("]") and ENV.fullmatch(env[:-1])):
            self._problem(
                "bad-name", f"{quote(entry.key)} names no environment", span, "write key[prod] = value"
            )
            return
        text = self._text(entry)
        option = Option(fold(name), fold(env[:-1]) if bracket else "", text, span)
        before = self._options.setdefault(option.variant, option)
        if before is not option:
            message = f"{quote(option.variant)} is given twice in this section"
            self._problem("duplicate-key", message, span, "remove one of them", before.span)

    def _text(self, entry: Entry) -> Text:
        pieces = entry.lines()
        if not pieces:
            end = len(entry.source) if not entry.pieces else entry.pieces[0].column - 1
            return Text("", Span(self.file, entry.line, max(1, end), 1, entry.source))
        if len(pieces) == 1:
            return Text(pieces[0].text, self._place(pieces[0]))
        places = tuple(self._place(piece) for piece in pieces)
        return Text("\n".join(p.text for p in pieces), places[0], places)

    def _place(self, piece: Piece) -> Span:
        return Span(self.file, piece.line, piece.column, max(1, len(piece.text)), piece.source)


def split_header(inner: str) -> Iterator[tuple[int, int]]:
    """The parts of a header between the colons that stand outside brackets."""
    if ":" not in inner:
        yield 0, len(inner)
        return
    depth = start = 0
    for at, char in enumerate(inner):
        if char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
        elif char == ":" and depth == 0:
            yield start, at
            start = at + 1
    yield start, len(inner)


def duplicate_section(section: Section, before: Section) -> Problem:
    """Two sections of one name."""
    return Problem(
        "duplicate-section",
        f"section {quote(section.name)} is given twice",
        section.span,
        "join them, or rename one",
        (before.span,),
    )


def parse(text: str, file: str = "<text>", env: str = "") -> Document:
    """The document in a text. ``include`` is not followed: that takes a file, see `decnet.ini.load`.

    Raises `InvalidInput` with every problem.
    """
    from decnet.ini.inherit import cycles  # noqa: PLC0415 (inherit reads documents)

    parser = Parser(text, file)
    document = Document(file, {section.key: section for section in parser.sections}, fold(env))
    problems = (*parser.problems, *cycles(document))
    if problems:
        raise InvalidInput(problems)
    return document
