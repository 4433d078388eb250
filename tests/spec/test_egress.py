"""``egress``: which connections decoys may open, as the file says it and as the network has it."""

import pytest

from decnet.errors import Severity
from tests.spec.files import codes, decoys, problems, warnings

WEB = "[web]\nservices = redis\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("deny", ()),
        ("Deny", ()),
        ("tcp:198.51.100.0/24:443", ("tcp 198.51.100.0/24 443",)),
        ("udp:198.51.100.53:53", ("udp 198.51.100.53/32 53",)),
        ("UDP : 198.51.100.53/32 : 053", ("udp 198.51.100.53/32 53",)),
        ("tcp:0.0.0.0/0:*", ("tcp 0.0.0.0/0 *",)),
        ("tcp:203.0.113.0/24:8000-8100", ("tcp 203.0.113.0/24 8000-8100",)),
        ("tcp:203.0.113.0/24:80-80", ("tcp 203.0.113.0/24 80",)),
        ("icmp:198.51.100.0/24:*", ("icmp 198.51.100.0/24 *",)),
        ("tcp:2001:DB8::/32:443", ("tcp 2001:db8::/32 443",)),
        ("tcp:[2001:db8:0::1]:443", ("tcp 2001:db8::1/128 443",)),
        ("udp:2001:db8::1:53", ("udp 2001:db8::1/128 53",)),
        ("icmp:::/0:*", ("icmp ::/0 *",)),
        (
            "udp:198.51.100.53:53\n  tcp:198.51.100.7:80; udp:198.51.100.53/32:53",
            ("tcp 198.51.100.7/32 80", "udp 198.51.100.53/32 53"),
        ),
    ],
)
def test_items_have_one_form(text: str, found: tuple[str, ...]) -> None:
    assert decoys(f"{WEB}egress = {text}\n")["web"].egress == found
    assert warnings(f"{WEB}egress = {text}\n") == []


def test_a_decoy_opens_nothing_unless_the_file_says_so() -> None:
    assert decoys(WEB)["web"].egress == ()


def test_a_decoys_own_egress_stands_in_place_of_that_of_general() -> None:
    text = "egress = udp:198.51.100.53:53\n[web]\nservices = redis\n[db : web]\negress = deny\n[pc : db]\negress = tcp:198.51.100.7:80\n"
    found = {name: decoy.egress for name, decoy in decoys(text).items()}
    assert found == {"web": ("udp 198.51.100.53/32 53",), "db": (), "pc": ("tcp 198.51.100.7/32 80",)}


def test_the_place_of_a_decoys_egress_is_the_line_that_says_it() -> None:
    found = decoys("egress = udp:198.51.100.53:53\n[web]\nservices = redis\n[db : web]\negress = deny\n")
    assert [decoy.spans["egress"].line for decoy in found.values()] == [4, 8]


@pytest.mark.parametrize(
    ("item", "message", "hint"),
    [
        ("allow", '"allow": is not proto:cidr:port', "write deny, or items like"),
        ("tcp:198.51.100.7", '"tcp:198.51.100.7": is not proto:cidr:port', "write deny, or items like"),
        ("tpc:198.51.100.7:80", 'unknown protocol "tpc"', 'did you mean "tcp"?'),
        ("sctp:198.51.100.7:80", 'unknown protocol "sctp"', "tcp"),
        ("tcp:example.com:80", '"example.com" is no address or network', "write deny"),
        ("tcp:2001:db8::1", '"2001:db8:" is no address or network', "write deny"),
        ("tcp:fe80::1%eth0:80", "is no network", "a prefix length is 0 to 128"),
        ("tcp:198.51.100.7/33:80", '"198.51.100.7/33" is no network', "a prefix length is 0 to 32"),
        ("tcp:198.51.100.0/255.255.255.0:80", "is no network", "a prefix length is 0 to 32"),
        ("tcp:198.51.100.0/:80", "is no network", "a prefix length is 0 to 32"),
        (
            "tcp:198.51.100.7/24:80",
            "is an address within a network",
            "write 198.51.100.0/24, or 198.51.100.7",
        ),
        ("tcp:198.51.100.7:0", '"0" is no port', "a number from 1 to 65535"),
        ("tcp:198.51.100.7:65536", '"65536" is no port', "a number from 1 to 65535"),
        ("tcp:198.51.100.7:90-80", '"90-80" is no port', "a range like"),
        ("tcp:198.51.100.7:http", '"http" is no port', "a number"),
        ("tcp:198.51.100.7:٨٠", "is no port", "a number"),
        ("icmp:198.51.100.7:8", "icmp has no ports", "write *"),
        ("deny", "deny stands alone", "remove it"),
    ],
)
def test_what_is_wrong_with_an_item_is_said_at_the_item(item: str, message: str, hint: str) -> None:
    (problem,) = problems(f"{WEB}egress = udp:198.51.100.53:53, {item}\n")
    assert (problem.code, problem.severity, problem.span.line) == ("bad-egress", Severity.ERROR, 6)
    assert problem.span.text[problem.span.column - 1 :][: problem.span.width] == item
    assert message in problem.message
    assert hint in problem.hint


def test_every_wrong_item_is_told_once_for_a_whole_group() -> None:
    text = (
        "egress = tcp:x:1, tcp:y:1\n[_base]\negress = tcp:z:1\n[web : _base]\nservices = redis\namount = 20\n"
    )
    assert codes(text) == ["bad-egress"] * 3


@pytest.mark.parametrize("value", ["", ",", ", ".join(f"tcp:198.51.100.{n}:80" for n in range(65))])
def test_nothing_and_too_much_are_no_egress(value: str) -> None:
    assert codes(f"{WEB}egress = {value}\n") == ["bad-egress"]
