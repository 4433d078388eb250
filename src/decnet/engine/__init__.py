"""Desired, saved and observed make a plan; the plan is carried out op by op.

The order of a command, with the network's lock held:

    saved = state.read(folder, name)
    observed = world.observe(expected(saved))
    saved = recover(saved, observed)
    what = plan(declare(network, bundles, saved), saved, observed)
    with state.store(folder, name) as store:
        outcome = apply(what, saved, world, store, identity)
"""

from decnet.engine.apply import apply, destroy, destroy_plan
from decnet.engine.desired import Declared, Desired, declare
from decnet.engine.diff import FieldChange
from decnet.engine.execute import PARALLELISM, Outcome, Progress, Watch, silent
from decnet.engine.graph import Act, Op, label
from decnet.engine.plan import Action, Change, Plan, Summary, plan
from decnet.engine.recover import expected, recover
from decnet.engine.report import plan_json, progress_json, recap_json, status_json
from decnet.engine.status import DecoyStatus, State, Status, status
from decnet.engine.text import render_plan, render_recap, summary

__all__ = [
    "PARALLELISM",
    "Act",
    "Action",
    "Change",
    "Declared",
    "DecoyStatus",
    "Desired",
    "FieldChange",
    "Op",
    "Outcome",
    "Plan",
    "Progress",
    "State",
    "Status",
    "Summary",
    "Watch",
    "apply",
    "declare",
    "destroy",
    "destroy_plan",
    "expected",
    "label",
    "plan",
    "plan_json",
    "progress_json",
    "recap_json",
    "recover",
    "render_plan",
    "render_recap",
    "silent",
    "status",
    "status_json",
    "summary",
]
