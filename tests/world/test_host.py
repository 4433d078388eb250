from ipaddress import IPv4Network

import pytest

from decnet.errors import WorldError
from decnet.world import host

FREE = {
    "nothing taken": ([], "198.18.0.0/24"),
    "the first taken": (["198.18.0.0/24"], "198.18.1.0/24"),
    "a part of it taken": (["198.18.0.128/25", "192.168.1.0/24"], "198.18.1.0/24"),
    "a larger one taken": (["198.18.0.0/16"], "198.19.0.0/24"),
    "a gap": (["198.18.0.0/24", "198.18.2.0/24"], "198.18.1.0/24"),
}


@pytest.mark.parametrize(("taken", "first"), FREE.values(), ids=FREE)
def test_the_first_subnet_that_nobody_has(taken, first):
    assert host.free_subnet(map(IPv4Network, taken)) == IPv4Network(first)


def test_no_subnet_left_is_a_clear_error():
    with pytest.raises(WorldError, match="is free") as caught:
        host.free_subnet([IPv4Network("198.18.0.0/15")])
    assert caught.value.hint


def test_the_loopback_of_this_machine_is_seen_and_is_no_address_of_it():
    seen = host.look()
    assert seen.interface("lo") is not None
    assert not any(address.is_loopback for address in seen.addresses())
    assert seen.interface("nothere") is None
