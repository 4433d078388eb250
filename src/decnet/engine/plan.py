"""The plan: what would change and why, as rows for people and as operations for the executor. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from decnet.engine import cost, degraded
from decnet.engine.cost import Cost
from decnet.engine.desired import Declared, Desired
from decnet.engine.diff import Delta, diff
from decnet.engine.explain import Detail, change_details, drift_details
from decnet.engine.graph import Op, ops
from decnet.engine.limit import Limit, narrow
from decnet.engine.recover import seen
from decnet.engine.renamed import deltas as renamed_deltas
from decnet.engine.renamed import renamed
from decnet.engine.steps import Decision, decide
from decnet.errors import InvalidInput, Problem, Span
from decnet.state import About, Saved, Snapshot
from decnet.world import Decoy, Id, Kind, Observed, Policy, Resource


class Action(StrEnum):
    """What happens to a decoy or a LAN."""

    ADD = "add"
    CHANGE = "change"
    REPLACE = "replace"
    RENAME = "rename"
    REMOVE = "remove"
    REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one decoy or LAN, and the rows that say so. ``costs`` are what an attacker would notice."""

    resource: Id
    action: Action
    details: tuple[Detail, ...]
    span: Span
    costs: tuple[Cost, ...] = ()

    @property
    def cost(self) -> str:
        """What an attacker would notice, in words."""
        return ", ".join(one.text for one in self.costs)

    @property
    def reason(self) -> str:
        """Why, in one line."""
        return "; ".join(detail.text for detail in self.details)


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of decoys, or of LANs. ``repair`` are those that only drifted; none of them is ``unchanged``."""

    add: int = 0
    change: int = 0
    replace: int = 0
    remove: int = 0
    unchanged: int = 0
    repair: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would do. ``ops`` are in an order in which each comes after what it waits for.

    ``hidden`` counts the decoys that ``--limit`` left out.
    """

    about: About
    serial: int
    changes: tuple[Change, ...]
    drift: tuple[Change, ...]
    ops: tuple[Op, ...]
    decoys: Summary
    lans: Summary
    warnings: tuple[str, ...] = ()
    hidden: int = 0
    sinks: Summary = Summary()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.ops


def plan(desired: Desired, saved: Snapshot, observed: Observed, limit: Limit = Limit()) -> Plan:  # noqa: B008 (a value)
    """Compare what is declared, what was applied and what is there; of all that, what ``limit`` lets see. Pure.

    Raises `InvalidInput` when a protected decoy would have to be replaced or removed, `UsageError` for a limit that
    cannot be.
    """
    warnings = [f"{thing} is there and is not ours" for thing in observed.foreign]
    warnings += [f"{thing} could not be looked at and is taken to be as applied" for thing in observed.unseen]
    observed = seen(saved, observed)
    hidden = 0
    if limit:
        desired, saved, observed, hidden = narrow(limit, desired, saved, observed)
    warnings += degraded.lines(observed.lacking)
    deltas = list(diff(desired.resources, saved.resources, observed.resources))
    decision = decide(deltas, desired.resources, saved.resources, observed.resources)
    changes, drift = _rows(deltas, decision, desired.resources, saved, observed)
    _refuse_protected(changes, desired.resources, saved.resources)
    return Plan(
        about=desired.about,
        serial=saved.serial,
        changes=changes,
        drift=drift,
        ops=ops(decision.steps),
        decoys=_summary(Kind.DECOY, changes, drift, desired.resources),
        lans=_summary(Kind.LAN, changes, drift, desired.resources),
        warnings=tuple(warnings),
        hidden=hidden,
        sinks=_summary(Kind.SINK, changes, drift, desired.resources),
    )


def _rows(
    deltas: Iterable[Delta],
    decision: Decision,
    desired: Mapping[Id, Declared],
    saved: Snapshot,
    observed: Observed,
) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    owners: defaultdict[Id, list[Delta]] = defaultdict(list)
    for delta in deltas:
        owners[row_of(delta.id)].append(delta)
    changes: list[Change] = []
    drift: list[Change] = []
    for new, old in renamed(desired, saved.resources).items():
        owners.pop(Id(Kind.DECOY, old), None)
        owners.pop(Id(Kind.DECOY, new), None)
        changed = list(renamed_deltas(new, old, desired, saved.resources))
        changes.append(_renamed(new, old, changed, decision, saved, observed.sessions))
    for owner, own in owners.items():
        change = _change(owner, own, decision, saved, observed.sessions)
        if change:
            changes.append(change)
        if change is None or change.action not in {Action.ADD, Action.REMOVE}:
            drift.extend(_repair(owner, own, observed.sessions))
    untold = decision.replaced - {owner.owner for owner in owners if owner.kind is Kind.DECOY}
    changes.extend(_moved(decoy, saved, observed.sessions) for decoy in sorted(untold))
    return tuple(sorted(changes, key=_order)), tuple(drift)


def row_of(id_: Id) -> Id:
    """What a row of the plan is about: the LAN, the sink, or the decoy that a resource belongs to."""
    return id_ if id_.kind in {Kind.LAN, Kind.SINK} else Id(Kind.DECOY, id_.owner)


def _change(
    owner: Id, own: list[Delta], decision: Decision, saved: Snapshot, sessions: Mapping[str, int]
) -> Change | None:
    head = next((delta for delta in own if delta.id == owner), None)
    if head and head.declared is None:
        text = "no longer declared" if head.saved else "left over: neither declared nor in the state"
        span = head.saved.span if head.saved else Span("", 0)
        return Change(owner, Action.REMOVE, (Detail(text, None, span),), span, _costs(owner, sessions))
    if head and head.declared and head.new:
        detail = Detail("new", None, head.declared.span)
        return Change(owner, Action.ADD, (detail,), head.declared.span)
    details, codes = _details(own, saved, decision)
    replaced = owner.owner in (decision.lans if owner.kind is Kind.LAN else decision.replaced)
    if replaced and any(detail.policy is Policy.REPLACE for detail in details):
        return Change(owner, Action.REPLACE, details, details[0].span, _costs(owner, sessions, codes))
    if not details:
        moved = _moved(owner.owner, saved, sessions)
        return moved if replaced and owner.kind is Kind.DECOY and not _drifted(own) else None
    dropped = sessions if any(d.policy is Policy.RESTART for d in details) else {}
    costs = _costs(owner, dropped, codes, "up to ")
    return Change(owner, Action.CHANGE, details, details[0].span, costs)


def _renamed(
    new: str, old: str, own: list[Delta], decision: Decision, saved: Snapshot, sessions: Mapping[str, int]
) -> Change:
    """A decoy that goes under one name and comes back under another, and what else changes of it."""
    rows, codes = _details(own, saved, decision)
    head = next(delta.declared for delta in own if delta.declared)
    span = head.spans.get("renamed_from", head.span)
    first = Detail(f"renamed from {old}", Policy.REPLACE, span)
    details = (first, *(row for row in rows if not row.follows))
    costs = _costs(Id(Kind.DECOY, old), sessions, codes)
    return Change(Id(Kind.DECOY, new), Action.RENAME, details, span, costs)


def _details(
    own: list[Delta], saved: Snapshot, decision: Decision
) -> tuple[tuple[Detail, ...], frozenset[cost.Code]]:
    """Rows of one decoy or LAN, those that replace it first, and what they cost.

    What follows from another row is left out of the rows.
    """
    whole = {delta.id.kind for delta in own if delta.gone}
    rows: list[Detail] = []
    codes: set[cost.Code] = set()
    for delta in own:
        if delta.gone and not delta.changes:
            continue
        if delta.id.kind in {Kind.STACK, Kind.LINK, Kind.DECOY} and delta.new and Kind.DECOY in whole:
            continue
        told = list(change_details(delta, saved.contents, decision.lans))
        rows.extend(told)
        codes.update(_codes(delta), *(row.costs for row in told))
    rows = list({(row.text, row.span): row for row in rows}.values())  # services of a decoy may say the same
    following = [row for row in rows if row.follows]
    if any(row.field and "." not in row.field.name for row in rows):
        rows = [row for row in rows if not row.follows]
        replaces = any(row.policy is Policy.REPLACE for row in rows)
        rows += [row for row in following if row.policy is Policy.REPLACE and not replaces]
    system = next((row for row in rows if row.field and row.field.name == "os"), None)
    if system:
        settings = [row for row in rows if row.field and row.field.name.startswith(("net.", "os.", "window"))]
        rows = [row for row in rows if row not in settings]
        if any(row.policy is Policy.REPLACE for row in settings):
            rows[rows.index(system)] = Detail(system.text, Policy.REPLACE, system.span, system.field)
    return tuple(sorted(rows, key=lambda row: row.policy is not Policy.REPLACE)), frozenset(codes)


def _codes(delta: Delta) -> Iterator[cost.Code]:
    """What of a change, the content of services apart, is seen from outside."""
    if delta.declared and delta.saved:
        yield from cost.of_resource(delta.saved.resource, delta.declared.resource)
        for change in delta.changes:
            yield from cost.of_field(delta.id.kind, change.name, change.policy)


def _drifted(own: list[Delta]) -> bool:
    return any(delta.drift or delta.gone for delta in own)


def _repair(owner: Id, own: list[Delta], sessions: Mapping[str, int]) -> Iterator[Change]:
    head = next((delta for delta in own if delta.id == owner), None)
    told = [head] if head and head.gone else [delta for delta in own if delta.declared]
    details = tuple(detail for delta in told for detail in drift_details(delta))
    if details:
        dropping = any(detail.policy is not Policy.LIVE for detail in details)
        costs = _costs(owner, sessions if dropping else {}, about="up to ")
        yield Change(owner, Action.REPAIR, details, details[0].span, costs)


def _moved(decoy: str, saved: Snapshot, sessions: Mapping[str, int]) -> Change:
    """A decoy that goes and comes back because its LAN does."""
    id_ = Id(Kind.DECOY, decoy)
    was = saved.resources.get(id_)
    span = was.span if was else Span("", 0)
    return Change(
        id_,
        Action.REPLACE,
        (Detail("its LAN goes and comes back", Policy.REPLACE, span),),
        span,
        _costs(id_, sessions),
    )


def _costs(
    owner: Id, sessions: Mapping[str, int], codes: Iterable[cost.Code] = (), about: str = ""
) -> tuple[Cost, ...]:
    """What a change costs; a LAN has no sessions of its own."""
    count = sessions.get(owner.owner, 0) if owner.kind is Kind.DECOY else 0
    return cost.told(codes, count, about)


def _order(change: Change) -> tuple[bool, bool]:
    """LANs first, what goes last; within that the file's order."""
    return change.action is Action.REMOVE, change.resource.kind is not Kind.LAN


def _summary(
    kind: Kind, changes: Iterable[Change], drift: Iterable[Change], desired: Mapping[Id, Declared]
) -> Summary:
    counts = dict.fromkeys(Action, 0)
    changed = {change.resource: change.action for change in changes if change.resource.kind is kind}
    for action in changed.values():
        counts[action] += 1
    repaired = {
        change.resource for change in drift if change.resource.kind is kind and change.resource not in changed
    }
    unchanged = sum(id_.kind is kind and id_ not in changed and id_ not in repaired for id_ in desired)
    return Summary(
        add=counts[Action.ADD],
        change=counts[Action.CHANGE],
        replace=counts[Action.REPLACE] + counts[Action.RENAME],
        remove=counts[Action.REMOVE],
        unchanged=unchanged,
        repair=len(repaired),
    )


def _refuse_protected(
    changes: Iterable[Change], desired: Mapping[Id, Declared], saved: Mapping[Id, Saved]
) -> None:
    problems = []
    for change in changes:
        declared, was = desired.get(change.resource), saved.get(change.resource)
        resource: Resource | None = declared.resource if declared else was.resource if was else None
        if not isinstance(resource, Decoy) or not resource.protect:
            continue
        if change.action not in {Action.REPLACE, Action.RENAME, Action.REMOVE}:
            continue
        word = "removed" if change.action is Action.REMOVE else "replaced"
        problems.append(
            Problem(
                "protected",
                f"decoy {resource.name} is protected and would be {word}: {change.reason}",
                _protect_span(declared, change),
                hint="apply `protect = no` for it first"
                if change.action is Action.REMOVE
                else "say `protect = no` to let it go and come back",
            )
        )
    if problems:
        raise InvalidInput(tuple(problems))


def _protect_span(declared: Declared | None, change: Change) -> Span:
    return declared.spans.get("protect", declared.span) if declared else change.span
