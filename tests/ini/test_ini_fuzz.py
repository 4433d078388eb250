"""Whatever a file holds, reading it ends in a document or in problems; and formatting never changes what it means."""

import configparser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzzing import examples

from decnet.errors import InvalidInput
from decnet.ini import (
    Document,
    chain,
    expand,
    format_text,
    gather,
    items,
    load,
    parse,
    records,
    render,
    scalar,
)

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=examples(500), deadline=None, suppress_health_check=list(HealthCheck))

FRAGMENTS = [
    *"[]:=;#\"'$%{},. \t\n\r-_\\",
    "\n\n", "\n ", "\n    ", " ; ", " # ", '"', '" ', ' "', "${", "}", "${k}", "$${", "${env:HOME}", "${a:k}",
    "[a]\n", "[b : a]\n", "[DEFAULT]\n", "[general]\n", "[w[1:3]]\n", "k = ", "k[x] = ", "K-2: ", "include = ",
    "\ufeff", "é", "日", "\x00", "\x1b", "\u2028", "\x85", "\xa0", "word", "10", "a,b;c",
]  # fmt: skip
soup = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)
anything = st.one_of(soup, st.text(max_size=200))

word = st.text("abcXY09", min_size=1, max_size=6)
piece = st.sampled_from(["a", "B c", "1:2", "x=y", "50%", "a;b", "c#d", '"q ; q"', "é", "a, b", '5" x'])
lines = st.lists(piece, min_size=1, max_size=3)
gap = st.sampled_from(["\n", "\n\n", "\n; note\n", "\n# note\n\n"])


@st.composite
def valid_text(draw: st.DrawFn) -> str:
    """A valid file in one of its many layouts."""
    out = [draw(st.sampled_from(["", "\n", "; top\n"]))]
    for number, name in enumerate(draw(st.lists(word, max_size=4, unique_by=str.lower))):
        parents = draw(st.sampled_from(["", " : up", ":up :other"])) if number else ""
        out.append(f"[{name}{parents}]{draw(st.sampled_from(['', ' ; c', '  # c']))}{draw(gap)}")
        for key in draw(st.lists(word, max_size=4, unique_by=str.lower)):
            indent = draw(st.sampled_from(["", "", "  "]))
            joint = f"{draw(gap)}{indent}{draw(st.sampled_from([' ', '   ', chr(9)]))}"
            env = draw(st.sampled_from(["", "[prod]"]))
            value = joint.join(draw(lines))
            if draw(st.booleans()) and "\n; " not in value:
                value = f'"{value}"' if '"' not in value else value
            out.append(f"{indent}{key}{env}{draw(st.sampled_from([' = ', '=', ': ']))}{value}{draw(gap)}")
    return "".join(out)


def meaning(document: Document) -> list[object]:
    return [
        (
            section.name,
            [parent.name for parent in section.parents],
            [(option.key, option.env, option.text.raw) for option in section.options],
        )
        for section in document.sections.values()
    ]


def use(document: Document) -> None:
    """Everything that commands do with a document; only `InvalidInput` may come of it."""
    for section in document.sections.values():
        expand(section.name)
        values, problems = gather(document, chain(document, section))
        render(problems)
        for found in values.values():
            scalar(found.text)
            for item in items(found.text):
                assert item.span.line > 0
                if found.text.exact:
                    assert item.raw in item.span.text


def check_problems(error: InvalidInput) -> None:
    assert error.problems
    assert render(error.problems).replace("\n", "").isprintable()
    assert all(record.code for record in records(error.problems))


def check_text(text: str) -> None:
    try:
        document = parse(text, "n.ini", "x")
    except InvalidInput as error:
        check_problems(error)
        return
    use(document)
    check_format(text)


def check_format(text: str) -> None:
    formatted = format_text(text)
    assert meaning(parse(formatted)) == meaning(parse(text))
    assert format_text(formatted) == formatted


def check_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        use(load(path))
    except InvalidInput as error:
        check_problems(error)


@st.composite
def plain_text(draw: st.DrawFn) -> str:
    """Files on which both languages agree: no quotes, no inline comments, no environments, no parents."""
    out = []
    for name in draw(st.lists(word, max_size=4, unique_by=str.lower)):
        out.append(f"[{name}]{draw(st.sampled_from([chr(10), chr(10) * 2]))}")
        for key in draw(st.lists(word, max_size=4, unique_by=str.lower)):
            values = st.sampled_from(["a", "b c", "1:2", "x=y", "50%", "a;b", "c#d", "é", "a, b", "$x"])
            joint = draw(st.sampled_from(["\n ", "\n\t", "\n\n    ", "\n# note\n  "]))
            value = joint.join(draw(st.lists(values, max_size=3)))
            between = draw(st.sampled_from(["\n", "\n\n", "\n; note\n", "\n  # note\n"]))
            out.append(f"{key}{draw(st.sampled_from([' = ', '=', ' : ', ':']))}{value}{between}")
    return "".join(out)


def check_agreement(text: str) -> None:
    standard = configparser.RawConfigParser(default_section="\0")
    standard.read_string(text)
    ours = parse(text)
    assert [section.name for section in ours.sections.values()] == standard.sections()
    for section in ours.sections.values():
        values = {option.key: option.text.raw for option in section.options}
        assert values == {key: value.strip("\n") for key, value in standard[section.name].items()}


@QUICK
@given(anything)
def test_any_text(text: str) -> None:
    check_text(text)


@QUICK
@given(st.one_of(st.binary(max_size=300), anything.map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    check_bytes(tmp_path_factory.getbasetemp() / "any.ini", data)


@QUICK
@given(valid_text())
def test_formatting_keeps_the_meaning(text: str) -> None:
    try:
        parse(text)
    except InvalidInput:
        return
    check_format(text)


@QUICK
@given(plain_text())
def test_plain_files_mean_what_the_standard_library_takes_them_for(text: str) -> None:
    check_agreement(text)


@pytest.mark.fuzz
@pytest.mark.timeout(900)
@LONG
@given(anything)
def test_any_text_for_long(text: str) -> None:
    check_text(text)


@pytest.mark.fuzz
@pytest.mark.timeout(900)
@LONG
@given(st.binary(max_size=300))
def test_any_bytes_for_long(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    check_bytes(tmp_path_factory.getbasetemp() / "any-long.ini", data)


@pytest.mark.fuzz
@pytest.mark.timeout(900)
@LONG
@given(valid_text())
def test_formatting_keeps_the_meaning_for_long(text: str) -> None:
    try:
        parse(text)
    except InvalidInput:
        return
    check_format(text)


@pytest.mark.fuzz
@pytest.mark.timeout(900)
@LONG
@given(plain_text())
def test_agreement_with_the_standard_library_for_long(text: str) -> None:
    check_agreement(text)
