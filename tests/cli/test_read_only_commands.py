"""validate, show, render, fmt, schema, plan: what reads a file, and nothing else."""

import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import QUICKSTART, decnet

FILE = """\
[general]
net = 198.51.100.0/24
seed = s

[_base]
services = ssh

[_base.ssh]
users = root:toor

[web-01 : _base]
ip = 198.51.100.7

[web-01.ssh]
banner = Authorized use only
"""
WRONG = "[general]\nnet = 198.51.100.0/24\n\n[dc-01]\narchtype = printer\nservices = sssh\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "network.ini").write_text(FILE)
    (tmp_path / "wrong.ini").write_text(WRONG)
    return tmp_path


def untouched(folder: Path) -> bool:
    return sorted(path.name for path in folder.iterdir()) == ["network.ini", "wrong.ini"]


def test_validate_tells_what_the_file_has(folder: Path) -> None:
    done = decnet("validate", "network.ini", folder=folder)
    assert (done.status, done.out, done.err) == (0, "network.ini: 1 decoy, 1 service, no errors\n", "")
    assert untouched(folder)


def test_validate_tells_everything_that_is_wrong_on_stderr(folder: Path) -> None:
    done = decnet("validate", "network.ini", "wrong.ini", folder=folder)
    assert done.status == 2
    assert done.out == "network.ini: 1 decoy, 1 service, no errors\n"
    assert done.err == (
        'wrong.ini:5:1: error[unknown-key]: unknown key "archtype" in [dc-01]\n'
        "    5 | archtype = printer\n"
        '      | ^^^^^^^^ did you mean "archetype"?\n'
        + decnet("validate", "wrong.ini", folder=folder).err.partition('"archetype"?\n')[2]
    )


def test_validate_json_is_a_list_of_objects(folder: Path) -> None:
    done = decnet("validate", "--json", "wrong.ini", folder=folder)
    assert (done.status, done.err) == (2, "")
    found: Any = done.json
    assert found[0] == {
        "file": "wrong.ini",
        "line": 5,
        "column": 1,
        "code": "unknown-key",
        "message": 'unknown key "archtype" in [dc-01]',
        "hint": 'did you mean "archetype"?',
        "severity": "error",
    }
    assert decnet("validate", "--json", "network.ini", folder=folder).json == []


def test_a_hundred_errors_are_twenty_and_a_count(folder: Path) -> None:
    (folder / "wrong.ini").write_text("".join(f"[w{n}]\nkey{n} = 1\nservices = ssh\n" for n in range(100)))
    done = decnet("validate", "wrong.ini", folder=folder)
    assert done.err.count("error[") == 20
    assert done.err.endswith("… and 80 more\n")


def test_an_environment_from_the_option_or_the_variable(folder: Path) -> None:
    (folder / "wrong.ini").write_text("[w]\nservices = ssh\nservices[prod] = sssh\n")
    assert decnet("validate", "wrong.ini", folder=folder).status == 0
    assert decnet("validate", "--env", "prod", "wrong.ini", folder=folder).status == 2
    assert decnet("validate", "wrong.ini", folder=folder, DECNET_ENV="prod_eu").status == 2


def test_show_has_each_value_with_its_origin(folder: Path) -> None:
    done = decnet("show", "network.ini", "WEB-01", folder=folder)
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["[web-01]", "network.ini:11"]
    assert ["ip", "=", "198.51.100.7", "network.ini:12"] in lines
    assert ["services", "=", "ssh", "network.ini:6"] in lines
    assert ["ssh.users", "=", "********", "network.ini:9"] in lines
    assert ["ssh.banner", "=", "Authorized", "use", "only", "network.ini:15"] in lines
    assert any(line[0] == "mac" and line[-1] == "derived" for line in lines)
    assert "toor" not in done.text
    assert untouched(folder)


def test_show_json(folder: Path) -> None:
    found: Any = decnet("show", "--json", "network.ini", "web-01", folder=folder).json
    assert found["decoy"] == "web-01"
    assert {"key": "ip", "value": "198.51.100.7", "file": "network.ini", "line": 12} in found["values"]


def test_show_of_what_is_not_there(folder: Path) -> None:
    done = decnet("show", "network.ini", "web-1", folder=folder)
    assert done.status == 2
    assert 'did you mean "web-01"?' in done.err


def test_render_writes_the_bundles(folder: Path) -> None:
    done = decnet("render", "network.ini", "-o", "out", folder=folder)
    assert done.status == 0
    persona = (folder / "out" / "web-01" / "ssh" / "persona.json").read_text()
    assert "Authorized use only" in persona
    assert stat.S_IMODE((folder / "out" / "web-01" / "ssh" / "persona.json").stat().st_mode) == 0o600
    again = decnet("render", "network.ini", "-o", "out", folder=folder)
    assert again.status == 2
    assert "is not empty" in again.err


def test_render_where_nothing_can_be_written(folder: Path) -> None:
    done = decnet("render", "network.ini", "-o", "network.ini/out", folder=folder)
    assert done.status != 0


def test_fmt_brings_a_file_into_shape_and_then_leaves_it(folder: Path) -> None:
    path = folder / "wrong.ini"
    path.write_text("[general]\nNet=198.51.100.0/24 ; ours\n[a]\nServices:ssh\n")
    path.chmod(0o640)
    assert decnet("fmt", "--check", "wrong.ini", folder=folder).status == 1
    assert "-Services:ssh\n+services = ssh\n" in decnet("fmt", "--diff", "wrong.ini", folder=folder).out
    assert path.read_text().startswith("[general]\nNet=")
    assert decnet("fmt", "wrong.ini", folder=folder).out == "changed wrong.ini\n"
    assert path.read_text() == "[general]\nnet = 198.51.100.0/24 ; ours\n\n[a]\nservices = ssh\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert decnet("fmt", "wrong.ini", folder=folder).out == ""
    assert decnet("fmt", "--check", "wrong.ini", folder=folder).status == 0


def test_fmt_leaves_a_wrong_file_alone(folder: Path) -> None:
    (folder / "wrong.ini").write_text("[a\nb")
    done = decnet("fmt", "wrong.ini", folder=folder)
    assert done.status == 2
    assert "error[syntax]" in done.err
    assert (folder / "wrong.ini").read_text() == "[a\nb"


def test_schema_describes_every_section(folder: Path) -> None:
    found: Any = decnet("schema", "--json", folder=folder).json
    assert found["format_version"] == 1
    names = {section["name"]: section for section in found["sections"]}
    assert {"general", "NAME", "NAME.ssh", "NAME.http", "lan-NAME", "sink-NAME", "custom-NAME"} <= set(names)
    keys = {key["name"]: key for key in names["NAME"]["keys"]}
    assert keys["os"]["aliases"] == ["nmap_os"]
    assert keys["amount"]["maximum"] == 4096
    assert "[general]" in decnet("schema", folder=folder).out


def test_plan_of_a_network_that_was_never_applied(folder: Path) -> None:
    done = decnet("plan", "--json", QUICKSTART, folder=folder)
    assert done.status == 0, done.err
    found: Any = done.json
    assert found["format_version"] == 1
    assert len(found["changes"]) >= found["summary"]["add"] >= 5
    assert {"change", "replace", "remove", "unchanged"} <= set(found["summary"])
    assert all({"resource", "action", "reason", "file", "line"} <= set(one) for one in found["changes"])
    assert decnet("plan", "--detailed-exitcode", QUICKSTART, folder=folder).status == 2
    assert untouched(folder)


@pytest.mark.parametrize("command", ["plan", "diff", "show", "render"])
def test_every_command_tells_what_is_wrong_with_the_file(folder: Path, command: str) -> None:
    more = {"show": ["dc-01"], "render": ["-o", "out"]}.get(command, [])
    done = decnet(command, "wrong.ini", *more, folder=folder)
    assert done.status == 2
    assert "error[unknown-key]" in done.err
    assert untouched(folder)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["validat", "x.ini"], "Did you mean 'validate'?"),
        (["validate"], "Missing argument"),
        (["validate", "--jsn", "x.ini"], "--json"),
        (["status"], "no network has been applied here"),
    ],
)
def test_a_wrong_command_line(folder: Path, words: list[str], said: str) -> None:
    done = decnet(*words, folder=folder)
    assert done.status == 2
    assert said in done.err
