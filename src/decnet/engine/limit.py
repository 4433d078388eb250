"""A part of a network: what ``--limit`` lets a command see. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple, TypeVar

from decnet.engine.desired import Declared, Desired
from decnet.engine.diff import compare
from decnet.engine.renamed import renamed
from decnet.errors import UsageError
from decnet.ini import did_you_mean
from decnet.state import Saved, Snapshot
from decnet.world import Decoy, Id, Kind, Lan, Link, Observed, Policy, Resource

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Limit:
    """Shell globs over the names of decoys and groups, without regard to case; none is no limit."""

    patterns: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: Iterable[str]) -> Limit:
        """From what was given, each word a list separated by commas."""
        return cls(tuple(part for word in words for part in word.split(",") if part))

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def choose(self, groups: Mapping[str, str]) -> frozenset[str]:
        """The decoys that match, of names and their groups. Raises `UsageError` for a pattern that matches none."""
        chosen: set[str] = set()
        for pattern in self.patterns:
            glob = pattern.lower()
            found = {
                name
                for name, group in groups.items()
                if fnmatchcase(name.lower(), glob) or (group and fnmatchcase(group.lower(), glob))
            }
            if not found:
                near = did_you_mean(pattern, sorted({*groups, *groups.values()} - {""}))
                raise UsageError(f'--limit: no decoy or group matches "{pattern}"', hint=near)
            chosen |= found
        return frozenset(chosen)


class Narrowed(NamedTuple):
    """What is left to compare. ``hidden`` counts the decoys that are not."""

    desired: Desired
    saved: Snapshot
    observed: Observed
    hidden: int


def narrow(
    limit: Limit, desired: Desired, saved: Snapshot, observed: Observed, *, looking: bool = False
) -> Narrowed:
    """The chosen decoys and the LANs they stand on, as if there were nothing else.

    Raises `UsageError` for a pattern that matches nothing, and, unless one is only ``looking``, when a chosen decoy
    cannot change without one that is hidden.
    """
    groups = _groups(desired, saved, observed)
    chosen = set(limit.choose(groups))
    for new, old in renamed(desired.resources, saved.resources).items():
        chosen |= {new, old} if new in chosen or old in chosen else set()
    lans = {
        declared.resource.lan
        for id_, declared in desired.resources.items()
        if id_.owner in chosen and isinstance(declared.resource, Link)
    }
    resources = dict(desired.resources)
    if not looking:
        hidden = _hidden_links(chosen, saved, observed)
        _check_lans(lans, hidden, desired, saved, observed)
        _check_taken(chosen, desired, saved)
        resources.update(_roomy(lans, hidden, desired, observed))

    def part(resources: Mapping[Id, R]) -> dict[Id, R]:
        return {id_: one for id_, one in resources.items() if _is_seen(id_, chosen, lans)}

    return Narrowed(
        dataclasses.replace(desired, resources=part(resources)),
        dataclasses.replace(saved, resources=part(saved.resources)),
        dataclasses.replace(
            observed,
            resources=part(observed.resources),
            lacking={decoy: why for decoy, why in observed.lacking.items() if decoy in chosen},
        ),
        len(groups.keys() - chosen),
    )


def _is_seen(id_: Id, chosen: set[str], lans: set[str]) -> bool:
    if id_.kind is Kind.SINK:
        return False
    return id_.owner in (lans if id_.kind is Kind.LAN else chosen)


def _groups(desired: Desired, saved: Snapshot, observed: Observed) -> dict[str, str]:
    """Every decoy there is with its group, as the file says it where it does."""
    found: dict[str, str] = {}
    for resources in (
        observed.resources.values(),
        (was.resource for was in saved.resources.values()),
        (declared.resource for declared in desired.resources.values()),
    ):
        for resource in resources:
            if isinstance(resource, Decoy):
                found[resource.name] = resource.group
    return found


def _hidden_links(chosen: set[str], saved: Snapshot, observed: Observed) -> list[Link]:
    """Links of decoys that are not chosen, as they are on the machine, else as they were applied."""
    links = {link.id: link for link in _links(saved.resources)}
    links.update({one.id: one for one in observed.resources.values() if isinstance(one, Link)})
    return [link for link in links.values() if link.decoy not in chosen]


def _roomy(
    lans: set[str], hidden: list[Link], desired: Desired, observed: Observed
) -> Iterator[tuple[Id, Declared]]:
    """LANs that keep the bridges which hidden decoys are plugged into."""
    for name in lans & {link.lan for link in hidden}:
        id_ = Id(Kind.LAN, name)
        declared, actual = desired.resources[id_], observed.resources.get(id_)
        lan = declared.resource
        if isinstance(lan, Lan) and isinstance(actual, Lan) and actual.bridges > lan.bridges:
            yield (
                id_,
                dataclasses.replace(declared, resource=dataclasses.replace(lan, bridges=actual.bridges)),
            )


def _check_lans(
    lans: set[str], hidden: list[Link], desired: Desired, saved: Snapshot, observed: Observed
) -> None:
    """A LAN that would go and come back takes everybody along who stands on it."""
    for name in sorted(lans):
        id_ = Id(Kind.LAN, name)
        was, declared = saved.resources.get(id_), desired.resources[id_].resource
        there = (was.resource if was else declared, observed.resources.get(id_, declared))
        if not any(_replaced(one, declared) for one in there):
            continue
        others = [link.decoy for link in hidden if link.lan == name]
        if others:
            raise UsageError(
                f"--limit: LAN {name} would go and come back, and {len(others)} hidden decoys with it",
                hint="apply without --limit",
            )


def _replaced(old: Resource, new: Resource) -> bool:
    return isinstance(old, Lan) and any(change.policy is Policy.REPLACE for change in compare(old, new))


def _check_taken(chosen: set[str], desired: Desired, saved: Snapshot) -> None:
    """What a hidden decoy has, and gives up in the file, is not free yet."""
    held: dict[str, str] = {}
    for link in _links(saved.resources):
        if link.decoy not in chosen:
            held |= {value: link.decoy for value in (link.address, link.address6, link.mac) if value}
    for link in _links(desired.resources):
        if link.decoy in chosen:
            for value in (link.address, link.address6, link.mac):
                if value in held:
                    raise UsageError(
                        f"--limit: {link.decoy} takes {value.partition('/')[0]} from {held[value]}, which is hidden",
                        hint=f"add {held[value]} to --limit",
                    )


def _links(resources: Mapping[Id, Saved] | Mapping[Id, Declared]) -> list[Link]:
    return [one.resource for one in resources.values() if isinstance(one.resource, Link)]
