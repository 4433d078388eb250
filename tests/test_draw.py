"""Draws: the same key and purpose give the same everywhere; another purpose gives another stream."""

from collections import Counter

import pytest

from decnet.draw import Draw


def test_a_stream_is_fixed_for_ever():
    """These values are in deployed networks: a change of them changes every decoy's keys."""
    draw = Draw(b"key", "web-01", "mac")
    assert draw.hex(4) == KNOWN[0]
    assert draw.integer(0, 10**9) == KNOWN[1]
    assert Draw(b"key").child("web-01").pick("abcdefgh") == KNOWN[2]


KNOWN = ("789d64cb", 935344640, "d")


def test_words_do_not_run_into_each_other():
    assert Draw(b"k", "ab", "c").bytes(8) != Draw(b"k", "a", "bc").bytes(8)


def test_a_child_does_not_depend_on_earlier_draws():
    one, two = Draw(b"k"), Draw(b"k")
    two.bytes(1000)
    assert one.child("x").bytes(8) == two.child("x").bytes(8)


def test_integers_reach_both_ends_evenly():
    draw = Draw(b"k", "dice")
    counts = Counter(draw.integer(1, 6) for _ in range(6000))
    assert sorted(counts) == [1, 2, 3, 4, 5, 6]
    assert min(counts.values()) > 850


@pytest.mark.parametrize("count", [0, 3, 5, 9])
def test_a_sample_has_no_item_twice(count):
    found = Draw(b"k", str(count)).sample("abcde", count)
    assert len(found) == len(set(found)) == min(5, count)
