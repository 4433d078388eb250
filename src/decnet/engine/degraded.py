"""What decoys go without since the machine cannot do it: what of that is news for the event log. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from decnet.engine.execute import Outcome
from decnet.state import Snapshot
from decnet.world import Observed, Stack

_NAMED = 3
"""Decoys that a line names; of more, how many."""


@dataclass(frozen=True, slots=True)
class News:
    """``fresh`` is to be told, ``mended`` was told and is over: decoy → what and why. ``known`` is what is told then."""

    fresh: Mapping[str, str]
    mended: Mapping[str, str]
    known: Mapping[str, str]


def news(saved: Snapshot, observed: Observed, outcome: Outcome) -> News:
    """What of a look has not been told. ``observed`` was seen before, ``saved`` holds after what the outcome is of.

    A decoy is mended when what it lacked was seen, or made; until then it is drift, and what was told holds. One that
    has gone has nothing to be told of.
    """
    stacks = {
        id_.owner: was.resource for id_, was in saved.resources.items() if isinstance(was.resource, Stack)
    }
    lacking = {decoy: why for decoy, why in observed.lacking.items() if decoy in stacks}
    done = {op.resource.id for op in outcome.done}
    before = {decoy: why for decoy, why in saved.degraded.items() if decoy in stacks}
    mended = {
        decoy: why
        for decoy, why in before.items()
        if decoy not in lacking and (stacks[decoy].id in done or _is_there(stacks[decoy], observed))
    }
    kept = {decoy: why for decoy, why in before.items() if decoy not in mended}
    fresh = {decoy: why for decoy, why in lacking.items() if before.get(decoy) != why}
    return News(fresh, mended, {**kept, **fresh})


def lines(lacking: Mapping[str, str]) -> Iterator[str]:
    """Each thing that is lacking, with the first decoys that lack it."""
    for why in dict.fromkeys(lacking.values()):
        yield f"{why} ({_listed(sorted(name for name, one in lacking.items() if one == why))})"


def _is_there(wanted: Stack, observed: Observed) -> bool:
    found = observed.resources.get(wanted.id)
    return isinstance(found, Stack) and found.personality == wanted.personality


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
