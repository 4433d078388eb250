"""Choosing addresses: what nobody has yet."""

from ipaddress import IPv4Network

import pytest

from decnet.spec.addresses import free_subnet

FREE = {
    "nothing taken": ([], "198.18.0.0/24"),
    "the first taken": (["198.18.0.0/24"], "198.18.1.0/24"),
    "a part of it taken": (["198.18.0.128/25", "192.168.1.0/24"], "198.18.1.0/24"),
    "a larger one taken": (["198.18.0.0/16"], "198.19.0.0/24"),
    "a gap": (["198.18.0.0/24", "198.18.2.0/24"], "198.18.1.0/24"),
}


@pytest.mark.parametrize(("taken", "first"), FREE.values(), ids=FREE)
def test_the_first_subnet_that_nobody_has(taken, first):
    assert free_subnet(map(IPv4Network, taken)) == IPv4Network(first)


def test_no_subnet_is_left():
    assert free_subnet([IPv4Network("198.18.0.0/15")]) is None
