"""`decnet verify os`: what is declared against what nmap sees, whatever state decoys and machine are in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.command import DECNET, Command
from tests.live.lab import Lab, run

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

NETWORK = """
[general]
name = viewed
net = 198.51.100.0/24
runtime = netns
seed = viewed

[os-odd]
base = windows10
nmap_label = Plan 9

[true]
os = windows10
ip = 198.51.100.20
services = http

[wall]
os = cisco-asa
ip = 198.51.100.24
services = http

[false]
os = odd
ip = 198.51.100.21
services = http

[off]
os = windows10
ip = 198.51.100.22
services = http

[quiet]
os = windows10
ip = 198.51.100.23
services = lull

[custom-lull]
exec     = sleep 3600
ports    = 161
protocol = udp
"""


@pytest.fixture(scope="module")
def applied(lab: Lab, tmp_path_factory) -> Iterator[tuple[Command, Path]]:
    folder = tmp_path_factory.mktemp("viewed")
    file, decnet = folder / "viewed.ini", Command(folder / "state", supervised=False)
    file.write_text(NETWORK)
    decnet("apply", file)
    run("nsenter", "--net=/run/netns/decnet:viewed:off", "ip", "link", "set", "eth0", "down")
    yield decnet, file
    decnet("destroy", "--yes", "viewed")


def test_each_decoy_has_a_verdict_and_one_that_is_not_as_declared_is_exit_4(applied):
    decnet, file = applied
    told = decnet.json("verify", "os", file, code=4)
    assert told["format_version"] == 1
    seen = {one.pop("decoy"): one for one in told["decoys"]}
    assert {decoy: one["verdict"] for decoy, one in seen.items()} == {
        "true": "as declared",
        "wall": "as declared",
        "false": "other",
        "off": "down",
        "quiet": "unknown",
    }
    assert seen["off"] == {
        "verdict": "down",
        "os": "windows10",
        "wanted": "Microsoft Windows 10",
        "found": "no answer",
    }
    assert (seen["false"]["wanted"], seen["quiet"]["found"]) == ("Plan 9", "not scanned: no TCP port")
    assert "Microsoft Windows 10" in seen["false"]["found"]


def test_one_decoy_by_the_name_of_the_network(applied):
    decnet, _ = applied
    table = decnet("verify", "os", "viewed", "quiet").splitlines()
    assert table[0].split() == ["DECOY", "VERDICT", "OS", "DECLARED", "NMAP", "SAYS"]
    assert [line.split()[:2] for line in table[1:]] == [["quiet", "unknown"]]
    assert 'no decoy "quite"' in (said := decnet("verify", "os", "viewed", "quite", code=2))
    assert 'did you mean "quiet"?' in said
    assert "never applied here" in decnet("verify", "os", "nobody", code=2)


@pytest.mark.parametrize(
    ("prefix", "environment", "said"),
    [
        ((), {"PATH": "/nowhere"}, ("there is no nmap", "apt-get install nmap")),
        (("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"), {}, ("nmap: ", "run as root")),
    ],
)
def test_what_a_scan_needs_and_has_not_is_an_error_with_a_hint(applied, prefix, environment, said):
    decnet, _ = applied
    done = subprocess.run(
        [*prefix, DECNET, "verify", "os", "viewed", "true"],
        env={**decnet.environment, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert all(words in done.stderr for words in said), done.stderr


def test_a_file_that_is_gone_leaves_the_shipped_profiles_to_compare_with(applied):
    decnet, file = applied
    file.rename(file.with_suffix(".old"))
    try:
        decnet("verify", "os", "viewed", "true")
        told = decnet.json("verify", "os", "viewed", "false")
    finally:
        file.with_suffix(".old").rename(file)
    assert (told["decoys"][0]["verdict"], told["decoys"][0]["wanted"]) == ("unknown", "")
