"""Plans, progress and status for machines: one JSON format, told apart by ``format_version``. Pure.

Field names and order are those of docs; a field is added without a new version, never renamed or taken away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from decnet.engine.execute import Outcome, Progress
from decnet.engine.graph import Op
from decnet.engine.plan import Change, Plan
from decnet.engine.status import DecoyStatus, SinkStatus, Status

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    old: Any
    new: Any
    policy: str


@dataclass(frozen=True, slots=True)
class _Change:
    resource: str
    action: str
    reason: str
    file: str
    line: int
    cost: str
    fields: tuple[_Field, ...]
    costs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Summary:
    add: int
    change: int
    replace: int
    remove: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class _Plan:
    format_version: int
    network: str
    changes: tuple[_Change, ...]
    drift: tuple[_Change, ...]
    summary: _Summary
    warnings: tuple[str, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class _Step:
    format_version: int
    type: str
    state: str
    action: str
    resource: str
    reason: str
    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class _Recap:
    format_version: int
    type: str
    network: str
    done: int
    failed: int
    skipped: int
    stopped: bool
    error: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class _Status:
    format_version: int
    network: str
    serial: int
    decoys: tuple[DecoyStatus, ...]
    detail: tuple[str, ...]
    unseen: tuple[str, ...]
    hidden: int
    sinks: tuple[SinkStatus, ...]


def plan_json(plan: Plan) -> bytes:
    """``plan --json``: one object with ``changes``, ``drift`` and ``summary`` (counts of decoys)."""
    counts = plan.decoys
    return msgspec.json.encode(
        _Plan(
            FORMAT_VERSION,
            plan.about.network,
            tuple(_change(change) for change in plan.changes),
            tuple(_change(change) for change in plan.drift),
            _Summary(counts.add, counts.change, counts.replace, counts.remove, counts.unchanged),
            plan.warnings,
            plan.hidden,
        )
    )


def progress_json(progress: Progress, op: Op, message: str) -> bytes:
    """A line of ``apply --json``: ``type`` is ``op``."""
    return msgspec.json.encode(
        _Step(
            FORMAT_VERSION,
            "op",
            progress.value,
            op.act.value,
            str(op.resource.id),
            op.reason,
            op.span.file,
            op.span.line,
            message,
        )
    )


def recap_json(network: str, outcome: Outcome) -> bytes:
    """The last line of ``apply --json``: ``type`` is ``recap``; counts of operations."""
    return msgspec.json.encode(
        _Recap(
            FORMAT_VERSION,
            "recap",
            network,
            len(outcome.done),
            len(outcome.failed),
            len(outcome.skipped),
            outcome.stopped,
            outcome.error,
            outcome.exit_code,
        )
    )


def status_json(status: Status) -> bytes:
    """``status --json``."""
    return msgspec.json.encode(
        _Status(
            FORMAT_VERSION,
            status.about.network,
            status.serial,
            status.decoys,
            status.detail,
            status.unseen,
            status.hidden,
            status.sinks,
        )
    )


def _change(change: Change) -> _Change:
    fields = [detail.field for detail in change.details if detail.field]
    return _Change(
        str(change.resource),
        change.action.value,
        change.reason,
        change.span.file,
        change.span.line,
        change.cost,
        tuple(_Field(f.name, f.old, f.new, f.policy.value) for f in fields),
        tuple(one.code.value for one in change.costs),
    )
