"""Desired, saved and observed make a plan; the plan is carried out op by op.

The order of a command, with the network's lock held:

    saved = state.read(folder, name)
    observed = world.observe(expected(saved))
    saved = recover(saved, observed)
    what = plan(declare(network, bundles, saved), saved, observed)
    with state.store(folder, name) as store:
        outcome = apply(what, saved, world, store, identity)
"""

from decnet.engine.account import NAMED, Account, Verdict, account
from decnet.engine.adopt import Adoption, adoption, expected_to_adopt
from decnet.engine.apply import apply, destroy, destroy_plan
from decnet.engine.cost import Code, Cost
from decnet.engine.degraded import News, news
from decnet.engine.desired import Declared, Desired, Docker, chosen_runtime, declare, runtime_of
from decnet.engine.diff import FieldChange
from decnet.engine.execute import PARALLELISM, Outcome, Progress, Watch, silent
from decnet.engine.explain import DUE
from decnet.engine.forecast import forecast, lacking
from decnet.engine.graph import Act, Op, label
from decnet.engine.keep import KeptPlan, exactly, keep, kept
from decnet.engine.limit import Limit
from decnet.engine.neighbours import Taken, refuse, taken
from decnet.engine.plan import Action, Change, Plan, Summary, plan, row_of
from decnet.engine.recover import expected, recover
from decnet.engine.repair import repair, repair_plan
from decnet.engine.report import plan_json, progress_json, recap_json, status_json
from decnet.engine.reset import reset_plan, resettable
from decnet.engine.status import DecoyStatus, SinkStatus, State, Status, status
from decnet.engine.text import render_plan, render_recap, summary
from decnet.engine.topology import Topology
from decnet.world import Observed

__all__ = [
    "DUE",
    "NAMED",
    "PARALLELISM",
    "Account",
    "Act",
    "Action",
    "Adoption",
    "Change",
    "Code",
    "Cost",
    "Declared",
    "DecoyStatus",
    "Desired",
    "Docker",
    "FieldChange",
    "KeptPlan",
    "Limit",
    "News",
    "Observed",
    "Op",
    "Outcome",
    "Plan",
    "Progress",
    "SinkStatus",
    "State",
    "Status",
    "Summary",
    "Taken",
    "Topology",
    "Verdict",
    "Watch",
    "account",
    "adoption",
    "apply",
    "chosen_runtime",
    "declare",
    "destroy",
    "destroy_plan",
    "exactly",
    "expected",
    "expected_to_adopt",
    "forecast",
    "keep",
    "kept",
    "label",
    "lacking",
    "news",
    "plan",
    "plan_json",
    "progress_json",
    "recap_json",
    "recover",
    "refuse",
    "render_plan",
    "render_recap",
    "repair",
    "repair_plan",
    "reset_plan",
    "resettable",
    "row_of",
    "runtime_of",
    "silent",
    "status",
    "status_json",
    "summary",
    "taken",
]
