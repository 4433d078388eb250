"""Plans and recaps as text. Pure; colour only where it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from decnet.engine.execute import Outcome
from decnet.engine.plan import Action, Change, Plan, Summary
from decnet.errors import Span
from decnet.world import Kind, Policy

_SIGNS = {
    Action.ADD: "+",
    Action.CHANGE: "~",
    Action.RENAME: "~",
    Action.REPLACE: "±",
    Action.REMOVE: "-",
    Action.REPAIR: "!",
}
_COLOURS = {
    Action.ADD: 32,
    Action.CHANGE: 33,
    Action.RENAME: 35,
    Action.REPLACE: 35,
    Action.REMOVE: 31,
    Action.REPAIR: 36,
}
_QUIET = {None, Policy.COMPUTED, Policy.IGNORED}
_NAME_WIDTH, _TEXT_WIDTH = 16, 24
"""Columns are at least this wide, so that small plans look alike."""


@dataclass(frozen=True, slots=True)
class _Row:
    action: Action
    cells: tuple[str, ...]


def render_plan(plan: Plan, *, colour: bool = False) -> str:
    """The plan as `decnet plan` prints it, with a final newline."""
    lines = [_title(plan), ""]
    for warning in plan.warnings:
        lines += [f"warning: {warning}", ""]
    drift, changes = list(_rows(plan.drift)), list(_rows(plan.changes))
    widths = _widths([*drift, *changes])
    for heading, rows in (("drift since the last apply", drift), ("changes", changes)):
        if rows:
            lines += [heading, *(_line(row, widths, colour) for row in rows), ""]
    if plan.hidden:
        lines += [f"{plan.hidden} decoy{'s' * (plan.hidden != 1)} hidden by --limit", ""]
    lines.append(f"plan: {summary(plan)}")
    return "\n".join(lines) + "\n"


def summary(plan: Plan) -> str:
    """``5 to add, 0 to change, 0 to replace, 0 to remove, 0 unchanged; 1 LAN to add``."""
    parts = [_counts(plan.decoys)]
    if plan.decoys.repair:
        parts.append(f"{plan.decoys.repair} to repair")
    for noun, counts in (("LAN", plan.lans), ("sink", plan.sinks)):
        for count, verb in (
            (counts.add, "add"),
            (counts.change, "change"),
            (counts.replace, "replace"),
            (counts.remove, "remove"),
            (counts.repair, "repair"),
        ):
            if count:
                parts.append(f"{count} {noun}{'s' * (count != 1)} to {verb}")
    if not plan.empty and not plan.changes and not plan.drift:
        parts.append("the state alone is brought up to date")
    return "; ".join(parts)


def render_recap(plan: Plan, outcome: Outcome, *, command: str = "apply", colour: bool = False) -> str:
    """What a command came to: what failed and was skipped, then counts of decoys; with a final newline."""
    lines = [f"failed   {op.label}: {message}" for op, message in outcome.failed]
    lines += [f"skipped  {op.label}: {why}" for op, why in outcome.skipped]
    if outcome.error and not outcome.failed:
        lines.append(f"failed   {outcome.error}")
    if lines:
        lines = [_paint(line, 31 if line.startswith("failed") else 33, colour) for line in lines] + [""]
    broken = {op.resource.id.owner for op, _ in (*outcome.failed, *outcome.skipped)}
    done = [change for change in plan.changes if change.resource.owner not in broken]
    counts = {
        action: sum(c.action is action and c.resource.kind is Kind.DECOY for c in done) for action in Action
    }
    repaired = sum(c.resource.owner not in broken for c in plan.drift if c.resource.kind is Kind.DECOY)
    total = (
        f"{counts[Action.ADD]} added, {counts[Action.CHANGE]} changed, "
        f"{counts[Action.REPLACE] + counts[Action.RENAME]} replaced, "
        f"{counts[Action.REMOVE]} removed, {plan.decoys.unchanged} unchanged"
    )
    parts = [total]
    if repaired:
        parts.append(f"{repaired} repaired")
    if outcome.failed or outcome.skipped:
        parts.append(
            f"{len(outcome.done)} operations done, {len(outcome.failed)} failed, {len(outcome.skipped)} skipped"
        )
    if outcome.stopped:
        parts.append("stopped")
    lines.append(f"{command}: {'; '.join(parts)}")
    return "\n".join(lines) + "\n"


def _title(plan: Plan) -> str:
    about = plan.about
    source = f"{about.file}, env {about.env}" if about.env else about.file
    parts = [f"network {about.network} ({source})" if source else f"network {about.network}"]
    if about.runtime:
        parts.append(f"runtime {about.runtime}")
    if plan.decoys.unchanged:
        count = plan.decoys.unchanged
        parts.append(f"{count} decoy{'s' * (count != 1)} unchanged")
    return " · ".join(parts)


def _rows(changes: Iterable[Change]) -> Iterator[_Row]:
    for change in changes:
        id_ = change.resource
        for position, detail in enumerate(change.details):
            policy = "" if detail.policy in _QUIET else str(detail.policy)
            cost = change.cost if position == 0 else ""
            place = "" if change.action in {Action.REMOVE, Action.REPAIR} else _place(detail.span)
            yield _Row(
                change.action, (id_.kind.value, id_.owner or id_.part, detail.text, policy, place, cost)
            )


def _place(span: Span) -> str:
    return str(span) if span.file else ""


def _widths(rows: list[_Row]) -> list[int]:
    least = (5, _NAME_WIDTH, _TEXT_WIDTH, 7, 0, 0)
    return [max([low, *(len(row.cells[i]) for row in rows)]) for i, low in enumerate(least)]


def _line(row: _Row, widths: list[int], colour: bool) -> str:
    cells = "  ".join(cell.ljust(width) for cell, width in zip(row.cells, widths, strict=True))
    return _paint(f"  {_SIGNS[row.action]} {cells}".rstrip(), _COLOURS[row.action], colour)


def _paint(line: str, code: int, colour: bool) -> str:
    return f"\x1b[{code}m{line}\x1b[0m" if colour else line


def _counts(counts: Summary) -> str:
    return (
        f"{counts.add} to add, {counts.change} to change, {counts.replace} to replace, "
        f"{counts.remove} to remove, {counts.unchanged} unchanged"
    )
