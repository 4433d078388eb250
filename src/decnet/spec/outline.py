"""What each section of a document is: told by its name alone, before any value is read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from decnet.errors import Problem
from decnet.ini import Document, Section, did_you_mean
from decnet.spec.keys import DEFAULT, GENERAL, PREFIXES


@dataclass(frozen=True, slots=True)
class Outline:
    """The sections of a document by what they are. Names are folded; ``personas`` is keyed ``base.service``."""

    general: Section | None
    decoys: tuple[Section, ...]
    personas: dict[str, Section]
    kinds: dict[str, dict[str, Section]]
    """``custom`` … ``sink`` → name → section."""
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Sorting:
    decoys: list[Section] = field(default_factory=list)
    abstract: set[str] = field(default_factory=set)
    dotted: list[Section] = field(default_factory=list)
    kinds: dict[str, dict[str, Section]] = field(default_factory=lambda: {kind: {} for kind in PREFIXES})


def outline(document: Document, services: Collection[str]) -> Outline:
    """Sort a document's sections. ``services`` are the known ones; the file's own custom services are added."""
    sorting = _Sorting()
    for section in document.sections.values():
        kind, dash, name = section.key.partition("-")
        if section.key in {GENERAL, DEFAULT}:
            continue
        if dash and kind in PREFIXES and name:
            sorting.kinds[kind][name] = section
        elif "." in section.key:
            sorting.dotted.append(section)
        elif section.key.startswith("_"):
            sorting.abstract.add(section.key)
        else:
            sorting.decoys.append(section)
    known = {*services, *sorting.kinds["custom"]}
    bases = {section.key for section in sorting.decoys} | sorting.abstract | {DEFAULT}
    personas, problems = _dotted(sorting, bases, known)
    found = {section.key for section in sorting.decoys}
    decoys = tuple(section for key, section in document.sections.items() if key in found)
    return Outline(document.get(GENERAL), decoys, personas, sorting.kinds, tuple(problems))


def _dotted(sorting: _Sorting, bases: set[str], known: set[str]) -> tuple[dict[str, Section], list[Problem]]:
    """``[a.b]`` is the persona of service b on a where b is a service, else a decoy whose name has a dot."""
    personas: dict[str, Section] = {}
    problems: list[Problem] = []
    for section in sorting.dotted:
        base, _, service = section.key.rpartition(".")
        if service in known:
            personas[section.key] = section
        elif base in bases:
            hint = did_you_mean(
                service, known, "a subsection is named after a service: " + ", ".join(sorted(known))
            )
            problems.append(
                Problem("unknown-section", f'no service "{service}" for [{section.name}]', section.span, hint)
            )
        elif not section.key.startswith("_"):
            sorting.decoys.append(section)
    return personas, problems
