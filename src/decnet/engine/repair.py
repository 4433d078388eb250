"""What it takes to have a network again as it was applied: a plan whose file is the state. Pure."""

from __future__ import annotations

import dataclasses

from decnet.engine.desired import Declared, Desired
from decnet.engine.graph import Act, Op
from decnet.engine.plan import Plan, plan
from decnet.state import Snapshot
from decnet.world import Observed, Service, Sink


def repair_plan(saved: Snapshot, observed: Observed) -> Plan:
    """The plan that brings back what drifted, and touches nothing else. ``saved`` is recovered.

    What is there and is not in the state stays for the next `apply` to judge. Raises `InvalidInput` when a protected
    decoy would have to be replaced.
    """
    resources = {id_: Declared(was.resource, was.span) for id_, was in saved.resources.items()}
    known = {id_: resource for id_, resource in observed.resources.items() if id_ in resources}
    found = plan(
        Desired(saved.about, resources), saved, dataclasses.replace(observed, resources=known, foreign=())
    )
    return dataclasses.replace(found, ops=tuple(_with_content(op, saved) for op in found.ops))


def _with_content(op: Op, saved: Snapshot) -> Op:
    """Only a bundle that is needed is read from the state."""
    resource = op.resource
    if not isinstance(resource, Service | Sink) or not (op.act is Act.CREATE or "bundle" in op.fields):
        return op
    return dataclasses.replace(op, content=saved.contents.get(resource.bundle))
