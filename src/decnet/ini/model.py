"""What a parsed file is: sections with parents, options with environments, every piece with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from decnet.errors import Span


@dataclass(frozen=True, slots=True)
class Text:
    """A raw value (comments gone, quotes kept, continuation lines joined by a newline) and where it stands.

    ``lines`` has the place of each line of a value of several lines. ``exact`` is False after interpolation: then
    only the place of the whole is known.
    """

    raw: str
    span: Span
    lines: tuple[Span, ...] = field(default=(), compare=False, repr=False)
    exact: bool = field(default=True, compare=False, repr=False)

    def at(self, start: int, end: int) -> Span:
        """Where ``raw[start:end]`` stands in the file."""
        if not self.exact:
            return self.span
        line = self.raw.count("\n", 0, start) if self.lines else 0
        return self.within(line, start - (self.raw.rfind("\n", 0, start) + 1), end - start)

    def within(self, line: int, offset: int, width: int) -> Span:
        """The place ``offset`` characters into the given line of the value (the first is 0)."""
        if not self.exact:
            return self.span
        base = self.lines[line] if self.lines else self.span
        room = max(1, len(base.text) - (base.column + offset) + 1)
        return Span(base.file, base.line, base.column + offset, max(1, min(width, room)), base.text)


@dataclass(frozen=True, slots=True)
class Option:
    """One ``key[env] = value`` line. ``key`` is folded (lower case, ``-`` as ``_``); ``env`` is ``""`` without one."""

    key: str
    env: str
    text: Text
    span: Span
    """Where the key stands."""

    @property
    def variant(self) -> str:
        """``key`` or ``key[env]``: what it is found by."""
        return f"{self.key}[{self.env}]" if self.env else self.key


@dataclass(frozen=True, slots=True)
class Parent:
    """A name after the colon of a section header."""

    name: str
    span: Span

    @property
    def key(self) -> str:
        """The name as `Document.sections` knows it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Section:
    """``[name : parent : parent]`` with its options in file order. ``name`` is as written, ranges not expanded."""

    name: str
    parents: tuple[Parent, ...]
    options: tuple[Option, ...]
    span: Span
    index: Mapping[str, Option] = field(init=False, compare=False, repr=False)
    """The options by ``key`` or ``key[env]``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", {option.variant: option for option in reversed(self.options)})

    @property
    def key(self) -> str:
        """The name as `Document.sections` knows it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Document:
    """A file with everything it includes, sections in order of appearance.

    ``sections`` is keyed by the folded name (lower case), so look-ups ignore case.
    """

    file: str
    sections: Mapping[str, Section]
    env: str = ""

    def get(self, name: str) -> Section | None:
        """The section of that name, in any case."""
        return self.sections.get(name.lower())
