"""What is to be done to each resource, and which decoys go and come back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from decnet.engine.desired import Declared
from decnet.engine.diff import Delta
from decnet.errors import Span
from decnet.state import Saved
from decnet.world import Id, Kind, Link, Policy, Resource, Stack, policies

_REPLACING_KINDS = {Kind.DECOY, Kind.LINK, Kind.STACK}
_STACK = frozenset(name for name, policy in policies(Stack).items() if policy is Policy.LIVE)
"""A stack is brought to its values as a whole."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done to one resource: taken away, made, changed in place, or only written down.

    ``remove`` and ``create`` together are a replacement. ``update`` names fields; empty with neither of the others,
    the machine is left alone and the state alone is brought up to date.
    """

    reason: str
    span: Span
    remove: Resource | None = None
    create: Declared | None = None
    update: Declared | None = None
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """Steps by resource; ``replaced`` are the decoys that go and come back, ``lans`` the LANs that do."""

    steps: Mapping[Id, Step]
    replaced: frozenset[str]
    lans: frozenset[str]


def decide(
    deltas: Iterable[Delta],
    desired: Mapping[Id, Declared],
    saved: Mapping[Id, Saved],
    observed: Mapping[Id, Resource],
) -> Decision:
    """The steps that make the world as desired."""
    deltas = list(deltas)
    steps = {delta.id: _step(delta) for delta in deltas}
    lans = frozenset(
        d.id.owner for d in deltas if d.id.kind is Kind.LAN and _has(d, Policy.REPLACE) and d.declared
    )
    there = {**{id_: was.resource for id_, was in saved.items()}, **observed}
    moved = _on(lans, desired, there) if lans else set()
    replaced = {d.id.owner for d in deltas if _replaces(d)} | moved
    renewed = replaced | {d.id.owner for d in deltas if d.id.kind is Kind.DECOY and d.gone}
    if renewed:
        everything = dict.fromkeys((*desired, *saved, *observed))
        for id_ in everything:
            if id_.owner in renewed and id_.kind is not Kind.LAN:
                left = id_.owner in replaced or id_ not in desired
                # What has gone and is only to come back is not taken away first: whoever restarts it would be in its way.
                gone = there.get(id_) if left else observed.get(id_)
                steps[id_] = _renew(id_, desired.get(id_), saved.get(id_), gone, steps.get(id_))
    declared_decoys = {id_.owner for id_ in desired if id_.kind is Kind.DECOY}
    return Decision(steps, frozenset(replaced & declared_decoys), lans)


def _has(delta: Delta, policy: Policy) -> bool:
    return any(change.policy is policy for change in (*delta.changes, *delta.drift))


def _replaces(delta: Delta) -> bool:
    """Whether a delta takes the whole decoy down. A link that drifted is made again on its own."""
    if delta.declared is None or delta.new or delta.id.kind not in _REPLACING_KINDS:
        return False
    if delta.id.kind is Kind.DECOY and any(change.policy is Policy.REPLACE for change in delta.drift):
        return True
    return any(change.policy is Policy.REPLACE for change in delta.changes)


def _step(delta: Delta) -> Step:
    declared, span = delta.declared, _span(delta)
    if declared is None:
        reason = "no longer declared" if delta.saved else "left over: neither declared nor in the state"
        return Step(reason, span, remove=delta.resource)
    if delta.new:
        return Step("new", span, create=declared)
    if delta.gone:
        return Step("gone from the machine", span, create=declared)
    reason = ", ".join(change.name for change in (*delta.changes, *delta.drift)) or "found on the machine"
    if _has(delta, Policy.REPLACE) and delta.id.kind is Kind.LINK:
        return Step(reason, span, create=declared)
    if _has(delta, Policy.REPLACE) or _has(delta, Policy.RESTART):
        return Step(reason, span, remove=delta.actual, create=declared)
    live = [change.name for change in (*delta.changes, *delta.drift) if change.policy is Policy.LIVE]
    fields = _STACK if live and isinstance(declared.resource, Stack) else frozenset(live)
    return Step(reason, span, update=declared, fields=fields)


def _renew(
    id_: Id, declared: Declared | None, saved: Saved | None, there: Resource | None, step: Step | None
) -> Step:
    """The step of a resource whose decoy goes and comes back, or has gone and comes back."""
    span = declared.span if declared else saved.span if saved else Span("", 0)
    base = step or Step(f"decoy {id_.owner} goes and comes back", span)
    return replace(base, remove=there, create=declared, update=None, fields=frozenset())


def _on(lans: frozenset[str], desired: Mapping[Id, Declared], there: Mapping[Id, Resource]) -> set[str]:
    """Declared decoys that have, or will have, a link on these LANs and exist already, in the state or without it."""
    return {
        id_.owner
        for id_, link in there.items()
        if isinstance(link, Link) and id_ in desired and {link.lan, _lan_of(desired[id_].resource)} & lans
    }


def _lan_of(resource: Resource) -> str:
    return resource.lan if isinstance(resource, Link) else ""


def _span(delta: Delta) -> Span:
    if delta.declared:
        return delta.declared.span
    return delta.saved.span if delta.saved else Span("", 0)
