"""A state made anew from the world, where the old one was lost. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from decnet.engine.desired import Desired
from decnet.engine.recover import as_found
from decnet.errors import Span
from decnet.state import Effect, Saved
from decnet.world import Decoy, Kind, Observed, Resource, Stack, bundle_of


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is written to the state: every resource as it was found, with what only the file tells.

    ``missing`` are declared decoys that are not there, ``unknown`` are decoys that are there and not declared.
    """

    effects: tuple[Effect, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    def count(self, kind: Kind) -> int:
        """How many resources of a kind were found."""
        return sum(effect.id.kind is kind for effect in self.effects)


def expected_to_adopt(desired: Desired, settable: Collection[str]) -> Iterator[Resource]:
    """What a look for `adoption` should look for: what is declared.

    ``settable`` are the sysctls that some system sets. One that a decoy's own does not may still stand there from what
    it was before, and is told then (`World.observe`): the decoy is to be made anew.
    """
    for declared in desired.resources.values():
        one = declared.resource
        if isinstance(one, Stack):
            asked = {**dict.fromkeys(settable, ""), **dict(one.sysctls)}
            one = dataclasses.replace(one, sysctls=tuple(sorted(asked.items())))
        yield one


def adoption(desired: Desired, observed: Observed) -> Adoption:
    """What the machine has of a network that the file declares."""
    effects = []
    for number, (id_, actual) in enumerate(observed.resources.items()):
        declared = desired.resources.get(id_)
        found = actual
        if declared and not isinstance(actual, Stack):
            found = as_found(declared.resource, actual)
        span = declared.span if declared else Span("", 0)
        content = declared.content if declared and bundle_of(declared.resource) == bundle_of(found) else None
        effects.append(Effect(number, id_, Saved(found, span), content))
    there = {one.name for one in observed.resources.values() if isinstance(one, Decoy)}
    named = {id_.owner for id_ in desired.resources if id_.kind is Kind.DECOY}
    return Adoption(tuple(effects), tuple(sorted(named - there)), tuple(sorted(there - named)))
