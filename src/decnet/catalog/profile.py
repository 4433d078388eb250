"""One profile: the texts of its keys → Distro, Os, Vendor or Archetype."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, TypeVar

from decnet.catalog.keys import ArchetypeKeys, DistroKeys, OsKeys, VendorKeys
from decnet.catalog.model import Archetype, Catalog, Distro, Os, Vendor
from decnet.catalog.personality import OWNERS, SECTIONS, personality
from decnet.errors import InvalidInput, Problem, Span
from decnet.ini import Text, did_you_mean, fold, items, scalar
from decnet.ini.names import quote
from decnet.ini.schema import fields, fill
from decnet.stack import Personality

T = TypeVar("T")
_SYSCTL = re.compile(r"net(\.[a-z0-9_]+){2,}")
"""Only what a network namespace has of its own; no slash and no empty part, for the name becomes a path."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of profile: its folder, its value, its keys, and the tables of further keys that it has.

    ``tables`` maps the name of a section in a profile file to the field that holds its keys. ``any_table`` names the
    field of the kind whose further sections are free (the services of an archetype).
    """

    name: str
    folder: str
    value: Callable[..., T]
    keys: type[Any]
    required: tuple[str, ...]
    tables: Mapping[str, str] = field(default_factory=dict)
    any_table: str = ""
    typed: frozenset[str] = frozenset()
    """Further sections, whose keys have types: those of a `decnet.stack.Personality`."""
    names: tuple[str, ...] = ()
    """Keys whose values are names of other profiles."""


DISTRO = Kind(
    "distro",
    "distros",
    Distro,
    DistroKeys,
    ("title", "family", "kernel", "kernel_build", "package_manager", "released", "os_release"),
    {"os_release": "os_release", "versions": "versions"},
    names=("os",),
)
OS = Kind(
    "os",
    "os",
    Os,
    OsKeys,
    ("title", "family"),
    {"sysctls": "settings"},
    typed=frozenset(SECTIONS),
    names=("vendors",),
)
VENDOR = Kind("vendor", "vendors", Vendor, VendorKeys, ("title", "prefixes"))
ARCHETYPE = Kind(
    "archetype",
    "archetypes",
    Archetype,
    ArchetypeKeys,
    ("title", "services", "hostnames"),
    any_table="personas",
    names=("os", "distros", "vendors"),
)
KINDS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in (DISTRO, OS, VENDOR, ARCHETYPE)}


def from_section(
    kind: str, name: str, given: Mapping[str, Text], where: Span, catalog: Catalog
) -> Distro | Os | Vendor | Archetype:
    """The profile that ``[distro-NAME]``, ``[os-NAME]`` or ``[archetype-NAME]`` of a network file defines.

    ``given`` has every key of the section with its text, interpolated; ``where`` is the section's place. ``base``
    names a profile of the catalogue. Raises `InvalidInput` with every problem there is.
    """
    bases = {
        "distro": catalog.distros,
        "os": catalog.oses,
        "vendor": catalog.vendors,
        "archetype": catalog.archetypes,
    }
    value: Distro | Os | Vendor | Archetype = build(
        KINDS[kind], name, given, where, bases=bases[kind], names=known_names(catalog)
    )
    return value


class _Either(Collection[str]):
    """The names of two collections; the second is looked at only for what the first has not."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Collection[str], second: Collection[str]) -> None:
        self._first = first
        self._second = second

    def __contains__(self, name: object) -> bool:
        return name in self._first or name in self._second

    def __iter__(self) -> Iterator[str]:
        return chain(self._first, self._second)

    def __len__(self) -> int:
        return len(self._first) + len(self._second)


def known_names(catalog: Catalog) -> dict[str, Collection[str]]:
    """What a key that names other profiles may say, by key."""
    oses = _Either(catalog.oses, catalog.os_aliases)
    return {"os": oses, "distros": catalog.distros, "vendors": catalog.vendors}


def build(
    kind: Kind[T],
    name: str,
    given: Mapping[str, Text],
    where: Span,
    *,
    bases: Mapping[str, T],
    names: Mapping[str, Collection[str]],
) -> T:
    """A profile from its keys, those of its tables written ``table.key``. Raises `InvalidInput`.

    ``bases`` are the profiles of its own kind, ``names`` what its keys that name other profiles may say.
    """
    texts = {fold(key): text for key, text in given.items()}
    plain = {key: text for key, text in texts.items() if "." not in key}
    filled, found = fill(kind.keys, plain, where)
    problems = list(found)
    typed = {key: text for key, text in texts.items() if key.partition(".")[0] in kind.typed}
    tables = _tables(
        kind, {key: text for key, text in texts.items() if "." in key and key not in typed}, problems
    )
    base = _base(kind, texts.get("base"), bases, problems)
    for key in kind.names:
        if key in plain:
            problems += _unknown_names(key, plain[key], names[key])
    made = None
    if kind is OS:
        below = getattr(base, "personality", Personality())
        made, wrong = personality(typed, below, where, _sysctls(texts))
        problems += wrong
    if filled is None or problems:
        raise InvalidInput(tuple(problems))
    values = {
        one.name: getattr(filled if base is None or one.name in (*plain, "aliases") else base, one.name)
        for one in fields(kind.keys)
        if one.name != "base"
    }
    for table, own in tables.items():
        values[table] = _over(getattr(base, table), own) if base is not None else own
    if made is not None:
        values["personality"] = made
        values["settings"] = {
            sysctl: value
            for sysctl, value in values["settings"].items()
            if OWNERS.get(sysctl) not in typed or sysctl in tables["settings"]
        }
    missing = [key for key in kind.required if not values[key]]
    if missing:
        hint = "give it, or name a profile to take it from: base = NAME"
        raise InvalidInput(
            tuple(
                Problem("missing-key", f"{quote(name)} has no {quote(key)}", where, hint) for key in missing
            )
        )
    return kind.value(name=name, **values)


def _over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A table over that of the base; personas key by key."""
    merged = dict(base)
    for key, value in own.items():
        merged[key] = {**base.get(key, {}), **value} if isinstance(value, dict) else value
    return merged


def _base(kind: Kind[T], text: Text | None, known: Mapping[str, T], problems: list[Problem]) -> T | None:
    if text is None:
        return None
    name = scalar(text)
    if name not in known:
        hint = did_you_mean(name, known)
        problems.append(
            Problem(f"unknown-{kind.name}", f"there is no {kind.name} {quote(name)}", text.span, hint)
        )
        return None
    return known[name]


def _unknown_names(key: str, text: Text, known: Collection[str]) -> list[Problem]:
    kind = key.removesuffix("s") if key != "os" else key
    return [
        Problem(
            f"unknown-{kind}",
            f"there is no {kind} {quote(item.raw)}",
            item.span,
            did_you_mean(item.raw, known),
        )
        for item in items(text)
        if item.raw not in known
    ]


def _tables(kind: Kind[Any], texts: Mapping[str, Text], problems: list[Problem]) -> dict[str, dict[str, Any]]:
    """The keys with a dot, sorted into the kind's tables."""
    tables: dict[str, dict[str, Any]] = {name: {} for name in (*kind.tables.values(), kind.any_table) if name}
    for key, text in texts.items():
        table, _, rest = key.partition(".")
        if "sysctls" in kind.tables and table == "net":
            table, rest = "sysctls", key  # as it is, in a network file
        if kind.any_table and rest:
            tables[kind.any_table].setdefault(table, {})[rest] = scalar(text)
        elif table == "sysctls" and _SYSCTL.fullmatch(rest) and not text.raw.strip():
            hint = "what the kernel has stays where the key is left out"
            problems.append(Problem("bad-value", f"{quote(rest)} has no value", text.span, hint))
        elif table in kind.tables and (kind is not OS or _SYSCTL.fullmatch(rest)):
            # What /etc/os-release says is kept to the letter: some releases quote a value, some do not.
            name, value = (rest.upper(), text.raw) if table == "os_release" else (rest, scalar(text))
            tables[kind.tables[table]][name] = value
        else:
            problems.append(_unknown(kind, key, text))
    return tables


def _sysctls(texts: Mapping[str, Text]) -> dict[str, Text]:
    """Those among the keys, as they are: ``net.ipv4.tcp_sack``."""
    named = ((key.removeprefix("sysctls."), text) for key, text in texts.items())
    return {key: text for key, text in named if key.startswith("net.")}


def _unknown(kind: Kind[Any], key: str, text: Text) -> Problem:
    hint = "a sysctl of a network namespace, such as net.ipv4.ip_default_ttl" if kind is OS else ""
    return Problem(
        "unknown-key",
        f"unknown key {quote(key)}",
        text.span,
        hint or did_you_mean(key, (*kind.tables, *kind.typed)),
    )
