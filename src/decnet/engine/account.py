"""What one run came to, for the log of who changed what. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from decnet.engine.execute import Outcome
from decnet.engine.graph import Op
from decnet.engine.plan import Action, Change, Plan, row_of
from decnet.world import Kind

NAMED = 50
"""Decoys, LANs and sinks that an account names; of more, how many."""
_ERRORS = 5

Names = Mapping[Action, Sequence[str]]


class Verdict(StrEnum):
    """How a run ended. ``stopped``: by an interrupt, or after too many failures, with a part of it not begun."""

    OK = "ok"
    PARTLY = "partly"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Account:
    """What was done to which decoys. Of a run that did not do all, only what it laid hands on.

    ``counts`` are of decoys; ``decoys`` and ``others`` (``lan/NAME``, ``sink/NAME``) name them, at most `NAMED` together;
    ``unnamed`` is how many are left out. ``done``, ``failed`` and ``skipped`` count operations.
    """

    verdict: Verdict
    serial: int
    counts: Mapping[Action, int]
    decoys: Names = field(default_factory=dict)
    others: Names = field(default_factory=dict)
    unnamed: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    errors: tuple[str, ...] = ()


def account(plan: Plan, outcome: Outcome, left: Sequence[str] = ()) -> Account:
    """The account of a run; ``left`` is what a look after it found still to be done, in words."""
    begun = {row_of(op.resource.id) for op in (*outcome.done, *(op for op, _ in outcome.failed))}
    rows = {row.resource: row for row in (*plan.drift, *plan.changes) if row.resource in begun}
    told = sorted(rows.values(), key=lambda row: row.resource.kind is Kind.DECOY)
    decoys = [row.action for row in told if row.resource.kind is Kind.DECOY]
    return Account(
        verdict=_verdict(outcome, left),
        serial=outcome.serial or plan.serial,
        counts={action: decoys.count(action) for action in Action},
        decoys=_names(row for row in told[:NAMED] if row.resource.kind is Kind.DECOY),
        others=_names(row for row in told[:NAMED] if row.resource.kind is not Kind.DECOY),
        unnamed=max(0, len(told) - NAMED),
        done=len(outcome.done),
        failed=len(outcome.failed),
        skipped=len(outcome.skipped),
        errors=_errors(outcome.failed, outcome.error, left),
    )


def _verdict(outcome: Outcome, left: Sequence[str]) -> Verdict:
    if outcome.stopped:
        return Verdict.STOPPED
    if outcome.exit_code:
        return Verdict.PARTLY if outcome.done else Verdict.FAILED
    return Verdict.PARTLY if left else Verdict.OK


def _names(rows: Iterable[Change]) -> Names:
    found: dict[Action, list[str]] = {}
    for row in rows:
        name = row.resource.owner if row.resource.kind is Kind.DECOY else str(row.resource)
        found.setdefault(row.action, []).append(name)
    return found


def _errors(failed: Iterable[tuple[Op, str]], error: str, left: Iterable[str]) -> tuple[str, ...]:
    """The first of each kind of failure: a thousand that say the same are one."""
    texts = dict.fromkeys([why for _, why in failed] + [error, *left])
    return tuple(text for text in texts if text)[:_ERRORS]
