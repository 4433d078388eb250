import os
import socket
from pathlib import Path

import pytest

from decnet.errors import InvalidInput, Problem
from decnet.ini import Document, load


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.ini").write_text(text)
    return folder / "main.ini"


def problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInput) as caught:
        load(path)
    return caught.value.problems


def names(document: Document) -> list[str]:
    return [section.name for section in document.sections.values()]


def test_a_bom_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "n.ini"
    path.write_bytes(b"\xef\xbb\xbf[a]\nk = \xc3\xa9\n")
    option = load(path).sections["a"].options[0]
    assert option.text.raw == "é"
    assert option.span.file == str(path)


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        (b"[a]\nk = \xff\n", "bad-encoding", 2, 5),
        (b"[a]\nk = x\x1b[31m\n", "bad-encoding", 2, 6),
        (b"\x7fELF\x02\x01\x00\x00", "bad-encoding", 1, 1),
        ("[a]\n".encode("utf-16"), "bad-encoding", 0, 1),
        (bytes(range(256)) * 1000, "bad-encoding", 3, 115),
        (b"[a]\n" + b"#" * (16 * 1024 * 1024), "too-large", 0, 1),
        (b"\n" * 600_000, "too-large", 0, 1),
    ],
)
def test_what_is_no_text_of_a_sane_size(
    tmp_path: Path, data: bytes, code: str, line: int, column: int
) -> None:
    path = tmp_path / "n.ini"
    path.write_bytes(data)
    (problem,) = problems(path)
    assert (problem.code, problem.span.line, problem.span.column) == (code, line, column)


def test_what_is_no_file_at_all(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    (tmp_path / "loop").symlink_to("loop")
    for name in ("missing", ".", "fifo", "socket", "loop", "x" * 300, "nul\0byte"):
        (problem,) = problems(tmp_path / name)
        assert problem.code == "unreadable"
        assert problem.span.line == 0
    assert problems(Path("/dev/zero"))[0].code == "unreadable"
    listener.close()


def test_ten_megabytes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "n.ini"
    path.write_text("[a]\nmotd = " + "x" * 10_000_000 + "\n")
    assert len(load(path).sections["a"].options[0].text.raw) == 10_000_000


def test_a_hundred_thousand_sections_are_read(tmp_path: Path) -> None:
    path = tmp_path / "n.ini"
    path.write_text("".join(f"[d{n} : d{n + 1}]\nip = 192.0.2.1\n" for n in range(100_000)))
    assert len(load(path).sections) == 100_000


def test_includes_come_after_the_including_file_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "conf [1]").mkdir()
    write(tmp_path / "conf [1]", b="[b]\n", a="[general]\ninclude = ../c.ini\n[a]\n")
    main = write(tmp_path, main='[general]\ninclude = "conf [[]1]/*.ini"\n[m]\n', c="[c]\n")
    assert names(load(main)) == ["general", "m", "a", "c", "b"]


def test_a_file_is_read_once(tmp_path: Path) -> None:
    main = write(tmp_path, main="[general]\ninclude = a.ini, ./a.ini, a*.ini\n", a="[a]\n")
    assert names(load(main)) == ["general", "a"]


def test_includes_depend_on_the_environment(tmp_path: Path) -> None:
    main = write(tmp_path, main="[general]\ninclude =\ninclude[lab] = a.ini\n", a="[a]\n")
    assert names(load(main)) == ["general"]
    assert names(load(main, "lab")) == ["general", "a"]


@pytest.mark.parametrize(
    ("files", "code", "line", "column"),
    [
        ({"main": "[general]\ninclude = x, gone.ini\n", "x": ""}, "include-missing", 2, 11),
        ({"main": "[general]\ninclude = gone/*.ini\n"}, "include-missing", 2, 11),
        ({"main": "[general]\ninclude = main.ini\n"}, "include-cycle", 2, 11),
        ({"main": "[general]\ninclude = *.ini\n"}, "include-cycle", 2, 11),
        (
            {"main": "[general]\ninclude=a.ini\n", "a": "[general]\ninclude=main.ini\n"},
            "include-cycle",
            2,
            9,
        ),
        ({"main": "[general]\ninclude=a.ini\n[A]\n", "a": "[a]\n"}, "duplicate-section", 1, 2),
        (
            {"main": "[general]\ninclude=a.ini\n", "a": "[general]\nname=x\n"},
            "duplicate-section",
            1,
            2,
        ),
        ({"main": "[general]\ninclude = ${nope}\n"}, "unknown-reference", 2, 11),
        ({"main": "[general]\ninclude = .\n"}, "unreadable", 2, 11),
        ({"main": "[general]\ninclude = a.ini\n", "a": "junk\n"}, "syntax", 1, 1),
        ({"main": "[general]\ninclude=a.ini\n[m : a]\n", "a": "[a : m]\n"}, "parent-cycle", 1, 6),
    ],
)
def test_includes_that_are_refused(
    tmp_path: Path, files: dict[str, str], code: str, line: int, column: int
) -> None:
    found = problems(write(tmp_path, **files))
    assert (found[0].code, found[0].span.line, found[0].span.column) == (code, line, column)


def test_includes_are_bounded_in_depth(tmp_path: Path) -> None:
    files = {f"f{n}": f"[general]\ninclude = f{n + 1}.ini\n" for n in range(50)}
    write(tmp_path, **files, f50="[end]\n")
    assert [p.code for p in problems(tmp_path / "f0.ini")] == ["too-large"]


def test_an_include_may_be_a_fifo_and_blocks_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ini")
    main = write(tmp_path, main="[general]\ninclude = p*.ini\n")
    assert [p.code for p in problems(main)] == ["unreadable"]
