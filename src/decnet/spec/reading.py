"""Sections to typed keys: one reading for every section, with its problems and the place of every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Generic, TypeVar

from decnet.errors import InvalidInput, Problem, Severity, Span
from decnet.ini import Document, Found, Section, gather, items
from decnet.ini.names import quote
from decnet.ini.schema import fill

K = TypeVar("K")
MAX_ERRORS = 500
"""Checking stops here: nobody reads more, and each hint compares names."""
MAX_VALUE = 256 * 1024
"""Characters of one value."""
MAX_CHAIN = 32
"""Sections that one may inherit from: the cost of a file is its sections times this."""
_OWN_CODES = ("driver", "runtime")
"""Keys whose wrong choice has a code of its own."""


@dataclass(frozen=True, slots=True)
class Read(Generic[K]):
    """The keys of a section (its chain), and what the file says to each."""

    keys: K
    given: Mapping[str, Found]
    span: Span

    def at(self, key: str) -> Span:
        """Where a key's value stands; the section where the file does not say it."""
        found = self.given.get(key)
        return found.text.span if found else self.span

    def item(self, key: str, word: str) -> Span:
        """Where a word of a list stands."""
        found = self.given.get(key)
        listed = items(found.text) if found else ()
        return next((text.span for text in listed if text.raw.lower() == word.lower()), self.at(key))

    @property
    def spans(self) -> Mapping[str, Span]:
        """Where each value that the file gives stands."""
        return {name: found.text.span for name, found in self.given.items()}


class Findings:
    """Problems as they are found: each once, errors apart from warnings."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Span, str], Problem] = {}
        self._errors = 0

    def add(self, *problems: Problem) -> None:
        """Take note; the same problem at the same place counts once.

        Raises:
            InvalidInput: these are as many as anybody reads.
        """
        for problem in problems:
            identity = (problem.code, problem.span, problem.message)
            if identity in self._found:
                continue
            self._found[identity] = problem
            self._errors += problem.severity is Severity.ERROR
        if self._errors >= MAX_ERRORS:
            self.stop()

    def error(
        self, code: str, message: str, span: Span, hint: str = "", related: tuple[Span, ...] = ()
    ) -> None:
        """Take note of an error."""
        self.add(Problem(code, message, span, hint, related))

    def warn(
        self, code: str, message: str, span: Span, hint: str = "", related: tuple[Span, ...] = ()
    ) -> None:
        """Take note of a warning."""
        self.add(Problem(code, message, span, hint, related, Severity.WARNING))

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self._found.values() if p.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(p for p in self._found.values() if p.severity is Severity.WARNING)

    def stop(self) -> None:
        """Raise `InvalidInput` with everything found, if there is an error among it."""
        if self.errors:
            raise InvalidInput((*sorted(self.errors, key=_place), *sorted(self.warnings, key=_place)))


def _place(problem: Problem) -> tuple[str, int, int]:
    return problem.span.file, problem.span.line, problem.span.column


def read(
    document: Document,
    sections: Sequence[Section],
    kind: type[K],
    span: Span,
    findings: Findings,
    scope: Sequence[Section] | None = None,
) -> Read[K]:
    """The typed keys of a chain. What is wrong goes to ``findings``; wrong keys have their defaults then."""
    check_chain(sections, findings)
    given, problems = gather(document, sections, scope)
    findings.add(*problems)
    return typed(kind, given, span, findings)


def check_chain(sections: Sequence[Section], findings: Findings) -> None:
    """Raises `InvalidInput` when more sections are inherited from than any file needs."""
    if len(sections) > MAX_CHAIN:
        message = (
            f"[{sections[0].name}] inherits from {len(sections) - 1} sections; {MAX_CHAIN - 1} are possible"
        )
        findings.error("inheritance-too-deep", message, sections[0].span, "join some of them")
        findings.stop()


def typed(
    kind: type[K],
    given: Mapping[str, Found],
    span: Span,
    findings: Findings,
    codes: Mapping[str, str] = MappingProxyType({}),
) -> Read[K]:
    """Typed keys of values already looked up. ``codes`` renames problems that have a code of their own here."""
    long = {key: found for key, found in given.items() if len(found.text.raw) > MAX_VALUE}
    for key, found in long.items():
        message = f"the value of {quote(key)} is longer than {MAX_VALUE // 1024} KB"
        findings.error("too-large", message, found.option.span)
    given = {key: found for key, found in given.items() if key not in long} if long else given
    keys, problems = fill(kind, given, span)
    own = {given[key].text.span: f"unknown-{key}" for key in _OWN_CODES if key in given}
    for problem in problems:
        code = own.get(problem.span, "") if problem.code == "unknown-choice" else codes.get(problem.code, "")
        findings.add(replace(problem, code=code or problem.code))
    if keys is None:
        keys = kind()
    return Read(keys, given, span)
