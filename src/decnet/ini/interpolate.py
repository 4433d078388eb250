"""Interpolation: ``${key}``, ``${section:key}``, ``${env:NAME:default}``, ``${file:path}``; ``$${`` is ``${``.

Text between quotes is left alone. What comes from the environment or a file is not interpolated again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from decnet.errors import InvalidInput, Problem, Span
from decnet.ini.inherit import chain
from decnet.ini.model import Document, Option, Section, Text
from decnet.ini.names import did_you_mean, fold, quote
from decnet.ini.reading import Unreadable, read_text
from decnet.ini.resolve import find, keys
from decnet.ini.text import quotations

MAX_DEPTH = 16
MAX_REFERENCES = 1000
MAX_OUTPUT = 256 * 1024
MAX_FILE = 64 * 1024
_REFERENCE = re.compile(r"\$(\$\{|\{([^{}\n]*)(\}?))")


def interpolate(document: Document, sections: Sequence[Section], option: Option) -> Text:
    """The option's value with every reference replaced.

    Raises `InvalidInput`: ``unknown-reference``, ``reference-cycle``, ``too-large`` (more than 16 deep, 1,000
    references or 256 KB), ``syntax``, or what reading a file gives.
    """
    run = _Run(document)
    raw = run.expand(option.text, sections, (option,))
    if run.problems:
        raise InvalidInput(tuple(run.problems))
    return replace(option.text, raw=raw, lines=(), exact=False)


@dataclass(slots=True)
class _Budget:
    references: int = MAX_REFERENCES
    characters: int = MAX_OUTPUT


class _Run:
    """One interpolation: its problems, and what it may still use up."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.budget = _Budget()

    def expand(self, text: Text, sections: Sequence[Section], path: tuple[Option, ...]) -> str:
        """The text with its references replaced; ``path`` are the options on the way here."""
        return "".join(self._pieces(text, sections, path))

    def _pieces(self, text: Text, sections: Sequence[Section], path: tuple[Option, ...]) -> Iterator[str]:
        raw, done = text.raw, 0
        quoted = list(quotations(raw))
        quoted.reverse()
        for match in _REFERENCE.finditer(raw):
            while quoted and quoted[-1][1] <= match.start():
                quoted.pop()
            if quoted and quoted[-1][0] < match.start():
                continue
            yield raw[done : match.start()]
            done = match.end()
            if match[1] == "${":
                yield "${"
                continue
            yield self._value(match, text.at(match.start(), match.end()), sections, path)
            if self.problems:
                return
        yield raw[done:]

    def _fail(self, code: str, message: str, span: Span, hint: str = "") -> str:
        self.problems.append(Problem(code, message, span, hint))
        return ""

    def _value(
        self, match: re.Match[str], span: Span, sections: Sequence[Section], path: tuple[Option, ...]
    ) -> str:
        self.budget.references -= 1
        if self.budget.references < 0 or len(path) > MAX_DEPTH:
            limit = f"{MAX_REFERENCES} references" if len(path) <= MAX_DEPTH else f"{MAX_DEPTH} levels"
            return self._fail("too-large", f"interpolation takes more than {limit}", span)
        if not match[3]:
            return self._fail("syntax", 'a "${" without its "}"', span, 'write "$${" for the two characters')
        kind, colon, rest = match[2].strip().partition(":")
        if colon and kind == "env":
            value = self._environment(rest, span)
        elif colon and kind == "file":
            value = self._file(rest, span)
        else:
            value = self._option(match[2].strip(), span, sections, path)
        self.budget.characters -= len(value)
        if self.budget.characters < 0 and not self.problems:
            return self._fail("too-large", f"the value grows past {MAX_OUTPUT // 1024} KB", span)
        return value

    def _environment(self, rest: str, span: Span) -> str:
        name, colon, default = rest.partition(":")
        value = os.environ.get(name, default if colon else None)
        if value is None:
            hint = f"set it, or give a default: ${{env:{name}:default}}"
            return self._fail("unknown-reference", f"the environment has no {quote(name)}", span, hint)
        return value

    def _file(self, name: str, span: Span) -> str:
        path = Path(span.file).parent / name
        try:
            text = read_text(path, span, MAX_FILE)
        except Unreadable as error:
            self.problems.append(error.problem)
            return ""
        return text.removesuffix("\n").removesuffix("\r")

    def _option(self, name: str, span: Span, sections: Sequence[Section], path: tuple[Option, ...]) -> str:
        where, colon, key = name.rpartition(":")
        if colon:
            section = self.document.get(where)
            if section is None:
                known = (other.name for other in self.document.sections.values())
                message = f"there is no section {quote(where)}"
                return self._fail("unknown-reference", message, span, did_you_mean(where, known))
            sections = chain(self.document, section)
        found = find(self.document, sections, fold(key))
        if found is None:
            message = f"there is no key {quote(key)}" + (f" in [{where}]" if colon else "")
            hint = did_you_mean(
                fold(key), keys(self.document, sections), 'write "$${" for the two characters "${"'
            )
            return self._fail("unknown-reference", message, span, hint)
        option = found[1]
        if any(option is other for other in path):
            names = " → ".join(other.key for other in (*path, option))
            return self._fail("reference-cycle", f"a value refers to itself: {names}", span)
        return self.expand(option.text, sections, (*path, option))
