"""[general] and [lan-NAME]: what a network has when the file says nothing."""

from ipaddress import IPv4Network

import pytest

from decnet import catalog, ini
from decnet.render import expand
from decnet.services.registry import services
from decnet.spec import Held, LanDriver, Machine, Runtime
from decnet.spec.build import build, network_name
from tests.spec.files import BARE, IDENTITY, OFFICE, codes, network

WEB = "[web]\nservices = http\n"


@pytest.mark.parametrize(
    ("general", "machine", "driver", "interface", "subnet", "gateway", "host"),
    [
        ("", BARE, "bridge", "", "198.18.0.0/24", "198.18.0.1", "198.18.0.1"),
        ("", OFFICE, "bridge", "", "198.18.0.0/24", "198.18.0.1", "198.18.0.1"),
        ("net = 10.1.0.0/16", BARE, "bridge", "", "10.1.0.0/16", "10.1.0.1", "10.1.0.1"),
        ("net = 10.1.0.0/16\ngw = 10.1.9.9", BARE, "bridge", "", "10.1.0.0/16", "10.1.9.9", "10.1.9.9"),
        ("interface = eth0", OFFICE, "macvlan", "eth0", "192.168.1.0/24", "192.168.1.1", "192.168.1.5"),
        ("driver = macvlan", OFFICE, "macvlan", "eth0", "192.168.1.0/24", "192.168.1.1", "192.168.1.5"),
        ("interface = eth1", OFFICE, "macvlan", "eth1", "10.9.0.0/16", "None", "10.9.0.2"),
        ("interface = eth1\ngw = 10.9.0.1", OFFICE, "macvlan", "eth1", "10.9.0.0/16", "10.9.0.1", "10.9.0.2"),
        ("interface = p9\nnet = 10.7.0.0/24", BARE, "macvlan", "p9", "10.7.0.0/24", "None", "None"),
    ],
)
def test_defaults_of_a_lan(
    general: str, machine: Machine, driver: str, interface: str, subnet: str, gateway: str, host: str
) -> None:
    (lan,) = network(f"[general]\n{general}\n{WEB}", machine=machine).lans
    found = (lan.driver, lan.interface, str(lan.subnet), str(lan.gateway), str(lan.host), lan.mtu)
    assert found == (LanDriver(driver), interface, subnet, gateway, host, 1500)


def test_defaults_of_a_network() -> None:
    built = network(WEB)
    assert (built.name, built.seed, built.domain, built.timezone) == ("network", "", "", "UTC")
    assert built.runtime is Runtime.AUTO
    assert [decoy.runtime for decoy in built.decoys] == [Runtime.AUTO]
    assert built.warnings == ()


def test_a_decoy_may_have_another_runtime_than_its_network() -> None:
    built = network(
        "[general]\nruntime = netns\n[web]\nservices = http\n[app]\nservices = http\nruntime = auto\n"
    )
    assert built.runtime is Runtime.NETNS
    assert {decoy.name: decoy.runtime for decoy in built.decoys} == {
        "web": Runtime.NETNS,
        "app": Runtime.AUTO,
    }


@pytest.mark.parametrize(
    ("file", "general", "name"),
    [
        ("office.ini", "", "office"),
        ("/srv/sites/berlin.v2.ini", "", "berlin.v2"),
        ("office.ini", "name = Head-Office", "Head-Office"),
    ],
)
def test_a_network_is_called_as_its_file_unless_it_has_a_name(file: str, general: str, name: str) -> None:
    document = ini.parse(f"[general]\n{general}\n{WEB}", file)
    built = build(document, catalog.load(), services(), IDENTITY, expand)
    assert network_name(document) == built.name == name


@pytest.mark.parametrize(
    ("used", "first"),
    [
        (["198.18.0.0/24"], "198.18.1.0/24"),
        (["198.18.0.0/16"], "198.19.0.0/24"),
        (["198.18.0.128/25", "198.18.2.0/24"], "198.18.1.0/24"),
    ],
)
def test_a_bridge_keeps_clear_of_what_the_host_uses(used: list[str], first: str) -> None:
    (lan,) = network(WEB, machine=Machine(subnets=tuple(map(IPv4Network, used)))).lans
    assert str(lan.subnet) == first


def test_a_host_that_uses_all_of_them_must_be_told() -> None:
    assert codes(WEB, machine=Machine(subnets=(IPv4Network("198.18.0.0/15"),)), head="") == ["no-subnet"]


def test_a_bridge_keeps_the_subnet_it_had() -> None:
    document = ini.parse(WEB, "network.ini")
    held = Held(subnets={"default": IPv4Network("198.18.77.0/24")})
    (lan,) = build(document, catalog.load(), services(), IDENTITY, expand, BARE, held).lans
    assert str(lan.subnet) == "198.18.77.0/24"


def test_further_lans_have_subnets_and_pools_of_their_own() -> None:
    built = network(
        "[lan-dmz]\n[lan-lab]\nnet = 198.18.1.0/24\npool = 198.18.1.50-60\n"
        "[a]\nservices = http\n[b]\nservices = http\nlan = dmz\n[c]\nservices = http\nlan = LAB\n"
    )
    assert {lan.name: str(lan.subnet) for lan in built.lans} == {
        "default": "198.18.0.0/24",
        "dmz": "198.18.2.0/24",
        "lab": "198.18.1.0/24",
    }
    assert [str(decoy.ip) for decoy in built.decoys] == ["198.18.0.2", "198.18.2.2", "198.18.1.50"]


def test_a_lan_without_decoys_is_not_made() -> None:
    assert [lan.name for lan in network(f"[lan-dmz]\n{WEB}").lans] == ["default"]


@pytest.mark.parametrize(
    ("general", "code"),
    [
        ("driver = ipvlan", "no-interface"),
        ("driver = token-ring", "unknown-driver"),
        ("runtime = vm", "unknown-runtime"),
        ("driver = bridge\ninterface = eth0", "driver-conflict"),
        ("driver = macvlan", "no-interface"),
        ("interface = eth0", "no-subnet"),
        ("net = 224.0.0.0/24", "bad-subnet"),
        ("net = 127.0.0.0/24", "bad-subnet"),
        ("net = 10.0.0.0/31", "bad-subnet"),
        ("net = 10.0.0.0/24\ngw = 10.0.1.1", "address-outside-lan"),
        ("net = 10.0.0.0/24\ngw = 10.0.0.255", "bad-gateway"),
        ("net = 10.0.0.0/24\npool = 10.0.0.250-10.0.1.5", "address-outside-lan"),
        ("timezone = Mars/Olympus", "unknown-timezone"),
        ("timezone = ../../etc/passwd", "unknown-timezone"),
        ("domain = corp..example", "bad-domain"),
        ("mtu = 100", "bad-range"),
        ("vlan = 4095", "bad-range"),
        ("mtu = big", "bad-value"),
    ],
)
def test_what_a_network_cannot_be(general: str, code: str) -> None:
    assert codes(WEB, head=f"[general]\n{general}\n") == [code]


def test_more_lans_than_any_host_has() -> None:
    lans = "".join(f"[lan-{number}]\n" for number in range(300))
    assert codes(lans + WEB) == ["too-large"]
