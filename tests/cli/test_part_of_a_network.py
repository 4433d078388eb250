"""graph, --limit, --out, identity, adopt: as far as they touch nothing."""

import json
import os
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.cli.commands import decnet

FILE = """\
[general]
name = cli-office
net = 198.51.100.0/24
seed = s

[web[01:03]]
services = ssh

[db]
services = redis
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "network.ini").write_text(FILE)
    return tmp_path


def test_graph_of_a_file_that_was_never_applied(folder: Path) -> None:
    done = decnet("graph", "network.ini", folder=folder)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "cli-office · 4 decoys"
    assert lines[2] == "default · bridge · 198.51.100.0/24 · host 198.51.100.1"
    assert [line.split()[1] for line in lines[3:]] == ["web01", "web02", "web03", "db"]
    assert not (folder / "state").exists()


def test_graph_as_svg_and_dot(folder: Path) -> None:
    assert decnet("graph", "--format", "svg", "-o", "out.svg", "network.ini", folder=folder).status == 0
    assert ET.parse(folder / "out.svg").getroot().tag.endswith("svg")
    assert decnet("graph", "--format", "dot", "network.ini", folder=folder).out.startswith(
        'graph "cli-office" {'
    )


def test_graph_of_a_name_that_nobody_has(folder: Path) -> None:
    done = decnet("graph", "nowhere", folder=folder)
    assert (done.status, "was never applied here" in done.err) == (2, True)


def test_plan_of_a_part(folder: Path) -> None:
    found: Any = decnet("plan", "--json", "--limit", "web0[12],db", "network.ini", folder=folder).json
    assert [one["resource"] for one in found["changes"]] == [
        "lan/default",
        "decoy/web01",
        "decoy/web02",
        "decoy/db",
    ]
    assert found["hidden"] == 1
    group: Any = decnet("plan", "--json", "--limit", "web?01*", "network.ini", folder=folder).json
    assert found["summary"]["add"] == 3
    assert group["summary"]["add"] == 3
    assert "1 decoy hidden by --limit" in decnet("plan", "--limit", "web*", "network.ini", folder=folder).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "--limit", "wbe01", "network.ini"], 'no decoy or group matches "wbe01"'),
        (["destroy", "--limit", "web*", "cli-office"], "it has no --limit"),
        (["apply", "--fail-percent", "101", "network.ini"], "0<=x<=100"),
        (["apply", "network.ini", "missing.plan"], "cannot read missing.plan"),
        (["apply", "network.ini", "network.ini"], "network.ini is no saved plan"),
        (["apply", "network.ini", "/dev"], "cannot read /dev"),
        (["identity", "import", "network.ini"], "network.ini is no identity"),
        (["identity", "export", "cli-office"], "was never applied here"),
        (["identity", "exprt"], "No such command"),
        (["plan", "--out", "no/such/folder", "network.ini"], "cannot write"),
    ],
)
def test_what_cannot_be_is_said(folder: Path, words: list[str], said: str) -> None:
    done = decnet(*words, folder=folder)
    assert done.status == 2, done.text
    assert said in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="a plan that is kept has to see everything")
def test_a_saved_plan_is_for_its_owner_and_has_what_is_documented(folder: Path) -> None:
    done = decnet("plan", "--out", "a.plan", "--limit", "db", "network.ini", folder=folder)
    assert (done.status, "saved in a.plan" in done.err) == (0, True)
    path = folder / "a.plan"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = json.loads(path.read_text())
    assert list(told) == [
        "format_version", "network", "file", "env", "limit", "serial", "lineage", "desired", "world", "ops",
        "secret", "created",
    ]  # fmt: skip
    assert told["limit"] == ["db"]
    assert {op["resource"] for op in told["ops"]} == {
        "lan/default", "decoy/db", "link/db/eth0", "stack/db", "service/db/redis"
    }  # fmt: skip
    env = decnet("apply", "--env", "prod", "network.ini", "a.plan", folder=folder)
    assert (env.status, "made with env none, not prod" in env.err) == (2, True)
    limit = decnet("apply", "--limit", "db", "network.ini", "a.plan", folder=folder)
    assert (limit.status, "has its own --limit" in limit.err) == (2, True)


def test_an_identity_is_brought_and_taken_along(folder: Path) -> None:
    secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    passport = {
        "kind": "decnet-identity",
        "format_version": 1,
        "network": "other",
        "created": 1767323045,
        "secret": secret,
        "renamed": {"web01": "www"},
    }
    (folder / "there.identity").write_text(json.dumps(passport))
    done = decnet("identity", "import", "--name", "cli-office", "there.identity", folder=folder)
    assert done.out == "cli-office has the identity of other, made 2026-01-02\n"
    assert "[web01] renamed_from = www" in done.err
    again = decnet("identity", "import", "--name", "cli-office", "there.identity", folder=folder)
    assert (again.status, again.err) == (0, "cli-office has this identity already\n")
    out = decnet("identity", "export", "cli-office", "-o", "-", folder=folder)
    assert json.loads(out.out)["secret"] == secret
    assert "is a secret" in out.err
    assert decnet("identity", "export", "cli-office", folder=folder).status == 0
    assert stat.S_IMODE((folder / "cli-office.identity").stat().st_mode) == 0o600
    assert "is not overwritten" in decnet("identity", "export", "cli-office", folder=folder).err
    shown: Any = decnet("show", "--json", "network.ini", "web01", folder=folder).json
    macs = {one["value"] for one in shown["values"] if one["key"] == "mac"}
    other: Any = decnet("show", "--json", "network.ini", "web01", folder=folder).json
    assert macs == {one["value"] for one in other["values"] if one["key"] == "mac"}


@pytest.mark.skipif(os.geteuid() != 0, reason="adopt has to see everything")
def test_nothing_there_is_nothing_to_adopt(folder: Path) -> None:
    done = decnet("adopt", "network.ini", folder=folder)
    assert (done.status, "nothing of cli-office is on this machine" in done.err) == (2, True)
    assert not (folder / "state").exists()
