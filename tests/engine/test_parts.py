"""`--limit` and saved plans, on random networks: what is hidden is not touched, and what is saved is what is done."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decnet.errors import InvalidInput, StalePlan, UsageError
from decnet.spec import Network
from decnet.world import Decoy, Kind
from decnet.world.fake import FakeWorld
from tests.engine.fleets import Site
from tests.engine.random_fleets import (
    FOREIGN,
    NAMES,
    NEW_NAME,
    apply_well,
    check_same,
    harms,
    let_go,
    look_at,
    networks,
    sabotage,
    unprotected,
)
from tests.fuzzing import examples

pytestmark = pytest.mark.usefixtures("little_room")

PATTERNS = st.sampled_from(["a", "b", "c*", "A?", "[a-c]", "web", "db", "*x", "*"])
LIMITS = st.lists(PATTERNS, min_size=1, max_size=2).map(",".join)


def _site(folder: str, what: Network) -> Site:
    site = Site(Path(folder) / "state", FakeWorld(foreign=FOREIGN), parallelism=2)
    apply_well(site, what)
    return site


def _seen(site: Site, what: Network, limit: str) -> set[str]:
    """Owners of resources that a limit lets see: its decoys, those renamed to or from, and their LANs."""
    saved, _ = site.look()
    groups = {
        was.resource.name: was.resource.group
        for was in saved.resources.values()
        if isinstance(was.resource, Decoy)
    }
    groups |= {one.name: one.group for one in what.decoys}
    chosen = {
        name
        for name, group in groups.items()
        for glob in limit.lower().split(",")
        if fnmatchcase(name, glob) or fnmatchcase(group, glob)
    }
    return (
        chosen
        | {NEW_NAME.format(name) for name in chosen}
        | {name for name in NAMES if NEW_NAME.format(name) in chosen}
    )


def _limited(first: Network, harmed, then: Network, limit: str) -> None:
    with tempfile.TemporaryDirectory(prefix="decnet-proof-") as folder:
        site = _site(folder, first)
        for one in harmed:
            sabotage(site.world, one)
        try:
            file = let_go(site, then, limit)
            plan = site.plan(file, limit)
        except UsageError:
            return
        seen = _seen(site, file, limit)
        before, contents = dict(site.world.resources), dict(site.world.contents)
        known, _ = site.look()
        outcome = site.apply(file, limit)
        assert (outcome.failed, outcome.skipped) == ((), ())
        assert [op.label for op in plan.ops if op.resource.id.kind is Kind.SINK] == []
        for id_ in before.keys() | site.world.resources.keys():
            if id_.kind is Kind.SINK or (id_.kind is not Kind.LAN and id_.owner not in seen):
                assert site.world.resources.get(id_) == before.get(id_)
                assert site.world.contents.get(id_) == contents.get(id_)
            if id_.kind is Kind.LAN and id_ in before:
                assert id_ in site.world.resources, "a limit takes no LAN away"
        saved, _ = site.look()
        hidden = {id_ for id_ in known.resources if id_.kind is not Kind.LAN and id_.owner not in seen}
        assert {id_: saved.resources.get(id_) for id_ in hidden} == {
            id_: known.resources[id_] for id_ in hidden
        }
        with suppress(UsageError):  # what it chose has gone
            assert site.plan(file, limit).empty
        apply_well(site, then)


def _one_by_one(first: Network, then: Network) -> None:
    """Each decoy by itself, then what belongs to none: the same as all at once."""
    with tempfile.TemporaryDirectory(prefix="decnet-proof-") as folder:
        site = _site(folder, first)
        saved, _ = site.look()
        names = sorted(
            {one.name for one in then.decoys}
            | {id_.owner for id_ in saved.resources if id_.kind is Kind.DECOY}
        )
        refused = False
        for name in names:
            try:
                file = let_go(site, then, name)
                assert site.apply(file, name).exit_code == 0
            except UsageError:
                refused = True
        if not refused:
            then = let_go(site, then)
            kinds = {op.resource.id.kind for op in site.plan(then).ops}
            assert kinds <= {Kind.LAN, Kind.SINK} or then.decoys != unprotected(then).decoys
        apply_well(site, then)


def _saved(first: Network, then: Network, harmed, again, other: Network, limit: str) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="decnet-proof-") as folder,
        tempfile.TemporaryDirectory() as beside,
    ):
        site, at_once = _site(folder, first), _site(beside, first)
        for one in harmed:
            sabotage(site.world, one)
            sabotage(at_once.world, one)
        try:
            then = let_go(site, then, limit)
            content = site.save(then, limit)
        except UsageError:
            return
        let_go(at_once, then, limit)
        _refuses_what_moved(site, content, then, again, other)
        outcome = site.carry_out(content, then)
        assert outcome.exit_code == 0
        assert at_once.apply(then, limit).exit_code == 0
        check_same(look_at(site.world), look_at(at_once.world))
        assert site.look()[0].resources == at_once.look()[0].resources
        if outcome.done:
            with pytest.raises((StalePlan, UsageError)):
                site.carry_out(content, then)


def _refuses_what_moved(site: Site, content: bytes, then: Network, again, other: Network) -> None:
    """After some sabotage it is refused before anything is done, or what was touched is no part of it."""
    saved, _ = site.look()
    desired = site.declare(then, saved)
    if site.declare(other, saved).resources != desired.resources:
        with pytest.raises((StalePlan, UsageError, InvalidInput)):
            site.carry_out(content, other)
    there, contents, acts = dict(site.world.resources), dict(site.world.contents), len(site.world.acts)
    touched = {op["resource"] for op in _ops(content)}
    for one in again:
        id_ = sabotage(site.world, one)
        moved = id_ is not None and str(id_) in touched and site.world.resources.get(id_) != there.get(id_)
        if moved:
            with pytest.raises(StalePlan):
                site.carry_out(content, then)
        site.world.resources, site.world.contents = dict(there), dict(contents)
    assert len(site.world.acts) == acts


def _ops(content: bytes):
    return msgspec.json.decode(content)["ops"]


FAST = settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
DEEP = settings(FAST, max_examples=examples(100))
NO_LIMIT = st.just("")


@FAST
@given(networks(), st.just([]) | harms, networks(), LIMITS)
def test_what_a_limit_hides_is_not_touched(first, harmed, then, limit):
    _limited(first, harmed, then, limit)


@FAST
@given(networks(), networks())
def test_decoy_by_decoy_is_as_all_at_once(first, then):
    _one_by_one(first, then)


@FAST
@given(networks(), networks(), st.just([]) | harms, harms, networks(), NO_LIMIT | LIMITS)
def test_a_saved_plan_is_done_as_it_would_have_been_at_once_or_not_at_all(
    first, then, harmed, again, other, limit
):
    _saved(first, then, harmed, again, other, limit)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@DEEP
@given(networks(), st.just([]) | harms, networks(), LIMITS)
def test_what_many_limits_hide_is_not_touched(first, harmed, then, limit):
    _limited(first, harmed, then, limit)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@DEEP
@given(networks(), networks())
def test_many_decoys_one_by_one_are_as_all_at_once(first, then):
    _one_by_one(first, then)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@DEEP
@given(networks(), networks(), st.just([]) | harms, harms, networks(), NO_LIMIT | LIMITS)
def test_many_saved_plans_are_done_or_refused(first, then, harmed, again, other, limit):
    _saved(first, then, harmed, again, other, limit)
