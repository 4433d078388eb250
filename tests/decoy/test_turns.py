"""Dear work of one service: one visitor at a time, in pieces, with rests that leave the process to others."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from decnet.services.turns import Turns, Work


@pytest.fixture
def clock(monkeypatch):
    """The processor's time, and what is slept, without sleeping."""
    slept = []

    async def sleep(seconds):
        slept.append(pytest.approx(seconds))

    told = SimpleNamespace(thread_time=lambda: told.now, now=0.0, slept=slept)
    monkeypatch.setattr("decnet.services.turns.time", told)
    monkeypatch.setattr("decnet.services.turns.asyncio", SimpleNamespace(sleep=sleep))
    return told


async def test_visitors_have_their_turns_one_after_the_other():
    turns, done = Turns(), []

    async def visit(name):
        async with turns.take() as work:
            for piece in range(3):
                done.append(f"{name}{piece}")
                await work.rest()

    await asyncio.gather(visit("a"), visit("b"))
    assert done == ["a0", "a1", "a2", "b0", "b1", "b2"]


async def test_a_piece_is_followed_by_a_rest_in_which_others_have_four_fifths_of_the_time(clock):
    work = Work()
    for _ in range(2):
        clock.now += 0.0004
        await work.rest()
    clock.now += 0.0002
    assert clock.slept == [0.0016, 0.0016]
    assert work.owed() == pytest.approx(0.0008)


@pytest.mark.parametrize(("took", "owed"), [(0.004, 0.4), (1.0, 2.0)])
async def test_a_piece_that_is_long_is_made_up_for_by_the_next_visitor(clock, took, owed):
    work = Work()
    clock.now += took
    await work.rest()
    assert clock.slept == [4 * took]
    assert work.owed() == pytest.approx(owed)


async def test_the_next_turn_begins_when_the_rest_is_over_and_who_had_the_last_does_not_wait():
    turns, loop = Turns(), asyncio.get_running_loop()
    async with turns.take():
        begun = time.thread_time()
        while time.thread_time() - begun < 0.002:
            pass
    ended = loop.time()
    async with turns.take():
        assert loop.time() - ended > 0.1


async def test_who_fails_or_leaves_holds_nobody_up():
    turns, entered = Turns(), asyncio.Event()

    async def stay():
        async with turns.take():
            entered.set()
            await asyncio.sleep(60)

    staying, waiting = asyncio.create_task(stay()), asyncio.create_task(stay())
    await entered.wait()
    for one in (waiting, staying):
        one.cancel()
    await asyncio.wait([staying, waiting])
    with pytest.raises(ValueError, match="bad key"):
        async with turns.take():
            raise ValueError("bad key")
    async with asyncio.timeout(5), turns.take():
        pass
