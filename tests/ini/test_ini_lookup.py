from pathlib import Path

import pytest

from decnet.errors import InvalidInput
from decnet.ini import (
    Document,
    chain,
    externals,
    gather,
    keys,
    load,
    lookup,
    parse,
    persona_chain,
    scalar,
    unknown_parent,
)


def value(document: Document, key: str, section: str = "a") -> str | None:
    found = lookup(document, chain(document, document.sections[section]), key)
    return None if found is None else scalar(found.text)


def test_a_chain_is_depth_first_each_once_then_default() -> None:
    document = parse("[a:b:c:web-server]\n[b:d]\n[c:d:e]\n[d]\n[e:router]\n[DEFAULT : f]\n[f]\n[g]\n")
    sections = chain(document, document.sections["a"])
    assert [section.name for section in sections] == ["a", "b", "d", "c", "e", "DEFAULT", "f"]
    assert [parent.name for parent in externals(document, sections)] == ["web-server", "router"]


def test_a_chain_of_a_hundred_thousand_parents() -> None:
    document = parse("".join(f"[d{n} : d{n + 1}]\n" for n in range(100_000)))
    assert len(chain(document, document.sections["d0"])) == 100_000


def test_personas_follow_their_sections_and_have_parents() -> None:
    document = parse("[a:b]\n[b]\n[B.smb]\nx=1\n[A.SMB : _s]\n[_s]\n[default]\n[default.smb]\n[a.ssh]\n")
    sections = persona_chain(document, chain(document, document.sections["a"]), "smb")
    assert [section.name for section in sections] == ["A.SMB", "_s", "B.smb", "default.smb"]


def test_an_unknown_parent_has_a_hint() -> None:
    document = parse("[dc : _windos]\n[_windows]\n")
    (parent,) = externals(document, chain(document, document.sections["dc"]))
    problem = unknown_parent(document, parent)
    assert (problem.code, problem.span.column) == ("unknown-parent", 7)
    assert problem.hint == 'did you mean "_windows"?'


def test_an_archetype_is_a_hint_too() -> None:
    document = parse("[dc : web-sever]\n")
    (parent,) = document.sections["dc"].parents
    assert unknown_parent(document, parent, ["web-server"]).hint == 'did you mean "web-server"?'


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ("", ("base", "plain", "p")),
        ("prod", ("prod", "plain", "p")),
        ("prod_eu", ("eu", "plain", "p")),
        ("PROD-EU", ("eu", "plain", "p")),
        ("prod_eu_west", ("eu", "plain", "p")),
        ("lab", ("base", "plain", "p")),
        ("pro", ("base", "plain", "p")),
    ],
)
def test_environments_fall_back_within_a_section_before_its_parents(
    env: str, expected: tuple[str, str, str]
) -> None:
    document = parse(
        "[a:b]\nk=base\nk[prod]=prod\nk[prod_eu]=eu\nj=plain\n[b]\nj[prod_eu]=never\nonly=p\n", "n.ini", env
    )
    assert tuple(value(document, key) for key in ("k", "J", "only")) == expected


def test_a_key_that_nobody_has() -> None:
    document = parse("[a]\nk[lab] = 1\n")
    assert value(document, "k") is None
    assert keys(document, (document.sections["a"],)) == ()


def test_found_says_where_it_comes_from() -> None:
    document = parse("[a:b]\n[b]\nMy-Key = v\n")
    found = lookup(document, chain(document, document.sections["a"]), "my_key")
    assert found is not None
    assert (found.section.name, found.option.span.line, found.text.span.column) == ("b", 3, 10)
    assert keys(document, chain(document, document.sections["a"])) == ("my_key",)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("${x}", "1"),
        ("a${x}b${X}c", "a1b1c"),
        ("${ x }", "1"),
        ("${inherited}", "p"),
        ("${twice}", "1-1"),
        ("${general:domain}", "example.org"),
        ("${GENERAL:Domain}", "example.org"),
        ("${web[01:02]:port}", "80"),
        ("$${x}", "${x}"),
        ("$$${x}", "$${x}"),
        ("$x $ {x} 5$", "$x $ {x} 5$"),
        ('"${x}"', "${x}"),
        ('say "${x}" ${x}', 'say "${x}" 1'),
        ("${env:DECNET_TEST}", "from env"),
        ("${env:DECNET_NONE:dflt:x}", "dflt:x"),
        ("${env:DECNET_NONE:}", ""),
        ("${env:DECNET_MARKS}", "${x}"),
        ("100% ${x}%", "100% 1%"),
    ],
)
def test_interpolation(monkeypatch: pytest.MonkeyPatch, raw: str, expected: str) -> None:
    monkeypatch.setenv("DECNET_TEST", "from env")
    monkeypatch.setenv("DECNET_MARKS", "${x}")
    monkeypatch.delenv("DECNET_NONE", raising=False)
    document = parse(
        f"[general]\ndomain=example.org\n[a:b]\nx=1\ntwice=${{x}}-${{x}}\nk = {raw}\n"
        "[b]\ninherited=p\nx=0\n[web[01:02]]\nport=80\n"
    )
    assert value(document, "k") == expected


@pytest.mark.parametrize(
    ("lines", "code", "line", "column", "width"),
    [
        ("k = a ${nope}", "unknown-reference", 2, 7, 7),
        ("k = ${env:DECNET_NONE}", "unknown-reference", 2, 5, 18),
        ("k = ${nosection:x}", "unknown-reference", 2, 5, 14),
        ("k = ${a:nokey}", "unknown-reference", 2, 5, 10),
        ("k = a\n  b ${nope}", "unknown-reference", 3, 5, 7),
        ("k = ${k}", "reference-cycle", 2, 5, 4),
        ("k = ${j}\nj = ${k}", "reference-cycle", 3, 5, 4),
        ("k = ${open", "syntax", 2, 5, 6),
        ("k = ${}", "unknown-reference", 2, 5, 3),
        ("k = ${file:gone}", "unreadable", 2, 5, 12),
        ("k = ${file:/dev/zero}", "unreadable", 2, 5, 17),
    ],
)
def test_references_that_lead_nowhere(lines: str, code: str, line: int, column: int, width: int) -> None:
    document = parse(f"[a]\n{lines}\n")
    with pytest.raises(InvalidInput) as caught:
        value(document, "k")
    (problem,) = caught.value.problems
    span = problem.span
    assert (problem.code, span.line, span.column, span.width) == (code, line, column, width)


@pytest.mark.parametrize(
    "lines",
    [
        [f"k{n} = ${{k{n + 1}}}${{k{n + 1}}}" for n in range(12)] + ["k12 = "],
        [f"k{n} = {f'${{k{n + 1}}}' * 9}" for n in range(3)] + ["k3 = " + "lol" * 1000],
        [f"k{n} = ${{k{n + 1}}}" for n in range(40)] + ["k40 = x"],
    ],
    ids=["references", "output", "depth"],
)
def test_no_value_grows_without_bounds(lines: list[str]) -> None:
    document = parse("[a]\n" + "\n".join(lines) + "\n")
    with pytest.raises(InvalidInput) as caught:
        value(document, "k0")
    assert caught.value.problems[0].code == "too-large"


def test_a_secret_comes_from_a_file_beside_the_ini_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2 ; ${x}\r\n")
    (tmp_path / "big").write_text("x" * 70_000)
    (tmp_path / "n.ini").write_text("[a]\nk = ${file:secret}\nbig = ${file:big}\n")
    document = load(tmp_path / "n.ini")
    assert value(document, "k") == "hunter2 ; ${x}"
    with pytest.raises(InvalidInput) as caught:
        value(document, "big")
    assert caught.value.problems[0].code == "too-large"


def test_personas_may_refer_to_their_decoy() -> None:
    document = parse("[a]\nname=dc\n[a.smb]\nshare=${name}$\n")
    own = chain(document, document.sections["a"])
    persona = persona_chain(document, own, "smb")
    found = lookup(document, persona, "share", (*persona, *own))
    assert found is not None
    assert found.text.raw == "dc$"


def test_gather_returns_what_it_can_and_every_problem() -> None:
    document = parse("[a:b]\nx=${no}\ny=1\n[b]\nz=${none}\ny=2\n")
    values, problems = gather(document, chain(document, document.sections["a"]))
    assert {key: found.text.raw for key, found in values.items()} == {"y": "1"}
    assert [problem.span.line for problem in problems] == [2, 5]
