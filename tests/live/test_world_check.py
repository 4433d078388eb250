"""Privileges, kernel features, and facts of the host, asked of a real kernel."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from decnet.world import Driver, Lan, check, host
from tests.live.lab import Lab, run

pytestmark = pytest.mark.live

LANS = (Lan("a", Driver.BRIDGE), Lan("b", Driver.MACVLAN, interface="wan0"))


def test_root_on_this_kernel_lacks_nothing_and_leaves_nothing(lab: Lab):
    before = lab.snapshot()
    check.check(LANS)
    assert lab.snapshot() == before


def test_a_kind_that_the_kernel_does_not_know_is_found_out(lab: Lab):
    assert not check._has("nosuchkind")


def test_without_privilege_the_error_says_which_and_how(lab: Lab):
    script = (
        "import os\nfrom decnet.errors import MissingCapability\nfrom decnet.world import *\n"
        "from decnet.world.check import check\n"
        "os.setresuid(65534, 65534, 65534)\n"
        "try: check([Lan('a', Driver.BRIDGE)])\n"
        "except MissingCapability as error: print(error.message, '|', error.hint)"
    )
    said = run(sys.executable, "-c", script).strip()
    assert said == "this needs CAP_NET_ADMIN and CAP_SYS_ADMIN | run as root: sudo decnet apply …"


def test_the_facts_of_the_host(lab: Lab):
    peer = lab.machine("peer", "203.0.113.1/24", cable="wan0")
    run("ip", "address", "add", "203.0.113.5/24", "dev", "wan0")
    run("ip", "link", "set", "wan0", "mtu", "1400")
    run("ip", "route", "add", "198.18.0.0/24", "via", "203.0.113.1")
    run("ip", "route", "add", "default", "via", "203.0.113.1")
    seen = host.look()
    lab.unplug(peer)
    wan = seen.interface("wan0")
    assert (seen.default_interface, seen.gateway) == ("wan0", IPv4Address("203.0.113.1"))
    assert (wan.mtu, wan.up, wan.kind, wan.addresses) == (
        1400,
        True,
        "veth",
        (IPv4Interface("203.0.113.5/24"),),
    )
    assert seen.addresses() == (IPv4Address("203.0.113.5"),)
    assert {IPv4Network("203.0.113.0/24"), IPv4Network("198.18.0.0/24")} <= set(seen.subnets)


def test_a_host_without_a_default_route(lab: Lab):
    seen = host.look()
    assert (seen.default_interface, seen.gateway) == ("", None)
