"""What the engine itself costs for 1,000 decoys of 6 resources each, on a machine that costs nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from decnet import engine, state
from tests.engine.fleets import IDENTITY, Site, bundles, decoy, lan, network, service

pytestmark = pytest.mark.bench

COUNT = 1000
SUBNET = "198.18.0.0/15"


def fleet(banner_of_first: str = "hello"):
    decoys = [
        decoy(
            f"web-{n:04}",
            n,
            service("ssh", n, banner=banner_of_first if n == 1 else "hello"),
            "http",
            "smb",
            subnet=SUBNET,
        )
        for n in range(1, COUNT + 1)
    ]
    return network(*decoys, lans=[lan(subnet=SUBNET)])


class Still:
    """A machine on which an act takes no time and has no effect."""

    def expecting(self, resources):
        return contextlib.nullcontext()

    def create(self, resource, content=None): ...
    def update(self, resource, fields, content=None): ...
    def remove(self, resource): ...


@pytest.fixture(scope="module")
def applied(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("state") / "decnet")
    assert site.apply(fleet()).exit_code == 0
    return site


def test_plan_of_a_new_network(benchmark, tmp_path):
    site = Site(tmp_path / "none")
    saved, observed = site.look()
    desired = site.declare(fleet(), saved)
    plan = benchmark(lambda: engine.plan(desired, saved, observed))
    assert plan.decoys.add == COUNT


def test_plan_without_changes(benchmark, applied):
    saved, observed = applied.look()
    desired = applied.declare(fleet(), saved)
    plan = benchmark(lambda: engine.plan(desired, saved, observed))
    assert plan.empty


def test_declare(benchmark, applied):
    saved, _ = applied.look()
    what = fleet()
    made = bundles(what)
    desired = benchmark(lambda: engine.declare(what, made, saved))
    assert len(desired.resources) == 6 * COUNT + 1


def test_text_of_a_plan(benchmark, tmp_path):
    plan = Site(tmp_path / "none").plan(fleet())
    assert benchmark(lambda: engine.render_plan(plan)).count("\n") > COUNT


def test_reading_the_state(benchmark, applied):
    saved = benchmark(lambda: state.read(applied.folder, "office"))
    assert len(saved.resources) == 6 * COUNT + 1


def test_applying_with_the_journal(benchmark, tmp_path):
    """6,001 ops that cost nothing: what is left is graph, threads, journal and rows."""
    runs = iter(range(1000))

    def setup():
        folder: Path = tmp_path / str(next(runs))
        site = Site(folder)
        saved, observed = site.look()
        plan = engine.plan(site.declare(fleet(), saved), saved, observed)
        return (folder, plan, saved), {}

    def run(folder, plan, saved):
        with state.store(folder, "office") as store:
            return engine.apply(plan, saved, Still(), store, IDENTITY)

    outcome = benchmark.pedantic(run, setup=setup, rounds=3)
    assert len(outcome.done) == 6 * COUNT + 1
    benchmark.extra_info["ms per op"] = round(benchmark.stats["mean"] / len(outcome.done) * 1000, 3)
