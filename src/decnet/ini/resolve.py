"""Look-up: the value of a key in a chain of sections, for the document's environment, with its origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from decnet.errors import InvalidInput, Problem
from decnet.ini.model import Document, Option, Section, Text
from decnet.ini.names import fold


@dataclass(frozen=True, slots=True)
class Found:
    """A value and where it comes from. ``text`` is after interpolation; ``option.text`` as the file has it."""

    text: Text
    section: Section
    option: Option


@lru_cache(maxsize=64)
def suffixes(env: str) -> tuple[str, ...]:
    """What is put after a key, most specific first: ``prod_eu`` → ``[prod_eu]``, ``[prod]``, nothing."""
    words = fold(env).split("_") if env else []
    return (*(f"[{'_'.join(words[:n])}]" for n in range(len(words), 0, -1)), "")


def find(document: Document, sections: Sequence[Section], key: str) -> tuple[Section, Option] | None:
    """The option that holds a folded key: every environment of a section before its parents."""
    variants = suffixes(document.env)
    for section in sections:
        for suffix in variants:
            option = section.index.get(key + suffix)
            if option is not None:
                return section, option
    return None


def lookup(
    document: Document, sections: Sequence[Section], key: str, scope: Sequence[Section] | None = None
) -> Found | None:
    """The value of a key in a chain (see `chain`), interpolated; None where no section has it.

    ``${name}`` is looked up in ``scope``, by default the chain itself.
    Raises `InvalidInput` when the value refers to something that is not there, or to itself.
    """
    found = find(document, sections, fold(key))
    if found is None:
        return None
    section, option = found
    text = option.text
    if "${" in text.raw:
        from decnet.ini.interpolate import interpolate  # noqa: PLC0415 (which looks up in turn)

        text = interpolate(document, sections if scope is None else scope, option)
    return Found(text, section, option)


def keys(document: Document, sections: Sequence[Section]) -> tuple[str, ...]:
    """Every folded key that a look-up in the chain would find, nearest sections first."""
    variants = frozenset(suffix[1:-1] for suffix in suffixes(document.env))
    seen: dict[str, None] = {}
    for section in sections:
        for option in section.options:
            if option.env in variants:
                seen.setdefault(option.key)
    return tuple(seen)


def gather(
    document: Document, sections: Sequence[Section], scope: Sequence[Section] | None = None
) -> tuple[Mapping[str, Found], tuple[Problem, ...]]:
    """Every visible key with its value, and the problems of those that cannot be had."""
    values: dict[str, Found] = {}
    problems: list[Problem] = []
    for key in keys(document, sections):
        try:
            found = lookup(document, sections, key, scope)
        except InvalidInput as error:
            problems += error.problems
            continue
        if found is not None:
            values[key] = found
    return values, tuple(problems)
