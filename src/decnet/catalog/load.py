"""Profile folders → Catalog. Names come from the names of the files; a file is read when somebody asks for it.

So loading costs four listings of folders, and a network pays for the profiles that it uses. A mistake in a profile
is therefore an `InvalidInput` out of the look-up of that profile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import decnet
from decnet.catalog.model import Catalog, Os
from decnet.catalog.profile import ARCHETYPE, DISTRO, OS, VENDOR, Kind, build, known_names
from decnet.errors import InvalidInput, Problem, Span
from decnet.ini import Document, Section, Text, did_you_mean, fold, gather
from decnet.ini import load as read
from decnet.ini.names import quote

T = TypeVar("T")
INSTALLED = Path(decnet.__file__).parent / "profiles"
SYSTEM = Path("/etc/decnet/profiles")


class Profiles(Mapping[str, T], Generic[T]):
    """Profiles of one kind by name; ``in``, ``len`` and iteration read no file."""

    __slots__ = ("_kind", "_names", "_open", "_paths", "_read")

    def __init__(self, kind: Kind[T], roots: Sequence[Path], names: Mapping[str, Collection[str]]) -> None:
        self._kind = kind
        self._names = names
        self._paths: dict[str, list[Path]] = {}
        for root in roots:
            for path in sorted((root / kind.folder).glob("*.ini")):
                self._paths.setdefault(path.stem.lower(), []).append(path)
        self._read: dict[str, T] = {}
        self._open: list[str] = []

    def __getitem__(self, name: str) -> T:
        """The profile. Raises `KeyError` without one, `InvalidInput` when its file is wrong."""
        if name not in self._read:
            self._read[name] = self._build(name, self._paths[name])
        return self._read[name]

    def _build(self, name: str, paths: Sequence[Path]) -> T:
        # A profile that is based on its own name means the one that its file stands in for.
        depth = self._open.count(name)
        if depth == len(paths):
            message = f"profiles are based on each other: {' → '.join((*self._open, name))}"
            raise InvalidInput((Problem("profile-cycle", message, Span(str(paths[0]), 0)),))
        self._open.append(name)
        try:
            given, where = _given(self._kind, read(paths[-1 - depth]))
            return build(self._kind, name, given, where, bases=self, names=self._names)
        finally:
            self._open.pop()

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, name: object) -> bool:
        return name in self._paths


class Aliases(Mapping[str, str]):
    """Further names of operating systems → names; case does not count, nor ``_`` for ``-``."""

    __slots__ = ("_names", "_oses")

    def __init__(self, oses: Mapping[str, Os]) -> None:
        self._oses = oses
        self._names: dict[str, str] = {}

    def _table(self) -> dict[str, str]:
        if not self._names:
            self._names = {fold(alias): name for name, os in self._oses.items() for alias in os.aliases}
        return self._names

    def __getitem__(self, name: str) -> str:
        return self._table()[fold(name)]

    def __iter__(self) -> Iterator[str]:
        return (alias for os in self._oses.values() for alias in os.aliases)

    def __len__(self) -> int:
        return len(self._table())


def load(overlays: Sequence[Path] = ()) -> Catalog:
    """The catalogue of the installed profiles, /etc/decnet/profiles, then each overlay folder; the same name wins.

    Takes about a millisecond. Raises nothing: a folder that is not there has no profiles.
    """
    roots = (INSTALLED, SYSTEM, *overlays)
    names: dict[str, Collection[str]] = {}
    oses = Profiles(OS, roots, names)
    catalog = Catalog(
        distros=Profiles(DISTRO, roots, names),
        oses=oses,
        vendors=Profiles(VENDOR, roots, names),
        archetypes=Profiles(ARCHETYPE, roots, names),
        os_aliases=Aliases(oses),
    )
    names |= known_names(catalog)
    return catalog


def _given(kind: Kind[T], document: Document) -> tuple[dict[str, Text], Span]:
    """The keys of a profile file as those of one section, and the place of that section. Raises `InvalidInput`."""
    given: dict[str, Text] = {}
    problems: list[Problem] = []
    where = Span(document.file, 0)
    for section in document.sections.values():
        if section.key == kind.name:
            where = section.span
        elif fold(section.key) not in {*kind.tables, *kind.typed} and not kind.any_table:
            known = (kind.name, *(table.replace("_", "-") for table in kind.tables), *sorted(kind.typed))
            message = f"unknown section [{section.name}] in a profile of this kind"
            problems.append(
                Problem("unknown-section", message, section.span, did_you_mean(section.name, known))
            )
            continue
        problems += _parents(section)
        values, unread = gather(document, (section,))
        problems += unread
        prefix = "" if section.key == kind.name else f"{fold(section.key)}."
        given |= {prefix + key: found.text for key, found in values.items()}
    if not where.line:
        message = f"{quote(document.file)} has no section [{kind.name}]"
        problems.append(
            Problem("missing-section", message, where, f"a file in {kind.folder}/ begins with [{kind.name}]")
        )
    if problems:
        raise InvalidInput(tuple(problems))
    return given, where


def _parents(section: Section) -> list[Problem]:
    hint = "name another profile with the key: base = NAME"
    return [
        Problem("unknown-parent", "a section of a profile has no parents", parent.span, hint)
        for parent in section.parents
    ]
