from decnet.world import host


def test_the_loopback_of_this_machine_is_seen_and_is_no_address_of_it():
    seen = host.look()
    assert seen.interface("lo") is not None
    assert not any(address.is_loopback for address in seen.addresses())
    assert seen.interface("nothere") is None
