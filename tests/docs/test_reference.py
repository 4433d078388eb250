import subprocess
import sys

from decnet.cli.app import COMMANDS
from decnet.services.registry import services
from tests.docs.pages import DOCS, ROOT, Page

GENERATOR = str(DOCS / "generate.py")


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, GENERATOR, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_reference_is_what_the_code_says():
    done = generate("--check")
    assert done.returncode == 0, f"run make docs:\n{done.stderr}"


def test_a_page_that_differs_is_named(tmp_path):
    folder = tmp_path / "docs"
    (folder / "reference").mkdir(parents=True)
    for path in (DOCS / "reference").iterdir():
        (folder / "reference" / path.name).write_bytes(path.read_bytes())
    (folder / "generate.py").write_bytes((DOCS / "generate.py").read_bytes())
    with (folder / "reference" / "cli.md").open("a") as page:
        page.write("by hand\n")
    command = [sys.executable, str(folder / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "docs/reference/cli.md is out of date: run make docs\n"


def test_every_command_and_service_has_its_place():
    assert {*COMMANDS} <= Page(DOCS / "reference" / "cli.md").anchors()
    assert {*services()} <= Page(DOCS / "reference" / "services.md").anchors()
