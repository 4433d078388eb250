"""What the pages show is tried: INI blocks, and the service that design.md writes in forty lines."""

import asyncio
import os
import socket
import subprocess
import sys

import msgspec
import pytest

from decnet import ini
from decnet.cli.pipeline import build
from decnet.decoy.fleet import Fleet
from decnet.decoy.protocol import ServiceBundle
from decnet.services import registry
from tests.docs.pages import DOCS, Page, pages

GENERAL = "[general]\ndriver = bridge\nnet = 198.51.100.0/24\n"
_PROFILES = {"[archetype]": "archetypes", "[distro]": "distros", "[os]": "os"}


def networks():
    """Blocks of INI that are no profile; those of errors.md are wrong on purpose, and tried by a test of their own."""
    for page in pages():
        if page.path.name == "errors.md":
            continue
        for number, block in enumerate(page.blocks("ini")):
            if not any(f"{head}\n" in block for head in _PROFILES):
                yield pytest.param(block, id=f"{page.name}-{number}")


@pytest.mark.parametrize("block", [*networks()])
def test_every_network_that_is_shown_is_valid(block, tmp_path):
    file = tmp_path / "network.ini"
    file.write_text(("" if "[general]" in block else GENERAL) + block)
    warnings = {problem.code for problem in build(ini.load(file)).network.warnings}
    assert warnings <= {"no-decoys"}  # where [general] alone is shown


def test_every_profile_that_is_shown_is_valid(tmp_path):
    names = []
    for block in Page(DOCS / "custom-profiles.md").blocks("ini"):
        folder = next((folder for head, folder in _PROFILES.items() if f"{head}\n" in block), None)
        if folder:
            target = tmp_path / "profiles" / folder
            target.mkdir(parents=True)
            (target / "mine.ini").write_text(block)
            names.append(folder)
    (tmp_path / "network.ini").write_text(f"{GENERAL}[a : mine]\ndistro = mine\n")
    decoy = build(ini.load(tmp_path / "network.ini")).network.decoys[0]
    assert names == ["distros", "archetypes"]
    assert (decoy.archetype, decoy.distro.name) == ("mine", "mine")


@pytest.fixture
def qotd(tmp_path, monkeypatch):
    """The package of design.md, installed in a folder on the path."""
    (module,) = Page(DOCS / "design.md").blocks("python")
    (tmp_path / "qotd.py").write_text(module)
    info = tmp_path / "qotd-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: qotd\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registry.ENTRY_POINTS}]\nqotd = qotd\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry.services.cache_clear()
    yield tmp_path
    registry.services.cache_clear()
    sys.modules.pop("qotd", None)


async def test_the_service_in_forty_lines_serves(qotd):
    (qotd / "network.ini").write_text(f"{GENERAL}[a]\nservices = qotd\n[a.qotd]\nquote = All is well.\n")
    bundles = build(ini.load(qotd / "network.ini")).bundles
    bundle = msgspec.json.decode(bundles["a", "qotd"].content, type=ServiceBundle)
    events = []
    fleet = Fleet("lab", events.append)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await fleet.serve(bundle, "", [listening])
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        assert await reader.read() == b"All is well.\r\n"
        writer.close()
        await writer.wait_closed()
        await fleet.stop_all()
    assert [str(event.type) for event in events] == ["connection.open", "request", "connection.close"]


def test_its_keys_are_checked_and_described_like_any_other(qotd):
    (qotd / "network.ini").write_text(f"{GENERAL}[a]\nservices = qotd\n[a.qotd]\nqoute = x\n")
    command = [sys.executable, "-c", "from decnet.cli import main; main()", "validate", "network.ini"]
    done = subprocess.run(
        command,
        cwd=qotd,
        env={**os.environ, "PYTHONPATH": str(qotd)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert 'did you mean "quote"?' in done.stderr


def test_it_has_forty_lines(qotd):
    written = [line for line in (qotd / "qotd.py").read_text().splitlines() if line]
    assert len(written) <= 40
