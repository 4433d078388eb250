"""The executor: order, what fails and what is skipped then, the journal, and the first Ctrl-C."""

from __future__ import annotations

import dataclasses
import threading
import time

import pytest

from decnet import engine
from decnet.engine import Act, Op, Progress
from decnet.engine.execute import execute
from decnet.errors import Span, StateError, WorldError
from decnet.state import About, Snapshot
from decnet.world import Decoy, Link, Observed
from decnet.world.docker.presence import AT_ONCE
from decnet.world.fake import FakeWorld, Killed
from tests.engine.fleets import Site, decoy, network, service


class Journal:
    """What the executor wrote, in order."""

    def __init__(self):
        self.lines = []

    def intend(self, entries):
        self.lines.append([f"intent {entry.op}" for entry in entries])

    def finish(self, effects, failures=()):
        self.lines.append([f"done {one.op}" for one in effects] + [f"failed {one.op}" for one in failures])


class World(FakeWorld):
    """A machine that refuses some names, and tells how many acts went on at a time."""

    def __init__(self, refuse=()):
        super().__init__()
        self.refuse = set(refuse)
        self.most = self.now = 0
        self.guard = threading.Lock()
        self.gate = threading.Barrier(4, timeout=10)

    def create(self, resource, content=None):
        with self.guard:
            self.now += 1
            self.most = max(self.most, self.now)
        if str(resource.id) in self.refuse:
            raise WorldError("refused", hint="ask again")
        super().create(resource, content)
        with self.guard:
            self.now -= 1


def ops_for(what):
    site = Site(None)
    saved = Snapshot(About("office"))
    return engine.plan(site.declare(what, saved), saved, Observed()).ops


def in_containers(what):
    return [
        dataclasses.replace(op, resource=dataclasses.replace(op.resource, container="sha256:1"))
        if isinstance(op.resource, Decoy)
        else op
        for op in ops_for(what)
    ]


TWO = network(decoy("web-01", 1, "ssh", "http"), decoy("db-02", 2, "ssh"))


def test_each_op_comes_after_what_it_stands_on():
    done = []
    execute(
        ops_for(TWO),
        World(),
        Journal(),
        watch=lambda p, op, _: done.append(str(op.resource.id)) if p is Progress.DONE else None,
    )
    for name in ("web-01", "db-02"):
        chain = ["lan/default", f"link/{name}/eth0", f"stack/{name}", f"service/{name}/ssh"]
        assert sorted(chain, key=done.index) == chain
        assert done.index(f"decoy/{name}") < done.index(f"link/{name}/eth0")


def test_what_waits_for_a_failed_op_is_skipped_and_the_rest_goes_on():
    outcome = execute(ops_for(TWO), World(refuse=["link/web-01/eth0"]), Journal())
    assert [(op.label, why) for op, why in outcome.failed] == [
        ("create link web-01/eth0", "refused (ask again)")
    ]
    assert {(op.label, why) for op, why in outcome.skipped} == {
        ("create stack web-01", "needs link web-01/eth0"),
        ("create service web-01/ssh", "needs link web-01/eth0"),
        ("create service web-01/http", "needs link web-01/eth0"),
    }
    assert "create service db-02/ssh" in {op.label for op in outcome.done}
    assert outcome.exit_code == 3


def test_nothing_done_is_exit_code_one():
    outcome = execute(ops_for(TWO)[:1], World(refuse=["lan/default"]), Journal())
    assert outcome.exit_code == 1


def test_a_fault_of_the_program_fails_that_op_alone():
    world = World()
    world._check_link = lambda link: 1 / 0
    outcome = execute(ops_for(TWO), world, Journal())
    assert {why for _, why in outcome.failed} == {"ZeroDivisionError: division by zero"}
    assert len(outcome.done) == 3


def test_an_intent_is_written_before_the_act_and_its_end_after():
    journal = Journal()
    acts = []
    world = World()
    world.create = lambda resource, content=None: acts.append((str(resource.id), list(journal.lines)))
    ops = ops_for(TWO)
    execute(ops, world, journal, parallelism=2)
    numbers = {str(op.resource.id): op.number for op in ops}
    for name, before in acts:
        written = [line for lines in before for line in lines]
        assert f"intent {numbers[name]}" in written
        assert f"done {numbers[name]}" not in written
    assert sorted(line for lines in journal.lines for line in lines) == sorted(
        f"{word} {op.number}" for op in ops for word in ("intent", "done")
    )


def test_ends_are_written_many_at_a_time():
    journal = Journal()
    what = network(*(decoy(f"web-{n}", n) for n in range(1, 101)))
    execute(ops_for(what), World(), journal)
    assert len(journal.lines) < 401


def test_while_containers_are_made_ends_are_written_together_and_no_container_waits_for_it(monkeypatch):
    """One in four takes long; what stands on a container takes no time, and would be written one by one."""
    monkeypatch.setattr("decnet.engine.execute._GROUP_SECONDS", 1.0)
    journal = Journal()
    what = network(*(decoy(f"d-{number:02}", number + 1, "ssh") for number in range(40)))
    ops = in_containers(what)
    world = FakeWorld()
    create, lock = world.create, threading.Lock()

    def slowly(resource, content=None):
        with lock:
            create(resource, content)
        if isinstance(resource, Decoy):
            time.sleep(0.05 if int(resource.name[2:]) % 4 else 0.5)

    world.create = slowly
    began = time.monotonic()
    assert execute(ops, world, journal).exit_code == 0
    assert len(journal.lines) < len(ops) * 3 // 4  # two for each op, if each were written by itself
    work = (10 * 0.5 + 30 * 0.05) / min(8, AT_ONCE)
    assert time.monotonic() - began < 2 * work  # three times that, if they waited for the longest each time


def test_independent_ops_go_on_at_the_same_time():
    """Four namespaces are made together: each waits for the other three."""
    world = World()

    def create(resource, content=None):
        if isinstance(resource, Decoy):
            world.gate.wait()

    world.create = create
    what = network(*(decoy(f"web-{n}", n) for n in range(1, 5)))
    assert execute(ops_for(what), world, Journal(), parallelism=4).exit_code == 0


class Engine(World):
    """Containers take until something that stands on one is there; tells how many were made at a time."""

    def __init__(self):
        super().__init__()
        self.linked = threading.Event()
        self.made = self.at_once = 0

    def create(self, resource, content=None):
        if isinstance(resource, Decoy):
            with self.guard:
                self.made += 1
                self.at_once = max(self.at_once, self.made)
            if resource.name != "d-00":
                assert self.linked.wait(10), "no link before the last container"
        super().create(resource, content)
        if isinstance(resource, Decoy):
            with self.guard:
                self.made -= 1
        if isinstance(resource, Link):
            self.linked.set()


@pytest.mark.parametrize("parallelism", [2, 8, 50])
def test_what_stands_on_a_container_does_not_wait_for_the_others(parallelism):
    many = network(*(decoy(f"d-{number:02}", number + 1, "ssh") for number in range(40)))
    world = Engine()
    outcome = execute(in_containers(many), world, Journal(), parallelism=parallelism)
    assert outcome.exit_code == 0, outcome.failed
    assert world.at_once <= min(parallelism, AT_ONCE)


def test_a_stop_drains_what_runs_and_skips_the_rest(tmp_path):
    site = Site(tmp_path / "state", parallelism=1)
    done = []

    def watch(progress, op, _):
        if progress is Progress.DONE:
            done.append(op)

    outcome = site.apply(TWO, watch=watch, stop=lambda: len(done) >= 2)
    assert outcome.stopped
    assert {why for _, why in outcome.skipped} == {"stopped"}
    assert (outcome.exit_code, len(outcome.done) + len(outcome.skipped)) == (3, 10)
    saved, _ = site.look()
    assert saved.intents == ()
    assert set(saved.resources) == set(site.world.resources)
    assert site.apply(TWO).exit_code == 0


def test_a_kill_is_raised_in_the_calling_thread():
    world = World()

    def die(resource, content=None):
        raise Killed

    world.create = die
    with pytest.raises(Killed):
        execute(ops_for(TWO), world, Journal())


def test_a_journal_that_cannot_be_written_stops_everything():
    class Full(Journal):
        def finish(self, effects, failures=()):
            raise StateError("disk is full")

    with pytest.raises(StateError, match="full"):
        execute(ops_for(TWO), World(), Full())


def test_a_removal_that_fails_keeps_what_wants_its_place_from_being_made(tmp_path):
    """db-02 takes web-01's address; web-01 does not go."""
    site = Site(tmp_path / "state")
    first = network(decoy("web-01", 1))
    site.apply(first)
    refuse = site.world.remove

    def remove(resource):
        if resource.id.part == "eth0":
            raise WorldError("busy")
        refuse(resource)

    site.world.remove = remove
    outcome = site.apply(network(decoy("db-02", 1)))
    assert ("create link db-02/eth0", "needs link web-01/eth0") in [
        (op.label, why) for op, why in outcome.skipped
    ]
    site.world.remove = refuse
    assert site.apply(network(decoy("db-02", 1))).exit_code == 0


def test_a_port_is_freed_before_it_is_taken(tmp_path):
    site = Site(tmp_path / "state")
    site.apply(network(decoy("web-01", 1, service("ssh", ports=[22]), service("http", ports=[80]))))
    swapped = network(decoy("web-01", 1, service("ssh", ports=[80]), service("http", ports=[22])))
    assert site.apply(swapped).exit_code == 0


def test_an_op_names_itself():
    op = Op(0, Act.REMOVE, Decoy("web-01"), "no longer declared", Span("office.ini", 3))
    assert op.label == "remove decoy web-01"


def test_what_an_apply_did_not_bring_about_is_seen_in_the_status(tmp_path):
    world = World(refuse=["service/web-01/ssh", "decoy/db-02"])
    site = Site(tmp_path, world)
    assert site.apply(TWO).exit_code == 3
    told = engine.status(*site.look())
    assert {one.name: (one.state.value, one.detail) for one in told.decoys} == {
        "web-01": ("drifted", "service ssh is not running"),
        "db-02": ("down", "namespace is gone"),
    }
    assert told.exit_code == 4
    world.refuse.clear()
    assert site.apply(TWO).exit_code == 0
    assert engine.status(*site.look()).exit_code == 0


@pytest.mark.parametrize(
    ("percent", "failed", "done"),
    [
        (100, 2, True),
        (50, 2, True),
        (49, 2, False),
        (20, 1, True),
        (19, 1, False),
        (0, 1, False),
        (0, 0, True),
    ],
)
def test_too_many_decoys_that_fail_stop_the_rest(percent, failed, done):
    """Five decoys, two of which are refused; what ran already is drained."""
    names = ["a", "b", "c", "d"] if failed == 2 else ["a", "b", "c", "d", "e"]
    world = World(refuse=[f"link/{name}/eth0" for name in names[:failed]])
    what = network(*(decoy(name, number) for number, name in enumerate(names, 1)))
    outcome = execute(ops_for(what), world, Journal(), parallelism=1, fail_percent=percent)
    last = f"create service {names[-1]}/ssh"
    assert (last in {op.label for op in outcome.done}) is done
    assert outcome.stopped is not done
    if not done:
        assert (
            f"decoys failed, more than {percent} percent"
            in {op.label: why for op, why in outcome.skipped}[last]
        )


def test_a_lan_that_fails_is_no_decoy():
    outcome = execute(ops_for(TWO), World(refuse=["lan/default"]), Journal(), fail_percent=0)
    assert not outcome.stopped
    assert {op.label for op in outcome.done} == {"create decoy web-01", "create decoy db-02"}


def test_destroy_op_by_op_ends_where_the_stroke_does(tmp_path):
    one, other = Site(tmp_path / "one"), Site(tmp_path / "other")
    for site, options in ((one, {}), (other, {"parallelism": 3})):
        site.apply(TWO)
        assert site.destroy(**options).exit_code == 0
        assert site.world.resources == {}
        assert not site.folder.exists()
    assert one.world.acts[-1:] == ["remove all office"]
    assert "remove link/web-01/eth0" in other.world.acts


def test_destroy_op_by_op_can_be_stopped_and_goes_on(tmp_path):
    site = Site(tmp_path / "state")
    site.apply(TWO)
    done = []
    watch = lambda progress, op, _: done.append(op) if progress is Progress.DONE else None  # noqa: E731
    outcome = site.destroy(parallelism=1, watch=watch, stop=lambda: len(done) >= 2)
    assert (outcome.stopped, outcome.exit_code) == (True, 3)
    saved, _ = site.look()
    assert set(saved.resources) == set(site.world.resources)
    assert site.destroy().exit_code == 0
    assert not site.folder.exists()
