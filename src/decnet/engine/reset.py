"""What it takes to have services of high interaction anew: a repair of what is as it should be. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from decnet.engine.plan import Plan
from decnet.engine.repair import repair_plan
from decnet.state import Snapshot
from decnet.world import Custom, Id, Observed


def resettable(saved: Snapshot) -> dict[str, list[Id]]:
    """Decoy → its services of high interaction."""
    found: dict[str, list[Id]] = {}
    for id_, was in saved.resources.items():
        if isinstance(was.resource, Custom) and was.resource.high:
            found.setdefault(id_.owner, []).append(id_)
    return found


def reset_plan(saved: Snapshot, observed: Observed, decoys: Collection[str]) -> Plan:
    """The plan that makes the services of high interaction of these decoys anew, and touches nothing else.

    It changes nothing of what was applied, so like a repair it needs no journal: killed at any moment, it leaves
    something that has gone, which the supervisor or the next `apply` makes again.
    """
    chosen = {id_ for decoy, ids in resettable(saved).items() if decoy in decoys for id_ in ids}
    seen = {id_: was.resource for id_, was in saved.resources.items()}
    for id_ in chosen:
        found = observed.resources.get(id_)
        if isinstance(found, Custom):
            seen[id_] = dataclasses.replace(found, worn=True)
        else:
            del seen[id_]
    return repair_plan(saved, dataclasses.replace(observed, resources=seen))
