"""VLANs, ipvlan, trunks and IPv6 in what we say to the kernel, and in what we say of its answers."""

import errno
import socket

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from decnet.errors import MissingCapability
from decnet.world import Driver, Lan, Link, check, ipv6, messages, names, netlink, ownership, refusal
from decnet.world.netlink import IFF_UP, AddressSeen, LinkSeen

WEB = Link("web", "eth0", "default", Driver.IPVLAN, "eth0", "", "203.0.113.10/24", address6="2001:db8::10/64")


def read(kind: type, message: bytearray) -> dict:
    decoded = kind(bytes(message))
    decoded.decode()
    return {**decoded["header"], **{k: decoded[k] for k in decoded if k not in ("attrs", "header")},
            **dict(decoded["attrs"])}  # fmt: skip


def info(found: dict) -> tuple[str, dict]:
    told = dict(found["IFLA_LINKINFO"]["attrs"])
    return told["IFLA_INFO_KIND"], dict(told["IFLA_INFO_DATA"]["attrs"])


def test_an_ipvlan_is_asked_for_in_mode_l2_and_without_a_mac():
    found = read(
        ifinfmsg,
        messages.ipvlan("eth0", parent_index=7, mtu=1400, group=9, up=True, namespace_fd=3),
    )
    kind, data = info(found)
    assert (kind, data) == ("ipvlan", {"IFLA_IPVLAN_MODE": 0})
    assert (found["IFLA_LINK"], found["IFLA_MTU"], found["IFLA_GROUP"], found["IFLA_NET_NS_FD"]) == (
        7,
        1400,
        9,
        3,
    )
    assert "IFLA_ADDRESS" not in found
    assert found["flags"] & IFF_UP or found["change"] & IFF_UP


def test_a_vlan_is_asked_for_by_its_tag_and_has_the_network_s_group():
    found = read(ifinfmsg, messages.vlan("eth0.42", parent_index=7, tag=42, group=9))
    kind, data = info(found)
    assert (kind, data) == ("vlan", {"IFLA_VLAN_ID": 42})
    assert (found["IFLA_IFNAME"], found["IFLA_LINK"], found["IFLA_GROUP"]) == ("eth0.42", 7, 9)
    assert "IFLA_MTU" not in found


@pytest.mark.parametrize(
    ("address", "family", "prefix"),
    [("198.51.100.9/24", socket.AF_INET, 24), ("2001:db8::9/64", socket.AF_INET6, 64)],
)
def test_an_address_is_of_its_family(address, family, prefix):
    found = read(ifaddrmsg, messages.add_address(7, address))
    assert (found["family"], found["prefixlen"], found["IFA_LOCAL"]) == (
        family,
        prefix,
        address.partition("/")[0],
    )
    assert ("IFA_BROADCAST" in found) is (family == socket.AF_INET)


def test_an_address_that_is_lent_asks_nobody_and_routes_nothing():
    found = read(ifaddrmsg, messages.lend_address(7, "2001:db8::5/128"))
    assert found["IFA_FLAGS"] == 0x200 | 0x02  # IFA_F_NOPREFIXROUTE, IFA_F_NODAD


def test_routes_are_of_the_family_of_their_gateway():
    for gateway, family in (("198.51.100.1", socket.AF_INET), ("fe80::1", socket.AF_INET6)):
        found = read(rtmsg, messages.default_route(7, gateway))
        assert (found["family"], found["dst_len"], found["RTA_GATEWAY"]) == (family, 0, gateway)
    found = read(rtmsg, messages.host_route(7, "2001:db8::10", "2001:db8::5"))
    assert (found["family"], found["dst_len"], found["RTA_PREFSRC"]) == (socket.AF_INET6, 128, "2001:db8::5")


LACKS = [
    ("ipvlan", Lan("a", Driver.IPVLAN, interface="eth0"), "sudo modprobe ipvlan"),
    ("vlan", Lan("a", Driver.MACVLAN, interface="eth0", vlan=42), "sudo modprobe 8021q"),
]


@pytest.mark.parametrize(("kind", "lan", "hint"), LACKS, ids=[kind for kind, _, _ in LACKS])
def test_a_kernel_that_lacks_a_kind_is_told_by_the_kind_s_name(monkeypatch, kind, lan, hint):
    asked = []

    def has(one: str) -> bool:
        asked.append(one)
        return one != kind

    monkeypatch.setattr(check, "_has", has)
    monkeypatch.setattr(check, "missing_capabilities", lambda _: [])
    monkeypatch.setattr(check.namespaces, "in_new", lambda work: work())
    with pytest.raises(MissingCapability, match=f"no {kind} interfaces") as caught:
        check.check([lan])
    assert caught.value.hint.endswith(hint)
    assert kind in asked


def test_the_kernel_s_refusals_of_an_ipvlan_are_told_as_such():
    told = refusal.refused(WEB, OSError(errno.EADDRINUSE, "Address already in use"))
    assert "another ipvlan on eth0 has the address 203.0.113.10/24" in str(told)
    told = refusal.refused(WEB, OSError(errno.EBUSY, "Device or resource busy"))
    assert "excludes ipvlan" in str(told)
    assert "a macvlan parent cannot carry ipvlans" in told.hint
    lan = Lan("a", Driver.MACVLAN, interface="eth0", vlan=42)
    told = refusal.refused(lan, OSError(errno.EBUSY, "Device or resource busy"))
    assert "eth0.42 is in use" in str(told)


def seen(name: str, index: int, **fields) -> LinkSeen:
    defaults = {"group": names.group("n"), "flags": IFF_UP, "mtu": 1500, "mac": "", "kind": "bridge", "parent": 0,
                "master": 0, "alias": ""}  # fmt: skip
    return LinkSeen(index, name, **{**defaults, **fields})


def joined(**changes) -> dict[str, LinkSeen]:
    near, far = names.trunk("n", "a", 1)
    links = {
        "hub": seen(names.bridge("n", "a", 0), 1),
        "spoke": seen(names.bridge("n", "a", 1), 2),
        "near": seen(near, 3, kind="veth", master=1),
        "far": seen(far, 4, kind="veth", master=2),
    }
    for name, fields in changes.items():
        links[name] = links[name]._replace(**fields)
    return {one.name: one for one in links.values()}


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 2),
        ({"spoke": {"flags": 0}}, 1),
        ({"near": {"master": 0}}, 1),
        ({"far": {"flags": 0}}, 1),
        ({"spoke": {"group": 5}}, 1),
        ({"spoke": {"alias": "someone else's"}}, 1),
    ],
    ids=["whole", "bridge down", "trunk unplugged", "trunk down", "other group", "other alias"],
)
def test_a_bridge_counts_when_it_is_joined_to_the_first(changes, count):
    assert ownership.bridges("n", "a", joined(**changes)) == count


def test_names_of_bridges_and_trunks_are_names_of_interfaces_and_differ():
    everything = [names.bridge("n", "a", number) for number in range(20)]
    everything += [end for number in range(1, 20) for end in names.trunk("n", "a", number)]
    everything += [names.lan_interface("n", "b"), names.peer_interface("n", "a", "1")]
    assert len(set(everything)) == len(everything)
    assert all(len(name) <= 15 for name in everything)
    assert names.bridge("n", "a", 0) == names.lan_interface("n", "a")


def test_an_address_that_somebody_else_has_is_asked_for_again():
    there = [AddressSeen(7, "fe80::10/64"), AddressSeen(7, "2001:db8::10/64", flags=0x88)]
    todo = [read(ifaddrmsg, message) for message in ipv6.bring(7, WEB, there)]
    assert [(one["type"], one["IFA_LOCAL"]) for one in todo] == [(21, "2001:db8::10"), (20, "2001:db8::10")]
    assert ipv6.bring(7, WEB, [AddressSeen(7, "fe80::10/64"), AddressSeen(7, "2001:db8::10/64")]) == []


def test_addresses_of_both_families_are_read_in_one_look():
    with netlink.Socket() as kernel:
        both = kernel.addresses(socket.AF_UNSPEC)
        assert set(kernel.addresses()) <= set(both)
        assert set(kernel.addresses(socket.AF_INET6)) <= set(both)
        assert any(found.address == "127.0.0.1/8" for found in both)
