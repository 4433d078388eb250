"""Decoys of a file: names, addresses, MACs, host names."""

import pytest

from decnet import catalog
from tests.spec.files import OTHER, codes, decoys, problems


def addresses(text: str, **setting: object) -> dict[str, str]:
    return {name: str(decoy.ip) for name, decoy in decoys(text, **setting).items()}


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("[web]", ["web"]),
        ("[web]\namount = 1", ["web-01"]),
        ("[web]\namount = 3", ["web-01", "web-02", "web-03"]),
        ("[web[08:10]]", ["web08", "web09", "web10"]),
        ("[web[:2]]", ["web0", "web1", "web2"]),
        ("[r[a:b]-n[1:5:2]]", ["ra-n1", "ra-n3", "ra-n5", "rb-n1", "rb-n3", "rb-n5"]),
        ("[srv.corp]", ["srv.corp"]),
    ],
)
def test_names_of_members(section: str, names: list[str]) -> None:
    assert list(decoys(f"{section}\nservices = redis\n")) == names


def test_a_large_group_is_padded_to_its_own_width() -> None:
    names = list(decoys("[w]\namount = 120\nservices = redis\n"))
    assert (names[0], names[-1]) == ("w-001", "w-120")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[w]\nip = 198.51.100.9\n", ["9"]),
        ("[w]\namount = 3\nip = 198.51.100.20-30\n", ["20", "21", "22"]),
        ("[w[1:2]]\nip = 198.51.100.20-198.51.100.21\n", ["20", "21"]),
        ("[w]\namount = 2\nip = 198.51.100.64/28\n", ["64", "65"]),
        ("[w]\namount = 3\n", ["2", "3", "4"]),
        ("[a]\n[b]\nip = 198.51.100.2\n[c]\n", ["3", "2", "4"]),
    ],
)
def test_addresses(text: str, expected: list[str]) -> None:
    found = addresses(f"[DEFAULT]\nservices = redis\n{text}")
    assert list(found.values()) == [f"198.51.100.{last}" for last in expected]


def test_the_pool_is_given_out_in_file_order_without_what_no_host_can_have() -> None:
    found = addresses("pool = 198.51.100.252/30, 198.51.100.0/30\n[w]\namount = 5\nservices = redis\n")
    assert [address.rpartition(".")[2] for address in found.values()] == ["252", "253", "254", "2", "3"]


def test_a_decoy_in_the_middle_moves_no_other() -> None:
    before = decoys("[a]\n[b]\n[c]\n")
    held = {name: str(decoy.ip) for name, decoy in before.items()}
    after = decoys("[a]\n[new]\n[b]\n[c]\n", held=held)
    for name, decoy in before.items():
        assert (after[name].ip, after[name].mac) == (decoy.ip, decoy.mac)
        assert [one.name for one in after[name].services] == [one.name for one in decoy.services]
    assert str(after["new"].ip) == "198.51.100.5"


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"b": "198.51.100.200"}, {"a": "2", "b": "200", "c": "3"}),
        ({"a": "10.0.0.9", "b": "198.51.100.2", "c": "198.51.100.3"}, {"a": "4", "b": "2", "c": "3"}),
        ({"gone": "198.51.100.2"}, {"a": "2", "b": "3", "c": "4"}),
        ({"a": "198.51.100.1"}, {"a": "2", "b": "3", "c": "4"}),
        ({"a": "198.51.100.255"}, {"a": "2", "b": "3", "c": "4"}),
        ({"a": "198.51.100.7", "b": "198.51.100.7"}, {"a": "7", "b": "2", "c": "3"}),
    ],
)
def test_held_addresses_stay_while_they_can(held: dict[str, str], expected: dict[str, str]) -> None:
    found = addresses("[a]\n[b]\n[c]\n", held=held)
    assert found == {name: f"198.51.100.{last}" for name, last in expected.items()}


def test_a_declared_address_wins_over_a_held_one() -> None:
    found = addresses("[a]\n[b]\nip = 198.51.100.2\n", held={"a": "198.51.100.2"})
    assert found == {"a": "198.51.100.3", "b": "198.51.100.2"}


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ("00:50:56:12:34:56", "00:50:56:12:34:56"),
        ("00-50-56-AB-CD-EF", "00:50:56:ab:cd:ef"),
        ("raspberrypi", ""),
        ("Dell", ""),
    ],
)
def test_a_mac_is_an_address_or_a_vendors(given: str, start: str) -> None:
    mac = decoys(f"[w]\nmac = {given}\nservices = redis\n")["w"].mac
    prefixes = [start] if start else [p.lower() for p in catalog.load().vendors[given.lower()].prefixes]
    assert mac.startswith(tuple(prefixes))
    assert len(mac) == 17


def test_derived_macs_are_unique_unicast_and_of_the_networks_secret() -> None:
    text = "[w]\namount = 250\nservices = redis\n"
    first, again = ([d.mac for d in decoys(text).values()] for _ in range(2))
    assert first == again
    assert len(set(first)) == 250
    assert not any(int(mac[:2], 16) & 1 for mac in first)
    assert not set(first) & {d.mac for d in decoys(text, identity=OTHER).values()}


@pytest.mark.parametrize(
    ("text", "hostnames"),
    [
        ("[w]\nhostname = intranet\n", ["intranet"]),
        ("[w]\nhostname = www.corp.example\n", ["www.corp.example"]),
        ("[w]\namount = 2\nhostname = WS-{{ n }}\n", ["WS-1", "WS-2"]),
        ("[w]\namount = 2\nhostname = {{ group }}{{ n3 }}\n", ["w001", "w002"]),
        ("[w[5:6]]\nhostname = {{ name }}-{{ n2 }}\n", ["w5-01", "w6-02"]),
        ("[w]\namount = 2\nhostname = s{{ '%04d' % (n + 10) }}\n", ["s0011", "s0012"]),
    ],
)
def test_declared_host_names(text: str, hostnames: list[str]) -> None:
    found = decoys(f"[DEFAULT]\nservices = redis\n{text}")
    assert [decoy.hostname for decoy in found.values()] == hostnames


def test_derived_host_names_are_distinct_however_many_there_are() -> None:
    text = "[DEFAULT]\nservices = redis\narchetype = printer\n" + "".join(f"[p{n}]\n" for n in range(240))
    assert len({decoy.hostname.lower() for decoy in decoys(text).values()}) == 240


def test_a_pattern_without_a_number_does_for_several() -> None:
    text = (
        "[archetype-box]\nbase = printer\nhostnames = box\n"
        "[a]\narchetype = box\n[b]\narchetype = box\n[c]\narchetype = box\n"
    )
    first, *others = (decoy.hostname for decoy in decoys(text).values())
    assert first == "box"
    assert len({first, *others}) == 3
    assert all(other.startswith("box-") for other in others)


@pytest.mark.parametrize(
    ("keys", "code", "line", "column"),
    [
        ("hostname = {{ nn }}", "bad-pattern", 5, 12),
        ("hostname = {{ n", "bad-pattern", 5, 12),
        ("hostname = {{ n.x.y }}", "bad-pattern", 5, 12),
        ("hostname = {{ ''.__class__.mro() }}", "bad-pattern", 5, 12),
        ("hostname = {% for i in range(9) %}a{% endfor %}", "bad-pattern", 5, 12),
        ("hostname = {{ 1 // 0 }}", "bad-pattern", 5, 12),
        (f"hostname = {'x' * 300}", "bad-pattern", 5, 12),
        ("hostname = a_b", "bad-hostname", 5, 12),
        ("hostname = -a", "bad-hostname", 5, 12),
        (f"hostname = {'x' * 64}", "bad-hostname", 5, 12),
        ("hostname = wéb", "bad-hostname", 5, 12),
        ("mac = 01:00:5e:00:00:01", "mac-multicast", 5, 7),
        ("mac = ff:ff:ff:ff:ff:ff", "mac-multicast", 5, 7),
        ("mac = 00:00:00:00:00:00", "mac-zero", 5, 7),
        ("mac = 00:11", "bad-mac", 5, 7),
        ("mac = acme", "unknown-vendor", 5, 7),
        ("ip = 198.51.100.0", "address-is-network", 5, 6),
        ("ip = 198.51.100.255", "address-is-broadcast", 5, 6),
        ("ip = 198.51.100.1", "address-is-gateway", 5, 6),
        ("ip = 10.0.0.1", "address-outside-lan", 5, 6),
        ("ip = 198.51.100.300", "bad-value", 5, 6),
        ("amount = 0", "bad-range", 5, 10),
        ("amount = 2\nip = 198.51.100.5", "amount-with-single-ip", 6, 6),
        ("amount = 3\nip = 198.51.100.5-6", "pool-exhausted", 6, 6),
        ("amount = 300", "pool-exhausted", 4, 2),
        ("lan = dmz", "unknown-lan", 5, 7),
    ],
)
def test_what_a_decoy_cannot_have(keys: str, code: str, line: int, column: int) -> None:
    (problem,) = problems(f"[w]\n{keys}\nservices = redis\n")
    assert (problem.code, problem.span.line, problem.span.column) == (code, line, column)


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("ip = 198.51.100.9", "ip = 198.51.100.9", "address-used-twice"),
        ("mac = 00:50:56:00:00:01", "mac = 00-50-56-00-00-01", "mac-used-twice"),
        ("hostname = Web", "hostname = web", "hostname-used-twice"),
    ],
)
def test_what_two_decoys_cannot_share(first: str, second: str, code: str) -> None:
    (problem,) = problems(f"[a]\nservices = redis\n{first}\n[b]\nservices = redis\n{second}\n")
    assert problem.code == code
    assert (problem.span.line, problem.related[0].line) == (9, 6)


@pytest.mark.parametrize("pattern", ["web", "{{ group }}", "{{ 'web' }}"])
def test_members_cannot_share_a_host_name(pattern: str) -> None:
    assert codes(f"[w]\namount = 3\nhostname = {pattern}\nservices = redis\n") == ["hostname-used-twice"]


def test_names_are_unique_without_regard_to_case() -> None:
    assert codes("[web]\namount = 2\nservices = redis\n[WEB-02]\nservices = redis\n") == ["duplicate-decoy"]
