"""What a parsed file is: sections with parents, options with environments, every piece with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from decnet.errors import Span


@dataclass(frozen=True, slots=True)
class Text:
    """A raw value (comments gone, quotes kept, continuation lines joined by a newline) and where it stands."""

    raw: str
    span: Span


@dataclass(frozen=True, slots=True)
class Option:
    """One ``key[env] = value`` line. ``key`` is folded (lower case, ``-`` as ``_``); ``env`` is ``""`` without one."""

    key: str
    env: str
    text: Text
    span: Span
    """Where the key stands."""


@dataclass(frozen=True, slots=True)
class Parent:
    """A name after the colon of a section header."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Section:
    """``[name : parent : parent]`` with its options in file order. ``name`` is as written, ranges not expanded."""

    name: str
    parents: tuple[Parent, ...]
    options: tuple[Option, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Document:
    """A file with everything it includes, sections in order of appearance.

    ``sections`` is keyed by the folded name (lower case), so look-ups ignore case.
    """

    file: str
    sections: Mapping[str, Section]
    env: str = ""
