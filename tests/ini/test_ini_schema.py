from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any

import pytest

from decnet.errors import InvalidInput, Span
from decnet.ini import Text, gather, parse
from decnet.ini.schema import Key, convert, describe, fields, fill, key
from decnet.ini.values import AddressRange, Duration, Secret, Size

WHERE = Span("n.ini", 1)


class Mode(StrEnum):
    FAST = "fast"
    VERY_SLOW = "very-slow"


@dataclass(frozen=True, slots=True)
class Persona:
    port: int = key(80, "where it listens", minimum=1, maximum=65535, example="8080")
    mode: Mode = key(Mode.FAST, "how it works", aliases=("nmap-os",))
    users: tuple[str, ...] = key(("root", "admin"), "who may log in")
    version: str | None = key(None, "what it says", choices=("1.0", "2.0"))
    tls: bool = key(False, "wrapped or not")
    uptime: Duration = key(Duration(5400), "since when")
    password: Secret = key(Secret("hunter2"), "for all of them")


@dataclass(frozen=True, slots=True)
class Needy:
    image: str = key(dataclasses.MISSING, "what to run")
    size: int = key(0, "how much")

    def __post_init__(self) -> None:
        if self.size > 9:
            raise ValueError("too much of it")


def text(raw: str) -> Text:
    return Text(raw, Span("n.ini", 3, 7, max(1, len(raw)), "key = " + raw))


@pytest.mark.parametrize(
    ("raw", "kind", "expected"),
    [
        ("word", str, "word"),
        ('"a, b"', str, "a, b"),
        ("", str, ""),
        ("007", int, 7),
        ("-5", int, -5),
        ("2.5", float, 2.5),
        ("1e3", float, 1000.0),
        (".5", float, 0.5),
        ("YES", bool, True),
        ("on", bool, True),
        ("0", bool, False),
        ("False", bool, False),
        ("Very_Slow", Mode, Mode.VERY_SLOW),
        ("1, 2;3", tuple[int, ...], (1, 2, 3)),
        ('a, "b, c"', tuple[str, ...], ("a", "b, c")),
        ("", tuple[int, ...], ()),
        ("", int | None, None),
        ("None", int | None, None),
        ("none", str | None, "none"),
        ("", str | None, None),
        ("5", int | None, 5),
        ("192.0.2.1", IPv4Address, IPv4Address("192.0.2.1")),
        ("192.0.2.0/24", IPv4Network, IPv4Network("192.0.2.0/24")),
        ("2001:db8::1", IPv4Address | IPv6Address, IPv6Address("2001:db8::1")),
        ("192.0.2.1", IPv4Address | IPv6Address | None, IPv4Address("192.0.2.1")),
        ("1h30m", Duration, 5400),
        ("64M", Size, 64 * 1024 * 1024),
    ],
)
def test_what_a_text_becomes(raw: str, kind: Any, expected: object) -> None:
    value = convert(text(raw), kind)
    assert value == expected
    assert type(value) is type(expected) or isinstance(value, (Duration, Size))


@pytest.mark.parametrize(
    ("raw", "kind", "message"),
    [
        ("1_000", int, '"1_000" is not a whole number'),
        ("٣", int, '"٣" is not a whole number'),
        ("9" * 5000, int, "is not a whole number"),
        ("0x10", int, "whole number"),
        ("", int, "a value is missing; expected a whole number"),
        ("nan", float, '"nan" is not a number'),
        ("1e999", float, "is not a number"),
        ("maybe", bool, "neither yes nor no"),
        ("192.0.2.256", IPv4Address, "is not an IPv4 address"),
        ("2001:db8::1", IPv4Address, "is not an IPv4 address"),
        ("x", IPv4Address | IPv6Address, "is not an IPv4 address or IPv6 address"),
        ("3 parsecs", Duration, "is no duration"),
    ],
)
def test_what_is_no_value_of_the_type(raw: str, kind: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        convert(text(raw), kind)
    (problem,) = caught.value.problems
    assert problem.code == "bad-value"
    assert message in problem.message


def test_every_wrong_item_of_a_list_is_shown_where_it_stands() -> None:
    with pytest.raises(InvalidInput) as caught:
        convert(text("1, x, 3, y"), tuple[int, ...], name="ports")
    assert [(p.span.column, p.span.width, p.message) for p in caught.value.problems] == [
        (10, 1, 'ports: "x" is not a whole number'),
        (16, 1, 'ports: "y" is not a whole number'),
    ]


@pytest.mark.parametrize(
    ("raw", "low", "high", "message"),
    [
        ("0", 1, 9, '"0" must be between 1 and 9'),
        ("10", 1, 9, '"10" must be between 1 and 9'),
        ("0", 1, None, '"0" must be at least 1'),
        ("10", None, 9, '"10" must be at most 9'),
    ],
)
def test_what_is_out_of_range(raw: str, low: float | None, high: float | None, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        convert(text(raw), int, Key("", minimum=low, maximum=high))
    assert [(p.code, p.message) for p in caught.value.problems] == [("bad-range", message)]


@pytest.mark.parametrize(
    ("raw", "kind", "choices", "hint"),
    [
        ("very-slwo", Mode, (), 'did you mean "very-slow"?'),
        ("xyz", Mode, (), "choose one of fast, very-slow"),
        ("bridg", str, ("bridge", "macvlan"), 'did you mean "bridge"?'),
        ("ssh, htp", tuple[str, ...], ("ssh", "http"), 'did you mean "http"?'),
    ],
)
def test_a_wrong_choice_has_a_hint(raw: str, kind: Any, choices: tuple[str, ...], hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        convert(text(raw), kind, Key("", choices))
    assert [(p.code, p.hint) for p in caught.value.problems] == [("unknown-choice", hint)]


def test_a_network_with_host_bits_is_told_its_network() -> None:
    with pytest.raises(InvalidInput) as caught:
        convert(text("192.0.2.7/24"), IPv4Network)
    assert caught.value.problems[0].hint == "did you mean 192.0.2.0/24?"


def test_a_secret_is_not_repeated_in_a_message() -> None:
    with pytest.raises(InvalidInput) as caught:
        convert(text("hunter2"), int, Key("", secret=True), "pin")
    assert "hunter2" not in str(caught.value)
    assert repr(Secret("hunter2")) == "Secret('********')"


def test_a_full_section() -> None:
    given = {"Port": text("8080"), "nmap_os": text("very-slow"), "USERS": text("a, b"), "tls": text("on")}
    persona, problems = fill(Persona, given, WHERE)
    assert problems == ()
    assert persona == Persona(port=8080, mode=Mode.VERY_SLOW, users=("a", "b"), tls=True)


def test_an_empty_section_has_every_default() -> None:
    assert fill(Persona, {}, WHERE) == (Persona(), ())


def test_every_problem_of_a_section_at_once_with_its_place() -> None:
    document = parse("[a]\nprot = 1\nport = x\nmode = fast\nnmap-os = fast\nzzz = 1\n")
    values, _ = gather(document, tuple(document.sections.values()))
    persona, problems = fill(Persona, values, WHERE)
    assert persona is None
    assert [(p.span.line, p.span.column, p.code, p.message, p.hint) for p in problems] == [
        (2, 1, "unknown-key", 'unknown key "prot" in [a]', 'did you mean "port"?'),
        (3, 8, "bad-value", 'port: "x" is not a whole number', ""),
        (5, 11, "duplicate-key", '"nmap_os" is "mode" under another name, which is given too', ""),
        (6, 1, "unknown-key", 'unknown key "zzz" in [a]', ""),
    ]


def test_a_section_of_junk_ends_after_a_thousand_problems() -> None:
    given = {f"junk{n}": text("x") for n in range(100_000)}
    assert len(fill(Persona, given, WHERE)[1]) == 1000


def test_a_key_without_default_must_be_given() -> None:
    assert [(p.code, p.span) for p in fill(Needy, {}, WHERE)[1]] == [("missing-key", WHERE)]
    assert fill(Needy, {"image": text("x")}, WHERE) == (Needy("x"), ())


def test_what_a_class_refuses_is_a_problem() -> None:
    problems = fill(Needy, {"image": text("x"), "size": text("10")}, WHERE)[1]
    assert [(p.code, p.message) for p in problems] == [("bad-value", "too much of it")]


def test_the_description_is_as_users_write() -> None:
    rows = [(doc.name, doc.type, doc.default, doc.choices) for doc in describe(Persona)]
    assert rows == [
        ("port", "whole number", "80", ()),
        ("mode", "choice", "fast", ("fast", "very-slow")),
        ("users", "list of text", "root, admin", ()),
        ("version", "choice", "", ("1.0", "2.0")),
        ("tls", "yes or no", "no", ()),
        ("uptime", "duration (90m, 1h30m, 35d)", "1h30m", ()),
        ("password", "secret text", "********", ()),
    ]
    assert describe(Needy)[0].required
    assert describe(Persona)[1].aliases == ("nmap-os",)
    assert fields(Persona) is fields(Persona)


@pytest.mark.parametrize(
    ("raw", "seconds", "shortest"),
    [
        ("90", 90, "1m30s"),
        ("90m", 5400, "1h30m"),
        ("1H30M", 5400, "1h30m"),
        ("35d", 3_024_000, "35d"),
        ("2w", 1_209_600, "14d"),
        ("0", 0, "0s"),
    ],
)
def test_durations(raw: str, seconds: int, shortest: str) -> None:
    assert (Duration.parse(raw), Duration.parse(raw).text) == (seconds, shortest)


@pytest.mark.parametrize(
    ("raw", "count", "shortest"),
    [
        ("1000", 1000, "1000"),
        ("64M", 1 << 26, "64M"),
        ("64 MiB", 1 << 26, "64M"),
        ("1gb", 1 << 30, "1G"),
        ("1536K", 1536 << 10, "1536K"),
        ("0", 0, "0"),
    ],
)
def test_sizes(raw: str, count: int, shortest: str) -> None:
    assert (Size.parse(raw), Size.parse(raw).text) == (count, shortest)


@pytest.mark.parametrize(
    ("raw", "expected", "count"),
    [
        ("192.0.2.10-99", "192.0.2.10-192.0.2.99", 90),
        ("192.0.2.250 - 192.0.3.5", "192.0.2.250-192.0.3.5", 12),
        ("192.0.2.0/28", "192.0.2.0-192.0.2.15", 16),
        ("192.0.2.7", "192.0.2.7", 1),
        ("2001:db8::/64", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff", 1 << 64),
        ("2001:db8::1-2001:db8::9", "2001:db8::1-2001:db8::9", 9),
    ],
)
def test_address_ranges(raw: str, expected: str, count: int) -> None:
    addresses = AddressRange.parse(raw)
    assert (str(addresses), addresses.count) == (expected, count)
    assert next(iter(addresses)) == addresses.first
    assert addresses.last in addresses
    assert addresses.first - 1 not in addresses
    assert "192.0.2.7" not in addresses


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (Duration, "1.5h"),
        (Duration, "h"),
        (Duration, "9" * 12 + "w"),
        (Duration, "-5s"),
        (Size, "-1"),
        (Size, "64X"),
        (Size, "999999999999999T"),
        (AddressRange, "192.0.2.99-10"),
        (AddressRange, "192.0.2.1-2001:db8::1"),
        (AddressRange, "192.0.2.1/24"),
        (AddressRange, "192.0.2.1-300"),
        (AddressRange, "a-b"),
        (AddressRange, ""),
        (AddressRange, "192.0.2.0/24-192.0.2.9"),
    ],
)
def test_what_no_value_class_reads(kind: Any, raw: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        kind.parse(raw)
