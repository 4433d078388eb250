"""Profiles that a network file defines itself: ``[os-NAME]``, ``[distro-NAME]``, ``[archetype-NAME]``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from decnet.catalog import Catalog, from_section
from decnet.errors import InvalidInput, Problem
from decnet.ini import Document, Found, Section, did_you_mean, fold, gather, items, scalar
from decnet.spec.outline import Outline
from decnet.spec.reading import Findings

T = TypeVar("T")
_KINDS = ("os", "distro", "archetype")
"""In this order: a later kind names profiles of the earlier ones."""


class Layered(Mapping[str, T], Generic[T]):
    """A mapping over another one; the lower is looked at only for what the upper has not."""

    __slots__ = ("_lower", "_upper")

    def __init__(self, upper: Mapping[str, T], lower: Mapping[str, T]) -> None:
        self._upper = upper
        self._lower = lower

    def __getitem__(self, name: str) -> T:
        return self._upper[name] if name in self._upper else self._lower[name]

    def __contains__(self, name: object) -> bool:
        return name in self._upper or name in self._lower

    def __iter__(self) -> Iterator[str]:
        yield from self._upper
        yield from (name for name in self._lower if name not in self._upper)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def with_own_profiles(
    document: Document, sections: Outline, catalog: Catalog, services: Mapping[str, Any], findings: Findings
) -> Catalog:
    """The catalogue with the profiles of the file over it. A profile may be based on one that stands before it."""
    if not any(sections.kinds[kind] for kind in _KINDS):
        return catalog
    own: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS}
    aliases: dict[str, str] = {}
    layered = Catalog(
        distros=Layered(own["distro"], catalog.distros),
        oses=Layered(own["os"], catalog.oses),
        vendors=catalog.vendors,
        archetypes=Layered(own["archetype"], catalog.archetypes),
        os_aliases=Layered(aliases, catalog.os_aliases),
    )
    for kind in _KINDS:
        for name, section in sections.kinds[kind].items():
            profile = _profile(kind, name, section, document, layered, findings)
            if profile is not None:
                own[kind][name] = profile
                aliases.update({fold(alias): name for alias in getattr(profile, "aliases", ())})
    customs = [word for name in sections.kinds["custom"] for word in (name, f"custom-{name}")]
    for section in sections.kinds["archetype"].values():
        _check_services(section, document, {*services, *customs}, findings)
    return layered


def _profile(
    kind: str, name: str, section: Section, document: Document, catalog: Catalog, findings: Findings
) -> Any:
    for parent in section.parents:
        hint = "name another profile with the key: base = NAME"
        findings.add(Problem("unknown-parent", "a profile has no parents", parent.span, hint))
    given, problems = gather(document, (section,))
    findings.add(*problems)
    try:
        return from_section(
            kind, name, {key: found.text for key, found in given.items()}, section.span, catalog
        )
    except InvalidInput as error:
        findings.add(*error.problems)
        return _stand_in(kind, name, given, catalog)


def _stand_in(kind: str, name: str, given: Mapping[str, Found], catalog: Catalog) -> Any:
    """Its base, for a profile that is wrong: who names the profile has made no mistake."""
    kinds: Mapping[str, Mapping[str, Any]] = {
        "os": catalog.oses,
        "distro": catalog.distros,
        "archetype": catalog.archetypes,
    }
    base = scalar(given["base"].text) if "base" in given else ""
    return dataclasses.replace(kinds[kind][base], name=name) if base in kinds[kind] else None


def _check_services(section: Section, document: Document, known: set[str], findings: Findings) -> None:
    """A shipped archetype may name services of a later version; one of the file may not."""
    given, _ = gather(document, (section,))
    found = given.get("services")
    for word in items(found.text) if found else ():
        if word.raw not in known:
            hint = did_you_mean(word.raw, known, f"known: {', '.join(sorted(known))}")
            findings.error("unknown-service", f'unknown service "{word.raw}"', word.span, hint)
