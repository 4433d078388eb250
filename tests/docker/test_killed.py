"""SIGKILL of apply and destroy at acts of a network in containers: the next command puts it right, nothing is left."""

import os
import signal

import pytest

from tests.docker.conftest import NETWORK
from tests.live.test_killed import strike

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

ALL = os.environ.get("DECNET_KILLS") == "all"
ACTS = 10
POINTS = range(ACTS) if ALL else (1, 4, 8)


def is_whole(decnet, file):
    plan = decnet.json("plan", file)
    assert (plan["changes"], plan["drift"]) == ([], [])
    assert {decoy["state"] for decoy in decnet.status("boxes").values()} == {"up"}


@pytest.mark.parametrize("number", POINTS)
@pytest.mark.parametrize("moment", ["before", "after", "between"] if ALL else ["before", "after"])
def test_a_killed_first_apply(decnet, file, moment, number):
    assert strike(decnet, moment, number, "apply", "--yes", "--no-supervisor", file) == -signal.SIGKILL
    decnet("apply", "--yes", "--no-supervisor", file)
    is_whole(decnet, file)


@pytest.mark.parametrize("number", POINTS if ALL else (2,))
def test_a_killed_apply_and_then_destroy_without_the_file(decnet, file, number):
    strike(decnet, "after", number, "apply", "--yes", "--no-supervisor", file)
    decnet("destroy", "--yes", "boxes")


@pytest.mark.parametrize("number", range(8) if ALL else (3,))
def test_a_killed_change_of_runtime(decnet, file, number):
    decnet("apply", "--yes", "--no-supervisor", file)
    file.write_text(NETWORK.replace("[db : _linux]", "[db : _linux]\nruntime = netns"))
    strike(decnet, "after", number, "apply", "--yes", "--no-supervisor", file)
    decnet("apply", "--yes", "--no-supervisor", file)
    is_whole(decnet, file)


def test_a_killed_destroy(decnet, file):
    decnet("apply", "--yes", "--no-supervisor", file)
    assert strike(decnet, "before", 0, "destroy", "--yes", "boxes") == -signal.SIGKILL
    decnet("destroy", "--yes", "boxes")
