"""After a run that was killed: what became of its open intents is seen by looking. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from decnet.engine.desired import Desired
from decnet.engine.diff import told
from decnet.engine.graph import Act
from decnet.state import Saved, Snapshot
from decnet.world import Id, Observed, Resource, Stack


def expected(saved: Snapshot, desired: Desired | None = None) -> Iterator[Resource]:
    """What a look at the machine should look for: all that was, or may have been, or is to be made."""
    # Where two say different things of one resource, the world goes by the last: by what was applied.
    if desired:
        for declared in desired.resources.values():
            yield declared.resource
    for entry in saved.intents:
        yield entry.resource
    for was in saved.resources.values():
        yield was.resource


def seen(saved: Snapshot, observed: Observed) -> Observed:
    """What is there, as far as it was seen; where sight was barred, what was saved is taken to be there still."""
    if not observed.unseen:
        return observed
    there = {id_: was.resource for id_, was in saved.resources.items()}
    return dataclasses.replace(observed, resources={**there, **observed.resources})


def recover(saved: Snapshot, observed: Observed) -> Snapshot:
    """The snapshot with the resources of open intents as they are on the machine.

    The intents stay in it, so that `apply` closes them in the journal.
    """
    if not saved.intents or observed.unseen:
        return saved
    resources = dict(saved.resources)
    for entry in saved.intents:
        id_ = entry.resource.id
        actual = observed.resources.get(id_)
        if actual is not None:
            resources[id_] = Saved(as_found(entry.resource, actual), entry.span)
        elif entry.action == Act.REMOVE:
            resources.pop(id_, None)
        # What was there before and was to be made again, or changed, is gone as after any other loss.
    return dataclasses.replace(saved, resources=resources)


def resolved(saved: Snapshot) -> dict[Id, Saved | None]:
    """What a recovered snapshot says of its intents' resources."""
    return {entry.resource.id: saved.resources.get(entry.resource.id) for entry in saved.intents}


def as_found(known: Resource, actual: Resource) -> Resource:
    """``actual``, with what a machine does not tell taken from ``known``."""
    if isinstance(known, Stack) and isinstance(actual, Stack):
        named = dict(known.sysctls)
        sysctls = tuple(pair for pair in actual.sysctls if pair[0] in named)
        return dataclasses.replace(actual, sysctls=sysctls)
    return dataclasses.replace(known, **{name: getattr(actual, name) for name in told(type(known))})
