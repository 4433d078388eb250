"""Inheritance: in which sections a key is looked up, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from decnet.errors import Problem
from decnet.ini.model import Document, Parent, Section
from decnet.ini.names import did_you_mean, quote

DEFAULT = "default"
"""Folded name of the section that every chain of a decoy ends in."""


def chain(document: Document, section: Section) -> tuple[Section, ...]:
    """The section, its parents depth first and left to right, each once, and ``[DEFAULT]``.

    Parents that are no sections are left out; see `externals`.
    """
    found = _walk(document, [section])
    default = document.sections.get(DEFAULT)
    if default is not None:
        found.pop(DEFAULT, None)
        for inherited in _walk(document, [default]).values():
            found.setdefault(inherited.key, inherited)
    return tuple(found.values())


def persona_chain(document: Document, sections: Iterable[Section], service: str) -> tuple[Section, ...]:
    """``[x.service]`` for every x of a chain that has one, each followed by its own parents."""
    names = (f"{section.key}.{service.lower()}" for section in sections)
    starts = [document.sections[name] for name in names if name in document.sections]
    return tuple(_walk(document, starts).values())


def externals(document: Document, sections: Iterable[Section]) -> tuple[Parent, ...]:
    """The parents in a chain that are no sections of the file: archetypes, or errors. Each name once."""
    found: dict[str, Parent] = {}
    for section in sections:
        for parent in section.parents:
            if parent.key not in document.sections:
                found.setdefault(parent.key, parent)
    return tuple(found.values())


def unknown_parent(document: Document, parent: Parent, archetypes: Iterable[str] = ()) -> Problem:
    """The problem of a parent that is neither a section nor one of the archetypes."""
    known = [*archetypes, *(section.name for section in document.sections.values())]
    hint = did_you_mean(parent.name, known, "a parent is a section of the file or an archetype")
    return Problem("unknown-parent", f"unknown parent {quote(parent.name)}", parent.span, hint)


def _walk(document: Document, starts: Sequence[Section]) -> dict[str, Section]:
    """Depth first, left to right, without recursion: a file may hold a chain of 100,000 parents."""
    found: dict[str, Section] = {}
    stack = list(reversed(starts))
    while stack:
        section = stack.pop()
        if section.key in found:
            continue
        found[section.key] = section
        for parent in reversed(section.parents):
            next_section = document.sections.get(parent.key)
            if next_section is not None:
                stack.append(next_section)
    return found


def cycles(document: Document) -> tuple[Problem, ...]:
    """A problem for every parent that leads back to its own section. Linear in sections and parents."""
    problems: list[Problem] = []
    done: set[str] = set()
    for start in document.sections.values():
        if start.key in done or not start.parents:
            continue
        path: dict[str, Section] = {start.key: start}
        stack: list[Iterator[Parent]] = [iter(start.parents)]
        while stack:
            parent = next(stack[-1], None)
            if parent is None:
                stack.pop()
                done.add(path.popitem()[0])
                continue
            section = document.sections.get(parent.key)
            if section is None or section.key in done:
                continue
            if section.key in path:
                problems.append(_cycle(path, parent, section))
                continue
            path[section.key] = section
            stack.append(iter(section.parents))
    return tuple(problems)


def _cycle(path: dict[str, Section], parent: Parent, back: Section) -> Problem:
    names = [section.name for section in path.values()]
    loop = names[list(path).index(back.key) :]
    shown = [*loop[:4], "…", loop[-1]] if len(loop) > 6 else loop
    message = " → ".join([*shown, back.name])
    return Problem(
        "parent-cycle", f"a section inherits from itself: {message}", parent.span, "", (back.span,)
    )
