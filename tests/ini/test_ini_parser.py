import pytest

from decnet.errors import InvalidInput, Problem
from decnet.ini import Document, items, parse, scalar


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInput) as caught:
        parse(text, "n.ini")
    return caught.value.problems


def values(document: Document, section: str = "a") -> dict[str, str]:
    return {option.variant: option.text.raw for option in document.sections[section].options}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("key = value", {"key": "value"}),
        ("key: value", {"key": "value"}),
        ("key=value", {"key": "value"}),
        ("key =", {"key": ""}),
        ("KEY-Name = Value", {"key_name": "Value"}),
        ("url = http://h:80/?a=b", {"url": "http://h:80/?a=b"}),
        ("key = a ; comment", {"key": "a"}),
        ("key = a # comment", {"key": "a"}),
        ("key = a\t; comment", {"key": "a"}),
        ("key = a;b#c", {"key": "a;b#c"}),
        ("key = # all comment", {"key": ""}),
        ("key =#not", {"key": "#not"}),
        ('key = "a ; b" ; c', {"key": '"a ; b"'}),
        ('key = 3.5 " disk ; c', {"key": '3.5 " disk'}),
        ('key = 5" ; c', {"key": '5"'}),
        ('key = say "a # b" # c', {"key": 'say "a # b"'}),
        ("key = 100%", {"key": "100%"}),
        ("key = a\n  b\n  c", {"key": "a\nb\nc"}),
        ("key =\n  a\n  b", {"key": "a\nb"}),
        ("key = a ; x\n  b # y\n  ; z\n# w\n  c", {"key": "a\nb\nc"}),
        ("key = a\n\n  b\n", {"key": "a\n\nb"}),
        ("key = a\n\n; c\n\nother = b", {"key": "a", "other": "b"}),
        ("  key = a\n  other = b", {"key": "a", "other": "b"}),
        ("  key = a\n   more\n  other = b", {"key": "a\nmore", "other": "b"}),
        ("key = a\n  [not a header]\n  x = y", {"key": "a\n[not a header]\nx = y"}),
        ("key[prod] = a\nkey = b", {"key[prod]": "a", "key": "b"}),
        ("Key[Prod-EU] = a", {"key[prod_eu]": "a"}),
        ("net.ipv4.ip_default_ttl = 64", {"net.ipv4.ip_default_ttl": "64"}),
        ('key = "a\n    ; b\n      # c\n   d\n\n    e"', {"key": '"a\n; b\n  # c\nd\n\ne"'}),
        ('key = "a"\n  b ; c', {"key": '"a"\nb'}),
    ],
)
def test_what_an_option_says(lines: str, expected: dict[str, str]) -> None:
    assert values(parse(f"[a]\n{lines}\n")) == expected
    assert values(parse(f"[a]\n{lines}\n".replace("\n", "\r\n"))) == expected


@pytest.mark.parametrize(
    ("header", "name", "parents"),
    [
        ("[a]", "a", []),
        ("[ a ]", "a", []),
        ("[a] ; comment", "a", []),
        ("[dc01 : _windows : _audited]", "dc01", ["_windows", "_audited"]),
        ("[a:b]", "a", ["b"]),
        ("[rack-[a:c]-node[1:9:2]]", "rack-[a:c]-node[1:9:2]", []),
        ("[web[01:05] : parent]", "web[01:05]", ["parent"]),
        ("[a : web[01:05]]", "a", ["web[01:05]"]),
        ("  [indented]", "indented", []),
        ("[web[1:2].http]", "web[1:2].http", []),
    ],
)
def test_what_a_header_says(header: str, name: str, parents: list[str]) -> None:
    (section,) = parse(header).sections.values()
    assert (section.name, [parent.name for parent in section.parents]) == (name, parents)
    assert section.span.text[section.span.column - 1 :].startswith(name)


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "width"),
    [
        ("key = 1\n", "syntax", 1, 1, 3),
        ("[a\n", "syntax", 1, 1, 2),
        ("[a[1:2]\n", "syntax", 1, 1, 7),
        ("[a] b\n", "syntax", 1, 5, 1),
        ("[a]; b\n", "syntax", 1, 4, 3),
        ("[a]\n  words only\n", "syntax", 2, 3, 10),
        ("[a]\n = value\n", "syntax", 2, 2, 7),
        ('[a]\nb = "open\n', "syntax", 2, 5, 1),
        ('[a]\nb = x, "open\nc = 1"\n', "syntax", 2, 8, 1),
        ("[]\n", "bad-name", 1, 2, 1),
        ("[my host]\n", "bad-name", 1, 2, 7),
        ("[a : ]\n", "bad-name", 1, 5, 1),
        ("[a : b c]\n", "bad-name", 1, 6, 3),
        ("[" + "x" * 64 + "]\n", "bad-name", 1, 2, 64),
        ("[web[5:1]]\n", "bad-name", 1, 2, 8),
        ("[web[x]]\n", "bad-name", 1, 2, 6),
        ("[w[1:99999]]\n", "bad-name", 1, 2, 10),
        ("[a]\nké = 1\n", "bad-name", 2, 1, 2),
        ("[a]\nmy key = 1\n", "bad-name", 2, 1, 6),
        ("[a]\nkey[] = 1\n", "bad-name", 2, 1, 5),
        ("[a]\nkey[x = 1\n", "bad-name", 2, 1, 5),
        ("[a]\nk = 1\nb = 2\nK = 3\n", "duplicate-key", 4, 1, 1),
        ("[a]\nk[x] = 1\nk[X] = 3\n", "duplicate-key", 3, 1, 4),
        ("[a]\n[b]\n[A]\n", "duplicate-section", 3, 2, 1),
        ("[a : b]\n[b : c]\n[c : A]\n", "parent-cycle", 3, 6, 1),
        ("[a : a]\n", "parent-cycle", 1, 6, 1),
    ],
)
def test_what_is_refused(text: str, code: str, line: int, column: int, width: int) -> None:
    (problem,) = problems(text)
    span = problem.span
    assert (problem.code, span.line, span.column, span.width) == (code, line, column, width)
    assert span.text == text.split("\n")[line - 1]
    assert span.file == "n.ini"


@pytest.mark.parametrize(
    ("text", "first"), [("[a]\nk = 1\nk = 2\n", 2), ("[a]\n\n[a]\n", 1), ("[a : b]\n[b : a]\n", 1)]
)
def test_duplicates_and_cycles_show_both_places(text: str, first: int) -> None:
    (problem,) = problems(text)
    assert [span.line for span in problem.related] == [first]


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    found = problems("x = 1\n[a\n[b]\nk k = 1\n[c]\nq\nz = 1\nz = 2\n")
    assert [(p.span.line, p.code) for p in found] == [
        (1, "syntax"),
        (2, "syntax"),
        (4, "bad-name"),
        (6, "syntax"),
        (8, "duplicate-key"),
    ]


def test_reading_stops_after_a_thousand_problems() -> None:
    assert len(problems("junk\n" * 5000)) == 1000


def test_every_value_and_key_has_its_place() -> None:
    document = parse("[a]\n  services[lab] : ssh,\n\t\t  http ; c\n")
    (option,) = document.sections["a"].options
    assert (option.span.column, option.span.width) == (3, 13)
    assert (option.text.span.line, option.text.span.column, option.text.span.width) == (2, 19, 4)
    assert [(s.line, s.column, s.width) for s in option.text.lines] == [(2, 19, 4), (3, 5, 4)]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("word", "word"),
        ('"a b"', "a b"),
        ('""', ""),
        ('"', '"'),
        ('"a" "b"', '"a" "b"'),
        ('{"a": "b"}', '{"a": "b"}'),
        ("", ""),
        ('"two\nlines"', "two\nlines"),
    ],
)
def test_scalars(raw: str, expected: str) -> None:
    assert scalar(raw) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ssh, http", [("ssh", 2, 5), ("http", 2, 10)]),
        ("ssh;http;", [("ssh", 2, 5), ("http", 2, 9)]),
        ("\n  ssh\n  http, ftp ; c\n", [("ssh", 3, 3), ("http", 4, 3), ("ftp", 4, 9)]),
        ('"a, b" , c', [("a, b", 2, 5), ("c", 2, 14)]),
        ('x "a, b"', [('x "a, b"', 2, 5)]),
        (",, ,", []),
        ("", []),
        ('a, ""', [("a", 2, 5), ("", 2, 8)]),
        ("a,\n\n\n  b", [("a", 2, 5), ("b", 5, 3)]),
        ('5" disk, 3" disk', [('5" disk', 2, 5), ('3" disk', 2, 14)]),
    ],
)
def test_items_have_places_of_their_own(value: str, expected: list[tuple[str, int, int]]) -> None:
    text = parse(f"[a]\nk = {value}\n").sections["a"].options[0].text
    assert [(item.raw, item.span.line, item.span.column) for item in items(text)] == expected


def test_one_long_line_of_quotes_and_separators_takes_linear_time() -> None:
    text = parse("[a]\nk = " + ' "a" , " ;' * 100_000 + '"\n').sections["a"].options[0].text
    assert len(items(text)) > 100_000


def test_deep_brackets_are_an_error_and_no_crash() -> None:
    assert problems("[" * 100_000 + "]" * 100_000)[0].code == "bad-name"
