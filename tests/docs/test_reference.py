import re
import shutil
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
    for name in ("generate.py", "story.py", "performance-story.md"):
        (folder / name).write_bytes((DOCS / name).read_bytes())
    shutil.copytree(ROOT / "development" / "profiles", tmp_path / "development" / "profiles")
    with (folder / "reference" / "cli.md").open("a") as page:
        page.write("by hand\n")
    command = [sys.executable, str(folder / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "docs/reference/cli.md is out of date: run make docs\n"


def test_the_story_is_of_the_runs_that_are_kept_and_of_no_other(tmp_path):
    folder, profiles = tmp_path / "docs", tmp_path / "development" / "profiles"
    (folder / "reference").mkdir(parents=True)
    shutil.copytree(ROOT / "development" / "profiles", profiles)
    for name in ("generate.py", "story.py"):
        (folder / name).write_bytes((DOCS / name).read_bytes())
    kept, *_ = (path for path in profiles.glob("*_users_stats.csv") if not path.name.startswith("last_"))
    for path in profiles.glob(kept.name.replace("_users_stats.csv", "_*")):
        path.with_name(path.name.replace(kept.name.partition("_")[0], "last", 1)).write_text(path.read_text())
    kept.write_text(re.sub(r",Aggregated,\d+,", ",Aggregated,123456789,", kept.read_text()))
    done = subprocess.run(
        [sys.executable, folder / "generate.py"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    page = (folder / "performance-story.md").read_text()
    assert "| 123,456,789 |" in page
    assert "## last" not in page


def test_every_command_and_service_has_its_place():
    assert {*COMMANDS} <= Page(DOCS / "reference" / "cli.md").anchors()
    assert {*services()} <= Page(DOCS / "reference" / "services.md").anchors()
