"""The account of a run: what it laid hands on, in bounded words; and of a destroy while the sinks are still at work."""

from __future__ import annotations

import pytest

from decnet import engine
from decnet.engine import NAMED, Action, Verdict
from decnet.errors import WorldError
from decnet.world import Kind, Lan, Sink
from decnet.world.fake import FakeWorld, Fault, Moment
from tests.engine.fleets import Site, decoy, network, service

WEB = network(decoy("web-01", 1, "ssh", "http"), decoy("db-02", 2))
SINK = Sink("siem", "syslog", "udp://192.0.2.9:514", "0")


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "state", parallelism=1)


def run(site, what, **options):
    plan = site.plan(what)
    return engine.account(plan, site.apply(what, **options))


def test_what_was_done_is_told_by_decoy(site):
    first = run(site, WEB)
    assert (first.verdict, first.serial, first.errors) == (Verdict.OK, 1, ())
    assert first.decoys == {Action.ADD: ["web-01", "db-02"]}
    assert first.others == {Action.ADD: ["lan/default"]}
    changed = network(decoy("web-01", 1, service("ssh", banner="new"), "http"), decoy("new", 3))
    second = run(site, changed)
    assert second.decoys == {Action.CHANGE: ["web-01"], Action.ADD: ["new"], Action.REMOVE: ["db-02"]}
    assert second.others == {}
    assert second.counts == {**dict.fromkeys(Action, 0), "add": 1, "change": 1, "remove": 1}
    assert second.serial == 2


def test_what_drifted_is_told_as_repaired(site):
    site.apply(WEB)
    site.world.lose(next(id_ for id_ in site.world.resources if id_.kind is Kind.SERVICE))
    told = run(site, WEB)
    assert told.decoys == {Action.REPAIR: ["web-01"]}
    assert told.counts[Action.REPAIR] == 1


def test_a_second_apply_has_nothing_to_tell(site):
    site.apply(WEB)
    plan = site.plan(WEB)
    assert plan.empty
    assert site.apply(WEB).serial == 0


def test_of_many_a_few_are_named_and_the_rest_counted(site):
    told = run(site, network(*(decoy(f"d{n}", n) for n in range(1, 81))))
    assert told.others == {Action.ADD: ["lan/default"]}
    assert len(told.decoys[Action.ADD]) == NAMED - 1
    assert told.unnamed == 80 - (NAMED - 1)
    assert told.counts[Action.ADD] == 80


def test_what_was_not_begun_is_not_told(site):
    asked = iter([False, False])
    told = run(site, network(*(decoy(f"d{n}", n) for n in range(1, 41))), stop=lambda: next(asked, True))
    assert told.verdict is Verdict.STOPPED
    assert told.skipped
    assert told.counts[Action.ADD] < 40


@pytest.mark.parametrize(("act", "verdict"), [(0, Verdict.PARTLY), (3, Verdict.PARTLY)])
def test_a_failure_is_told_once_with_its_reason(site, act, verdict):
    site.world.fault = Fault(act, Moment.BEFORE, WorldError("no room"))
    told = run(site, WEB)
    assert told.verdict is verdict
    assert told.failed == 1
    assert told.errors == ("no room",)


def test_nothing_at_all_is_failed(site):
    class Refusing(FakeWorld):
        def create(self, resource, content=None):
            raise WorldError("no")

    site.world = Refusing()
    told = run(site, WEB)
    assert (told.verdict, told.done, told.errors) == (Verdict.FAILED, 0, ("no",))


def test_what_a_second_look_finds_makes_it_partly(site):
    plan = site.plan(WEB)
    told = engine.account(plan, site.apply(WEB), ["decoy/web-01: link eth0 is down"])
    assert (told.verdict, told.errors) == (Verdict.PARTLY, ("decoy/web-01: link eth0 is down",))


@pytest.mark.parametrize("parallelism", [0, 2])
def test_of_a_destroy_it_is_told_while_sinks_are_there_and_nothing_else(site, parallelism):
    site.apply(WEB)
    site.world.create(SINK, b"where to")
    seen = []

    def tell(outcome):
        seen.append((dict(site.world.resources), outcome))

    plan = engine.destroy_plan(*site.look())
    site.destroy(parallelism=parallelism, tell=tell)
    ((there, outcome),) = seen
    assert set(there) == {SINK.id}
    assert not site.world.resources
    told = engine.account(plan, outcome)
    assert told.decoys == {Action.REMOVE: ["db-02", "web-01"]}
    assert told.others == {Action.REMOVE: ["lan/default", "sink/siem"]}
    assert (told.verdict, told.serial) == (Verdict.OK, 2)


def test_a_destroy_that_leaves_something_is_told_so(site):
    class Sticky(FakeWorld):
        def remove_all(self, last_word=lambda: None):
            for id_ in [id_ for id_, one in self.resources.items() if not isinstance(one, Lan)]:
                del self.resources[id_]
            raise WorldError("a bridge is in use")

    site.world = Sticky()
    site.apply(WEB)
    plan, told = engine.destroy_plan(*site.look()), []
    outcome = site.destroy(tell=lambda outcome: told.append(engine.account(plan, outcome)))
    assert outcome.exit_code == 3
    (one,) = told
    assert (one.verdict, one.failed, one.errors) == (Verdict.PARTLY, 1, ("a bridge is in use",))
