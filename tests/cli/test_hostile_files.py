"""Files of any kind and size through the real command: a clear error or work, in bounded time and memory."""

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from decnet.cli.output import show_error
from decnet.cli.validate import command
from decnet.errors import InvalidInput
from tests.cli.commands import decnet

HEAD = "[general]\nnet = 10.0.0.0/8\n"
WEB = "[w]\nservices = redis\n"


def sections(count: int, body: str, name: str = "d{n}") -> str:
    return HEAD + "".join(f"[{name}]\n{body}\n".format(n=n, next=n + 1) for n in range(count))


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        pytest.param(
            sections(100_000, "services = redis"), {"too-many-decoys"}, id="a hundred thousand sections"
        ),
        pytest.param(
            sections(100_000, "", "d{n} : d{next}"), {"inheritance-too-deep"}, id="a chain of all of them"
        ),
        pytest.param(
            HEAD
            + f"[w : {' : '.join(f'_p{n}' for n in range(20_000))}]\n"
            + sections(20_000, "", "_p{n}")[27:],
            {"inheritance-too-deep"},
            id="many parents",
        ),
        pytest.param(sections(16_000, "", "d{n} : e{n}"), {"unknown-parent"}, id="unknown parents"),
        pytest.param(sections(50_000, "srvices = x", "_d{n}"), {"unknown-key"}, id="unknown keys"),
        pytest.param(sections(50_000, "site = x", "x{n}.http"), {"orphan-persona"}, id="personas of nobody"),
        pytest.param(sections(50_000, "", "lan-{n}"), {"too-large"}, id="LANs"),
        pytest.param(sections(1000, "amount = 4096"), {"too-many-decoys"}, id="a thousand large groups"),
        pytest.param(HEAD + "[w[1:65536]]\n", {"too-many-decoys"}, id="a large range"),
        pytest.param(HEAD + "[w[1:999999999]]\n", {"bad-name"}, id="an absurd range"),
        pytest.param(
            HEAD + "[w[1:9999]]\namount = 4096\n", {"amount-with-range"}, id="a range and an amount"
        ),
        pytest.param(
            HEAD + "[w]\namount = 4096\nhostname = x\nservices = redis\n",
            {"hostname-used-twice"},
            id="a group of one name",
        ),
        pytest.param(HEAD + "[w]\nservices = " + "x," * 5_000_000, {"too-large"}, id="10 MB in a list"),
        pytest.param(
            HEAD + "[w]\nhostname = " + "{{ n }}" * 1_400_000, {"too-large"}, id="10 MB in a pattern"
        ),
        pytest.param(HEAD + "x" * 10_000_000, {"syntax"}, id="10 MB in a line"),
        pytest.param(HEAD + "[" * 10_000_000, {"syntax"}, id="10 MB of brackets"),
        pytest.param(HEAD + "[" + "a:" * 5_000_000 + "]", {"too-large"}, id="10 MB of parents"),
        pytest.param("${" * 5_000_000, {"syntax"}, id="10 MB of references"),
        pytest.param("# x\n" * 2_000_000, {"too-large"}, id="more lines than any"),
        pytest.param("#" * 20_000_000, {"too-large"}, id="20 MB"),
    ],
)
def test_large_files_end_in_an_error(tmp_path: Path, text: str, codes: set[str]) -> None:
    (tmp_path / "n.ini").write_text(text)
    done = decnet("validate", "n.ini", folder=tmp_path)
    assert done.status == 2, done.text[:500]
    assert {code for code in codes if f"error[{code}]" in done.err} == codes
    assert len(done.err) < 20_000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HEAD + WEB + "# " + "x" * 10_000_000, id="a comment of 10 MB"),
        pytest.param(HEAD + WEB + "; note\n" * 400_000, id="400,000 comments"),
        pytest.param(sections(60_000, "services = redis", "_d{n}") + WEB, id="60,000 abstract sections"),
        pytest.param(sections(1000, "services = redis"), id="a thousand sections"),
    ],
)
def test_large_files_work(tmp_path: Path, text: str) -> None:
    (tmp_path / "n.ini").write_text(text)
    done = decnet("validate", "n.ini", folder=tmp_path)
    assert done.status == 0, done.text[:500]


def fifo(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def junk(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 40_000)


def elf(path: Path) -> None:
    path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(500))


def utf16(path: Path) -> None:
    path.write_text(WEB, encoding="utf-16")


def cycle(path: Path) -> None:
    path.write_text("[general]\ninclude = other.ini\n")
    path.with_name("other.ini").write_text(f"[general]\ninclude = {path.name}\n")


def endless_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def nothing(path: Path) -> None:
    """Leave it missing."""


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (nothing, "unreadable"),
        (Path.mkdir, "unreadable"),
        (fifo, "unreadable"),
        (loop, "unreadable"),
        (endless_device, "unreadable"),
        (junk, "bad-encoding"),
        (elf, "bad-encoding"),
        (utf16, "bad-encoding"),
        (cycle, "include-cycle"),
    ],
)
@pytest.mark.parametrize("name", ["validate", "plan", "fmt"])
def test_what_is_no_file(tmp_path: Path, make: Callable[[Path], None], code: str, name: str) -> None:
    make(tmp_path / "n.ini")
    done = decnet(name, "n.ini", folder=tmp_path, timeout=20)
    if (make, name) == (cycle, "fmt"):
        assert done.status == 0  # fmt reads the one file, not what it includes
    else:
        assert done.status == 2
        assert f"error[{code}]" in done.err


HOSTILE = [
    "\x9b31m",
    "\u202etxt.exe",
    "\u2028",
    "\u200b",
    "\ufeff",
    "\ud7ff",
    "\U000e0041",
    "日本",
    "%s%n",
    "{0}",
    "${x",
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
@pytest.mark.parametrize(
    "line",
    [
        "[{}]", "[a : {}]", "[a]\n{} = 1", "[a]\nservices = {}", "[a]\nhostname = {}", "[a]\nmac = {}",
        "[general]\nname = {}", "[general]\ndomain = {}", "[general]\ntimezone = {}", "[general]\ninclude = {}",
        "[a]\nservices = http\n[a.http]\nfake_app = {}",
    ],
)  # fmt: skip
def test_nothing_that_a_terminal_obeys_is_printed(tmp_path: Path, line: str, hostile: str) -> None:
    path = tmp_path / "n.ini"
    path.write_text(line.format(hostile) + "\n")
    done = CliRunner().invoke(command, [str(path)])
    printed = done.output
    if isinstance(done.exception, InvalidInput):
        with contextlib.redirect_stderr(io.StringIO()) as err:
            show_error(done.exception, as_json=False)
        printed += err.getvalue()
    else:
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert printed
    assert all(char.isprintable() for char in printed.replace("\n", ""))


@pytest.mark.parametrize(
    "name", [b"a\x1b[31m.ini", b"\xff\xfe.ini", "\u202ex.ini".encode(), b"-n.ini", b" .ini"]
)
@pytest.mark.parametrize("text", [HEAD + WEB, "[a\n"])
def test_names_of_files(tmp_path: Path, name: bytes, text: str) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_text(text)
    for words in (["validate"], ["validate", "--json"], ["fmt", "--check"]):
        done = decnet(*words, "--", path.name, folder=tmp_path)
        assert done.status in {0, 1, 2}
        assert "\x1b" not in done.text
