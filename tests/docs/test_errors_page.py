"""docs/errors.md has every code that the source can give, and each example on it gives what the page says."""

import ast
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

import decnet.world.host
from decnet.cli.output import show_error
from decnet.cli.validate import command
from decnet.errors import InvalidInput
from decnet.world.host import Host, Interface

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "errors.md"
ROOMS = ("ini", "catalog", "spec", "render")
CALLS = {"Problem", "Unreadable", "error", "warn", "_problem", "_fail"}
CODE = re.compile(r"[a-z]+(-[a-z]+)*")
DRAWN = {
    "unknown-{key}": {"unknown-archetype", "unknown-distro", "unknown-driver", "unknown-runtime"},
    "unknown-{kind}": {"unknown-os", "unknown-distro", "unknown-vendor"},
    "unknown-{kind.name}": {"unknown-os", "unknown-distro", "unknown-archetype", "unknown-vendor"},
}
"""Codes that the source puts together, by the text that does it."""


@dataclass
class Example:
    code: str
    files: dict[str, str] = field(default_factory=dict)
    output: str = ""
    default_route: bool = True


def examples() -> Iterator[Example]:
    for section in re.split(r"^### ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        example = Example(
            section.splitlines()[0].strip("` "), default_route="no default route" not in section
        )
        for name, kind, body in re.findall(
            r"(?:^`([^`\n]+)`:\n\n)?^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL
        ):
            if kind == "console":
                command_line, _, example.output = body.partition("\n")
                assert command_line == "$ decnet validate network.ini"
            else:
                example.files[name or "network.ini"] = body
        yield example


EXAMPLES = tuple(examples())


def written(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from written(one)
            yield from written(other)
        case ast.JoinedStr():
            yield from DRAWN.get(ast.unparse(node)[2:-1], ())


def codes_in(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
                named = [keyword.value for keyword in keywords if keyword.arg == "code"]
                if name in CALLS:
                    for first in (*args[:1], *named):
                        yield from written(first)
            case ast.Assign(targets=[ast.Name(id="code")], value=value):
                yield from written(value)
            case ast.Assign(targets=[ast.Name(id="problem")], value=ast.Tuple(elts=[first, _])):
                yield from written(first)
            case ast.Assign(targets=[ast.Name(id="PERSONA_CODES")], value=ast.Dict(values=values)):
                for value in values:
                    yield from written(value)
            case ast.DictComp(value=value):
                yield from written(value) if isinstance(value, ast.JoinedStr) else ()


def source_codes() -> set[str]:
    files = [file for room in ROOMS for file in (ROOT / "src" / "decnet" / room).rglob("*.py")]
    return {code for file in files for code in codes_in(file) if CODE.fullmatch(code)}


def test_the_page_has_every_code_of_the_source_once() -> None:
    on_page = [example.code for example in EXAMPLES]
    assert sorted(on_page) == sorted(set(on_page))
    assert on_page == sorted(on_page)
    assert set(on_page) == source_codes()


def host(*, default_route: bool) -> Host:
    """The host that the page names."""
    address = IPv4Interface("192.168.1.5/24")
    eth0 = Interface("eth0", "", "02:00:5e:10:00:01", 1500, True, (address,))
    if not default_route:
        return Host((eth0,), "", None, (address.network,))
    return Host((eth0,), "eth0", IPv4Address("192.168.1.1"), (IPv4Network("192.168.1.0/24"),))


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name is short enough to be shown whole."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.code)
def test_an_example_gives_what_the_page_says(
    example: Example,
    short_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, text in example.files.items():
        (short_path / name).parent.mkdir(parents=True, exist_ok=True)
        (short_path / name).write_text(text)
    monkeypatch.chdir(short_path)
    monkeypatch.setattr(decnet.world.host, "look", lambda: host(default_route=example.default_route))
    assert_shown(example, capfd, short_path)


def assert_shown(example: Example, capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    try:
        command.main(["network.ini"], standalone_mode=False)
        status = 0
    except InvalidInput as error:
        show_error(error, as_json=False)
        status = error.exit_code
    except SystemExit as stop:
        status = int(str(stop.code))
    out, err = capfd.readouterr()
    shown = (err + out).replace(f"{folder}/", "")
    assert shown == example.output
    assert f"[{example.code}]" in shown
    assert status == (2 if "error[" in shown else 0)
