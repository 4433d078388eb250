"""Limits of a decoy, as a file says them and as its services and its process get them."""

import pytest

from decnet.services.limits import Bounds, Limits
from tests.spec.files import decoys, problems


def given(limits: str):
    (decoy,) = decoys(f"[w]\nservices = redis\nisolation = decoy\nlimits = {limits}\n").values()
    return decoy


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("connections=200", Limits(connections=200)),
        ("per-source = 3, connections=5", Limits(connections=5, per_source=3)),
        ("session_bytes=1M; session_time=1h30m", Limits(session_bytes=1 << 20, session_seconds=5400)),
        ("connection_rate=2.5/s, event_rate=10", Limits(connection_rate=2.5, event_rate=10)),
    ],
)
def test_limits_of_services(text: str, limits: Limits):
    assert given(text).limits == limits
    assert given(text).bounds == Bounds()


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("memory=256M, cpu=50%, pids=16", Bounds(256 << 20, 0.5, 16)),
        ("cpu=250%", Bounds(cpu=2.5)),
    ],
)
def test_bounds_of_a_process(text: str, bounds: Bounds):
    assert given(text).bounds == bounds


def test_bounds_are_of_whatever_carries_the_decoy_and_limits_of_its_services():
    (decoy,) = decoys("[w]\nservices = redis\nlimits = memory=256M, connections=7\n").values()
    assert (decoy.bounds, decoy.limits.connections) == (Bounds(256 << 20), 7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("memry=128M", 'unknown limit "memry"; did you mean "memory"?'),
        ("memory=1M", 'memory: "1M" must be between 96M and 1T'),
        ("memory=lots", 'memory: "lots" is no size; write 512K, 64M or 1G'),
        ("cpu=50", 'cpu: "50" is no share of a processor; write 50%'),
        ("cpu=0%", 'cpu: "0%" must be between 1% and 100000%'),
        ("pids=-1", 'pids: "-1" is no whole number'),
        ("connections", '"connections" is no limit; write NAME=VALUE, as in connections=200'),
        ("connections=0", 'connections: "0" must be between 1 and 60000'),
        ("session_time=0", 'session_time: "0" must be between 1s and 365d'),
        ("event_rate=fast", 'event_rate: "fast" is no rate; write 200/s'),
        ("pids=8, pids=9", "pids is given twice"),
    ],
)
def test_what_is_no_limit(text: str, said: str):
    (problem,) = problems(f"[w]\nservices = redis\nisolation = decoy\nlimits = {text}\n")
    assert (problem.code, problem.span.line) == ("bad-value", 7)
    assert problem.message.removeprefix("limits: ") == said
