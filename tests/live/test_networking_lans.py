"""LANs of several bridges, MTUs, what new decoys put on the wire, and parents that go away beneath us."""

from __future__ import annotations

import dataclasses

import pytest

from decnet.errors import WorldError
from decnet.world import Decoy, Driver, Lan, Link, names
from tests.live import worlds
from tests.live.lab import Lab, eventually, run
from tests.live.wire import conversation, frames, frames_at
from tests.live.worlds import apply, seen

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

NETWORK = "wide"
FIRST, SECOND = (names.bridge(NETWORK, "default", number) for number in (0, 1))
LAN = Lan(
    "default",
    Driver.BRIDGE,
    subnet="198.18.0.0/16",
    address="198.18.255.1/16",
    subnet6="2001:db8::/64",
    address6="2001:db8::ffff/64",
    bridges=2,
)


def link(number: int, bridge: str = FIRST, **fields) -> Link:
    return dataclasses.replace(
        Link(
            f"d{number}",
            "eth0",
            lan="default",
            driver=Driver.BRIDGE,
            parent=bridge,
            mac=f"00:50:56:00:{number >> 8:02x}:{number & 255:02x}",
            address=f"198.18.{number // 250}.{number % 250 + 2}/16",
        ),
        **fields,
    )


def six(one: Link) -> Link:
    return dataclasses.replace(one, address6=f"2001:db8::{int(one.decoy[1:]) + 16:x}/64")


@pytest.fixture
def wide(lab: Lab):
    with worlds.opened(lab, NETWORK) as world:
        yield world


def inside(decoy: str, *command: str) -> str:
    return run("nsenter", f"--net=/run/netns/decnet:{NETWORK}:{decoy}", *command)


def reaches(machine, *addresses: str) -> bool:
    return all(
        " 0% packet loss" in machine.run("ping", "-c", "1", "-W", "2", a, check=False) for a in addresses
    )


def test_eleven_hundred_decoys_reach_each_other_over_two_bridges(wide, lab):
    links = [link(n, FIRST if n < 1000 else SECOND) for n in range(1100)]
    links[0], links[-1] = six(links[0]), six(links[-1])
    apply(wide, LAN, *links)
    assert seen(wide, LAN, *links) == {LAN, *links}
    for asking, asked in ((links[0], links[-1]), (links[-1], links[0])):
        ip = asked.address.partition("/")[0]
        answer = inside(asking.decoy, "arping", "-c", "1", "-w", "5", "-I", "eth0", ip)
        assert asked.mac in answer.lower()
    attacker = lab.machine("attacker", "198.18.255.200/16", bridge=SECOND)
    attacker.run("ip", "-6", "address", "add", "2001:db8::bad/64", "dev", "eth0", "nodad")
    eventually(lambda: reaches(attacker, "198.18.0.2", "198.18.255.1", "2001:db8::10", "2001:db8::45b"))
    lab.unplug(attacker)
    wide.remove_all()
    assert run("ip", "-o", "link", "show", "type", "veth") == ""


def test_one_bridge_more_and_one_less_while_a_connection_is_open(wide, lab):
    one = dataclasses.replace(LAN, bridges=1)
    apply(wide, one, link(1))
    with conversation(NETWORK, "d1", "198.18.0.3") as talk:
        wide.update(LAN, frozenset({"bridges"}))
        apply(wide, link(2, SECOND))
        assert seen(wide, LAN, link(1), link(2, SECOND)) == {LAN, link(1), link(2, SECOND)}
        assert talk.echoes(b"over two")
        wide.remove(link(2, SECOND))
        wide.remove(Decoy("d2"))
        wide.update(one, frozenset({"bridges"}))
        assert seen(wide, one, link(1)) == {one, link(1)}
        assert talk.echoes(b"over one")
    assert SECOND not in run("ip", "link")


SABOTAGE = {
    "trunk gone": ("ip", "link", "delete", names.trunk(NETWORK, "default", 1)[0]),
    "trunk down": ("ip", "link", "set", names.trunk(NETWORK, "default", 1)[1], "down"),
    "trunk unplugged": ("ip", "link", "set", names.trunk(NETWORK, "default", 1)[0], "nomaster"),
    "second bridge down": ("ip", "link", "set", SECOND, "down"),
    "second bridge gone": ("ip", "link", "delete", SECOND),
    "first bridge gone": ("ip", "link", "delete", FIRST),
}


@pytest.mark.parametrize("command", SABOTAGE.values(), ids=SABOTAGE)
def test_a_lan_that_was_cut_is_joined_again(wide, command):
    wanted = (LAN, link(1), link(2, SECOND))
    apply(wide, *wanted)
    run(*command)
    assert seen(wide, *wanted) != set(wanted)
    apply(wide, *wanted)
    assert seen(wide, *wanted) == set(wanted)
    assert (
        "00:50:56:00:00:02"
        in inside("d1", "arping", "-c", "1", "-w", "5", "-I", "eth0", "198.18.0.4").lower()
    )


def test_a_bridge_of_somebody_else_in_the_place_of_the_second_is_not_touched(wide):
    run("ip", "link", "add", SECOND, "type", "bridge")
    try:
        with pytest.raises(WorldError, match="not ours"):
            wide.create(LAN)
        wide.remove(LAN)
        assert SECOND in run("ip", "link")
    finally:
        run("ip", "link", "delete", SECOND)


def test_the_mtu_changes_both_ways_without_dropping_a_session(wide, lab):
    apply(wide, LAN, link(1), link(2, SECOND))
    with conversation(NETWORK, "d1", "198.18.0.3") as talk:
        for mtu in (9000, 1280, 1500):
            lan, first, second = (
                dataclasses.replace(one, mtu=mtu) for one in (LAN, link(1), link(2, SECOND))
            )
            wide.update(lan, frozenset({"mtu"}))
            wide.update(first, frozenset({"mtu"}))
            wide.update(second, frozenset({"mtu"}))
            assert seen(wide, lan, first, second) == {lan, first, second}
            there = run("ip", "-o", "link", "show", "group", str(names.group(NETWORK))).splitlines()
            assert len(there) == 6  # two bridges, two ends of their trunk, the host's ends of two decoys
            assert all(f" mtu {mtu} " in line for line in there)
            assert talk.echoes(b"x" * 100_000)


def test_jumbo_frames_pass_from_one_bridge_to_the_other(wide, lab):
    jumbo = [dataclasses.replace(one, mtu=9000) for one in (LAN, link(1), link(2, SECOND))]
    apply(wide, *jumbo)
    attacker = lab.machine("attacker", "198.18.255.200/16", bridge=SECOND)
    attacker.run("ip", "link", "set", "eth0", "mtu", "9000")
    run("ip", "link", "set", "v-attacker", "mtu", "9000")
    for ip in ("198.18.0.3", "198.18.0.4", "198.18.255.1"):
        told = attacker.run("ping", "-M", "do", "-s", "8972", "-c", "1", "-W", "5", ip)
        assert " 0% packet loss" in told
    lab.unplug(attacker)


def test_a_port_of_somebody_with_a_small_mtu_makes_not_the_lan_s_smaller(wide, lab):
    jumbo = dataclasses.replace(LAN, mtu=9000)
    apply(wide, jumbo)
    attacker = lab.machine("attacker", "198.18.255.200/16", bridge=FIRST)
    assert seen(wide, jumbo) == {jumbo}
    lab.unplug(attacker)


@pytest.fixture(scope="module")
def wire(lab: Lab):
    machine = lab.machine("peer", "198.18.255.201/16", cable="wan0")
    machine.run("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")
    run("sysctl", "-qw", "net.ipv6.conf.wan0.disable_ipv6=1")
    return machine


@pytest.mark.parametrize("driver", [Driver.BRIDGE, Driver.MACVLAN])
@pytest.mark.parametrize("family", [4, 6])
def test_fifty_new_decoys_say_no_more_than_fifty_hosts_would(wide, lab, wire, driver, family):
    """Nothing over IPv4: no gratuitous ARP. Over IPv6 what RFC 4862 and RFC 3810 ask of any host, once each."""
    if driver is Driver.BRIDGE:
        lan = dataclasses.replace(LAN, bridges=1, subnet6="", address6="")
        on = FIRST
    else:
        lan = Lan("default", driver, interface="wan0", subnet="198.18.0.0/16")
        on = "wan0"
    wide.create(lan)
    links = [dataclasses.replace(link(n), driver=driver, parent=on) for n in range(50)]
    links = [six(one) for one in links] if family == 6 else links
    if driver is Driver.BRIDGE:
        found = frames(FIRST, lambda: apply(wide, *links))
    else:
        found = frames_at(wire, lambda: apply(wide, *links))
    if family == 4:
        assert found.total() == 0
    else:
        assert set(found) <= {"DAD", "MLD"}
        assert 50 <= found["DAD"] <= 100  # two addresses each
        assert found["MLD"] <= 50 * 8  # unsolicited reports, each repeated once (RFC 3810, section 9.14)


@pytest.fixture
def parent(lab: Lab):
    machine = lab.machine("router", "203.0.113.1/24", cable="gone0")
    run("ip", "address", "add", "203.0.113.2/24", "dev", "gone0")
    yield machine
    run("ip", "netns", "delete", "router")
    eventually(lambda: "gone" not in run("ip", "link"))


ON_PARENT = Lan(
    "default", Driver.MACVLAN, interface="gone0", subnet="203.0.113.0/24", address="203.0.113.2/24"
)
THERE = dataclasses.replace(link(1), driver=Driver.MACVLAN, parent="gone0", address="203.0.113.9/24")


def test_a_parent_that_goes_away_is_drift_and_then_a_clear_error(wide, parent):
    for lan in (ON_PARENT, dataclasses.replace(ON_PARENT, address="")):
        apply(wide, lan, THERE)
        assert seen(wide, lan, THERE) == {lan, THERE}
        run("ip", "link", "set", "gone0", "name", "gone1")
        assert lan not in seen(wide, lan, THERE)
        assert THERE not in seen(wide, lan, THERE)
        with pytest.raises(WorldError, match="there is no interface 'gone0'") as caught:
            wide.create(lan)
        assert "gone1" in caught.value.hint or "interfaces of this machine" in caught.value.hint
        with pytest.raises(WorldError, match="there is no interface 'gone0'"):
            wide.create(THERE)
        run("ip", "link", "set", "gone1", "name", "gone0")
        assert seen(wide, lan, THERE) == {lan, THERE}
        wide.remove_all()
    apply(wide, ON_PARENT, THERE)
    run("ip", "link", "delete", "gone0")
    assert seen(wide, ON_PARENT, THERE) == set()  # the kernel takes macvlans with their parent


def test_the_host_reaches_its_decoys_by_the_hairpin_on_both_families(wide, parent):
    run("ip", "-6", "address", "add", "2001:db8:0:2::2/64", "dev", "gone0", "nodad")
    there = dataclasses.replace(THERE, address6="2001:db8:0:2::9/64")
    apply(wide, dataclasses.replace(ON_PARENT, subnet6="2001:db8:0:2::/64"), there)
    lan = dataclasses.replace(ON_PARENT, subnet6="2001:db8:0:2::/64", address6="2001:db8:0:2::2/64")
    wide.update(lan, frozenset({"address6"}))  # to decoys that were there before it
    late = dataclasses.replace(link(2), driver=Driver.MACVLAN, parent="gone0", address="203.0.113.10/24",
                               address6="2001:db8:0:2::10/64")  # fmt: skip
    apply(wide, late)
    assert seen(wide, lan, there, late) == {lan, there, late}
    for ip in ("203.0.113.9", "2001:db8:0:2::9", "203.0.113.10", "2001:db8:0:2::10"):
        eventually(lambda a=ip: " 0% packet loss" in run("ping", "-c", "1", "-W", "1", a, check=False))
    before = run("ip", "-6", "route")
    wide.remove(late)
    assert "2001:db8:0:2::10 dev" in before
    assert "2001:db8:0:2::10 dev" not in run("ip", "-6", "route")
