from decnet.world import check

STATUS = "Name:\tx\nCapEff:\t{:016x}\nCapBnd:\t000001ffffffffff\n"
NET_ADMIN, SYS_ADMIN = 1 << 12, 1 << 21


def test_what_is_not_effective_is_named():
    assert check.missing_capabilities(STATUS.format(NET_ADMIN | SYS_ADMIN)) == []
    assert check.missing_capabilities(STATUS.format(NET_ADMIN)) == ["CAP_SYS_ADMIN"]
    assert check.missing_capabilities(STATUS.format(SYS_ADMIN)) == ["CAP_NET_ADMIN"]
    assert check.missing_capabilities(STATUS.format(0)) == ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]


def test_a_network_of_nothing_needs_nothing():
    check.check([])
