"""IPv6, VLANs, ipvlan and MTUs: what a file can say of them, and what hosts get."""

import dataclasses
from ipaddress import IPv4Address, IPv6Address, IPv6Interface

import pytest

from decnet import catalog, ini
from decnet.render import expand
from decnet.services.registry import services
from decnet.spec import Held, LanDriver
from decnet.spec.addresses6 import Range6, eui64, link_local
from decnet.spec.build import build
from tests.spec.files import IDENTITY, OFFICE, OTHER, codes, network, problems

SIX = "[general]\nnet = 198.51.100.0/24\nnet6 = 2001:db8::/64\nseed = s\n"
WEB = "[w]\nservices = redis\n"
HOST = dataclasses.replace(
    OFFICE,
    default_interface6="eth0",
    gateway6=IPv6Address("fe80::1"),
    interfaces6={"eth0": (IPv6Interface("2001:db8::5/64"),)},
    mtus={"eth0": 1500, "eth1": 9000, "wlan0": 1400},
    macs={"eth0": "02:00:5e:10:00:01"},
)
BIG = "[general]\nseed = s\nnet = 192.168.1.0/24\ninterface = eth0\nnet6 = 2001:db8::/64\n"


def test_an_identifier_is_made_of_a_mac_as_rfc_4291_says() -> None:
    assert f"{eui64('34:56:78:9a:bc:de'):016x}" == "365678fffe9abcde"


@pytest.mark.parametrize(
    ("address", "mac", "local"),
    [
        ("2001:db8::20", "00:50:56:00:00:0a", "fe80::250:56ff:fe00:a"),
        ("2001:db8::250:56ff:fe00:a", "00:50:56:00:00:0a", "fe80::250:56ff:fe00:a"),
        ("2001:db8::1234:5678:9abc:def0", "00:50:56:00:00:0a", "fe80::1234:5678:9abc:def0"),
        ("2001:db8::20", "", "fe80::20"),
    ],
    ids=["by number", "of its MAC", "opaque", "of an ipvlan"],
)
def test_a_link_local_address_agrees_with_the_other(address: str, mac: str, local: str) -> None:
    assert str(link_local(IPv6Address(address), mac)) == local


def test_without_net6_nobody_has_ipv6() -> None:
    built = network("[general]\nnet = 198.51.100.0/24\n" + WEB)
    assert (built.lans[0].subnet6, built.decoys[0].ip6) == (None, None)


def test_hosts_find_their_addresses_as_their_system_does() -> None:
    one, two = network(
        SIX + "[w]\nservices = redis\ndistro = debian\n[p]\nservices = http\nos = windows\n"
    ).decoys
    assert one.ip6 == IPv6Address(int(IPv6Address("2001:db8::")) | eui64(one.mac))
    assert two.ip6 is not None
    assert f"{int(two.ip6):032x}"[22:26] != "fffe"
    again = network(SIX + "[x]\nservices = redis\n[p]\nservices = http\nos = windows\n").decoys[1]
    assert again.ip6 == two.ip6
    other = network(SIX + "[p]\nservices = http\nos = windows\n", identity=OTHER).decoys[0]
    assert other.ip6 != two.ip6


def test_a_subnet_that_is_no_64_is_numbered_like_ipv4() -> None:
    head = "[general]\nnet = 198.51.100.0/24\nnet6 = 2001:db8::/112\nseed = s\n"
    built = network(head + "[a]\nip = 198.51.100.20\nservices = redis\n[b]\nip6 = 2001:db8::15\nservices = redis\n"
                    "[c]\nip = 198.51.100.21\nservices = redis\n")  # fmt: skip
    assert [str(one.ip6) for one in built.decoys] == ["2001:db8::14", "2001:db8::15", "2001:db8::16"]


def test_a_number_that_was_given_out_is_kept() -> None:
    head = "[general]\nnet = 198.51.100.0/24\nnet6 = 2001:db8::/112\nseed = s\n"
    held = Held(
        {"a": IPv4Address("198.51.100.20")},
        addresses6={"a": IPv6Address("2001:db8::99"), "b": IPv6Address("2001:db9::1")},
    )
    document = ini.parse(
        head + "[a]\nservices = redis\n[b]\nip = 198.51.100.30\nservices = redis\n", "network.ini", ""
    )
    built = build(document, catalog.load(), services(), IDENTITY, expand, held=held)
    assert [str(one.ip6) for one in built.decoys] == ["2001:db8::99", "2001:db8::1e"]


def test_a_group_has_a_range() -> None:
    built = network(SIX + "[w]\namount = 3\nip6 = 2001:db8::fe-2001:db8::ff0\nservices = redis\n")
    assert [str(one.ip6) for one in built.decoys] == ["2001:db8::fe", "2001:db8::ff", "2001:db8::100"]


def test_the_host_is_the_gateway_of_a_bridge_on_both_families() -> None:
    (lan,) = network(SIX + WEB).lans
    assert (str(lan.gateway6), str(lan.host6)) == ("2001:db8::1", "2001:db8::1")
    (lan,) = network(SIX.replace("seed", "gw6 = fe80::1\nseed") + WEB).lans
    assert (str(lan.gateway6), str(lan.host6)) == ("fe80::1", "fe80::1")


def test_a_real_lan_has_the_gateway_of_the_default_route() -> None:
    (lan,) = network(BIG + WEB, machine=HOST).lans
    assert (str(lan.gateway6), str(lan.host6)) == ("fe80::1", "2001:db8::5")
    (lan,) = network(BIG.replace("eth0", "eth1").replace("192.168.1", "10.9.0") + WEB, machine=HOST).lans
    assert (lan.gateway6, lan.host6) == (None, None)


@pytest.mark.parametrize(
    ("general", "code"),
    [
        ("net6 = 2001:db8::/127", "bad-subnet"),
        ("net6 = ff02::/64", "bad-subnet"),
        ("net6 = fe80::/64", "bad-subnet"),
        ("net6 = 2001:db8::1/64", "bad-value"),
        ("net6 = 198.51.100.0/24", "bad-value"),
        ("gw6 = 2001:db8::1", "bad-gateway"),
        ("net6 = 2001:db8::/64\ngw6 = 2001:db8::", "bad-gateway"),
        ("net6 = 2001:db8::/64\ngw6 = fe80::1%eth0", "bad-gateway"),
        ("net6 = 2001:db8::/64\ngw6 = 2001:db9::1", "address-outside-lan"),
        ("net6 = 2001:db8::/64\nmtu = 1279", "mtu-too-small"),
        ("vlan = 42", "driver-conflict"),
        ("driver = macvlan\ninterface = wlp0s20f3u1u2\nvlan = 100", "interface-name"),
        ("interface = eth0\nmtu = 1501", "mtu-over-parent"),
        ("interface = eth0\nvlan = 7\nmtu = 9000", "mtu-over-parent"),
    ],
)
def test_what_a_lan_cannot_be(general: str, code: str) -> None:
    head = f"[general]\nnet = 192.168.1.0/24\n{general}\n"
    assert codes(WEB, machine=HOST, head=head) == [code]


@pytest.mark.parametrize(
    ("decoy", "code"),
    [
        ("ip6 = 2001:db9::20", "address-outside-lan"),
        ("ip6 = 2001:db8::", "address-is-network"),
        ("ip6 = 2001:db8::1", "address-is-gateway"),
        ("ip6 = 198.51.100.7", "bad-value"),
        ("ip6 = 2001:db8::7/64", "bad-value"),
        ("ip6 = fe80::7%eth0", "bad-value"),
        ("ip6 = 2001:db8::20\namount = 2", "amount-with-single-ip"),
        ("ip6 = 2001:db8::20-2001:db8::21\namount = 3", "pool-exhausted"),
        ("ip6 = 2001:db8::20\n[v]\nservices = redis\nip6 = 2001:db8::20", "address-used-twice"),
    ],
)
def test_what_a_decoy_cannot_have(decoy: str, code: str) -> None:
    assert codes(f"{WEB}{decoy}\n", head=SIX) == [code]


def test_the_host_s_own_address_is_not_given_away() -> None:
    text = BIG + "[w]\nservices = redis\nip6 = 2001:db8::5\n"
    assert codes(text, machine=HOST, head="") == ["address-is-host"]


def test_an_address_on_a_lan_without_ipv6_says_so() -> None:
    (problem,) = problems("[w]\nservices = redis\nip6 = 2001:db8::20\n")
    assert (problem.code, problem.span.line) == ("address-outside-lan", 6)
    assert "net6" in problem.hint


def test_a_small_subnet_runs_out() -> None:
    head = "[general]\nnet = 198.51.100.0/24\nnet6 = 2001:db8::/126\nseed = s\n"
    assert codes("[w]\namount = 3\nservices = redis\n", head=head) == ["pool-exhausted"]


def test_lans_share_no_ipv6_either() -> None:
    text = "[lan-dmz]\nnet6 = 2001:db8::/56\n[w]\nservices = redis\n[v]\nlan = dmz\nservices = redis\n"
    assert codes(text, head=SIX) == ["lan-overlap"]


@pytest.mark.parametrize(
    "text", ["2001:db8::5-2001:db8::1", "2001:db8::1-198.51.100.1", "x", "198.51.100.1-9"]
)
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError, match=r"range|IPv6|mixes|ends"):
        Range6.parse(text)


def test_a_vlan_stands_on_its_interface() -> None:
    built = network("[general]\ninterface = eth0\nvlan = 42\nnet = 10.0.0.0/24\n" + WEB, machine=HOST)
    (lan,) = built.lans
    assert (lan.interface, lan.vlan, lan.parent, lan.driver) == ("eth0", 42, "eth0.42", LanDriver.MACVLAN)
    assert lan.host is None


def test_decoys_of_an_ipvlan_have_the_mac_of_their_parent_and_addresses_by_number() -> None:
    built = network(
        BIG + "driver = ipvlan\n[a]\nmac = dell\nservices = redis\n[b]\nservices = redis\n", machine=HOST
    )
    assert {one.mac for one in built.decoys} == {"02:00:5e:10:00:01"}
    assert [str(one.ip6) for one in built.decoys] == ["2001:db8::2", "2001:db8::3"]
    (warning,) = built.warnings
    assert (warning.code, warning.span.line) == ("no-effect", 8)
    assert "all have the MAC address of eth0" in warning.message
    assert (built.lans[0].host, built.lans[0].host6) == (None, None)


def test_an_mtu_is_that_of_a_smaller_parent_unless_the_file_says_one() -> None:
    head = "[general]\nnet = 10.0.0.0/24\ninterface = {}\n{}"
    for interface, mtu, found in (
        ("eth0", "", 1500),
        ("eth1", "", 1500),
        ("wlan0", "", 1400),
        ("eth1", "mtu = 9000\n", 9000),
    ):
        (lan,) = network(head.format(interface, mtu) + WEB, machine=HOST).lans
        assert lan.mtu == found


def test_a_mtu_over_the_parent_s_is_told_with_its_place() -> None:
    (problem,) = problems(WEB, machine=HOST, head="[general]\ninterface = eth0\nmtu = 9000\n")
    assert (problem.span.line, problem.span.column) == (3, 7)
    assert "ip link set eth0 mtu 9000" in problem.hint
