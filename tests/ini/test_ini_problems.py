import pytest

from decnet.errors import Problem, Severity, Span
from decnet.ini import records, render


def problem(text: str, column: int, width: int, hint: str = "") -> Problem:
    return Problem("some-code", "it is wrong", Span("n.ini", 12, column, width, text), hint)


@pytest.mark.parametrize(
    ("text", "column", "width", "shown"),
    [
        ("archtype = x", 1, 8, ["   12 | archtype = x", "      | ^^^^^^^^"]),
        ("\tkey = x", 2, 3, ["   12 |     key = x", "      |     ^^^"]),
        ("k = 日本 x", 8, 1, ["   12 | k = 日本 x", "      |          ^"]),
        ("k = 日本 x", 5, 2, ["   12 | k = 日本 x", "      |     ^^^^"]),
        ("k = e\u0301 x", 8, 1, ["   12 | k = e\u0301 x", "      |       ^"]),
        ("k = \x1b[31m x", 5, 1, ["   12 | k = \\x1b[31m x", "      |     ^^^^"]),
        ("k = \u202e x", 7, 1, ["   12 | k = \\u202e x", "      |            ^"]),
        ("k", 3, 1, ["   12 | k", "      |  ^"]),
        ("", 1, 1, []),
    ],
)
def test_carets_stand_under_what_is_meant(text: str, column: int, width: int, shown: list[str]) -> None:
    head, *lines = render((problem(text, column, width),)).splitlines()
    assert head == f"n.ini:12:{column}: error[some-code]: it is wrong"
    assert lines == shown


def test_the_hint_follows_the_carets_and_the_other_place_comes_after() -> None:
    other = Span("other.ini", 3, 2, 1, "[a]")
    found = Problem(
        "duplicate-section", "twice", Span("n.ini", 7, 2, 1, "[A]"), "rename one", (other,), Severity.WARNING
    )
    assert render((found,)) == (
        "n.ini:7:2: warning[duplicate-section]: twice\n"
        "    7 | [A]\n"
        "      |  ^ rename one\n"
        "other.ini:3:2: note: the other place\n"
        "    3 | [a]\n"
        "      |  ^\n"
    )


def test_a_file_as_a_whole_has_no_line() -> None:
    assert render((Problem("unreadable", "there is no file", Span("n\x1b.ini", 0), "look"),)) == (
        "n\\x1b.ini: error[unreadable]: there is no file\n      | look\n"
    )


def test_a_long_line_is_cut_around_the_place() -> None:
    text = "x" * 1_000_000 + "HERE" + "y" * 1_000_000
    _, line, carets = render((problem(text, 1_000_001, 4),)).splitlines()
    assert len(line) < 200
    assert line[carets.index("^") : carets.index("^") + 4] == "HERE"


def test_twenty_are_shown_and_the_rest_is_counted() -> None:
    shown = render([problem("k = x", 1, 1)] * 50)
    assert shown.count("error[") == 20
    assert shown.endswith("… and 30 more\n")
    assert render(()) == ""


def test_records_for_programs() -> None:
    (record,) = records((problem("k = x", 5, 1, "try y"),))
    assert (record.file, record.line, record.column, record.code, record.message, record.hint) == (
        "n.ini",
        12,
        5,
        "some-code",
        "it is wrong",
        "try y",
    )
