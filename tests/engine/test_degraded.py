"""What decoys go without is told once, and once more when it is over."""

from __future__ import annotations

import dataclasses

import pytest

from decnet import engine
from decnet.engine.degraded import lines
from decnet.engine.graph import Act, Op
from decnet.errors import Span
from decnet.state import About, Saved, Snapshot
from decnet.world import Observed, Stack

SPAN = Span("office.ini", 3)
FACES = {name: Stack(name, (), "0000abcd") for name in ("desk", "gate")}
BARE = {name: dataclasses.replace(face, personality="") for name, face in FACES.items()}
NO_CLS, NO_BPF = (f"os fingerprint degraded: kernel has no {name}" for name in ("CLS", "BPF"))


def saved(degraded: dict[str, str], *decoys: str) -> Snapshot:
    resources = {FACES[name].id: Saved(FACES[name], SPAN) for name in decoys or FACES}
    return Snapshot(About("office"), resources=resources, degraded=degraded)


def seen(lacking: dict[str, str], faces: dict[str, Stack] = FACES) -> Observed:
    return Observed({face.id: face for face in faces.values()}, lacking=lacking)


def did(*decoys: str) -> engine.Outcome:
    return engine.Outcome(
        done=tuple(Op(0, Act.UPDATE, FACES[name], "", SPAN, frozenset(["personality"])) for name in decoys)
    )


BOTH = dict.fromkeys(FACES, NO_CLS)
DESK, GATE = {"desk": NO_CLS}, {"gate": NO_CLS}
NEWS = {
    "the first look that lacks something": (saved({}), seen(BOTH), did(), BOTH, {}, BOTH),
    "the next look": (saved(BOTH), seen(BOTH), did(), {}, {}, BOTH),
    "another reason": (
        saved(BOTH),
        seen({**BOTH, "desk": NO_BPF}),
        did(),
        {"desk": NO_BPF},
        {},
        {"desk": NO_BPF, "gate": NO_CLS},
    ),
    "one more decoy": (saved(DESK), seen(BOTH), did("gate"), GATE, {}, BOTH),
    "it can be mended and is not yet": (saved(BOTH), seen({}, BARE), did(), {}, {}, BOTH),
    "one of two is mended": (saved(BOTH), seen({}, BARE), did("desk"), {}, DESK, GATE),
    "both are mended": (saved(BOTH), seen({}, BARE), did("desk", "gate"), {}, BOTH, {}),
    "somebody else mended it": (saved(BOTH), seen({}), did(), {}, BOTH, {}),
    "a decoy that has gone": (saved(BOTH, "gate"), seen(BOTH), did(), {}, {}, GATE),
    "done where nothing can be done": (saved({}), seen(BOTH), did("desk", "gate"), BOTH, {}, BOTH),
}


@pytest.mark.parametrize("case", NEWS)
def test_what_is_news(case: str):
    was, observed, outcome, *expected = NEWS[case]
    found = engine.news(was, observed, outcome)
    assert [found.fresh, found.mended, found.known] == expected


def test_a_line_for_each_thing_names_some_of_its_decoys():
    lacking = {f"d{number}": NO_CLS for number in range(5)} | {"gate": NO_BPF}
    assert list(lines(lacking)) == [f"{NO_CLS} (d0, d1, d2 and 2 more)", f"{NO_BPF} (gate)"]


def test_a_degraded_decoy_is_up_and_status_and_plan_say_what_it_lacks():
    observed = seen(DESK)
    told = engine.status(saved({}), observed)
    assert told.detail == (f"{NO_CLS} (desk)",)
    assert told.exit_code == 4
    plan = engine.repair_plan(saved({}), observed)
    assert plan.empty
    assert plan.warnings == (f"{NO_CLS} (desk)",)
