"""Profiles and templates come with the package, however it is installed."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = [
    f"{room}/{file.relative_to(ROOT / room)}"
    for room in ("profiles", "templates")
    for file in (ROOT / room).rglob("*")
    if file.is_file()
]


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, **environment},
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A wheel made from the sdist made from a clean copy of the tree."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    files = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=True,
    ).stdout.decode().split("\0")  # fmt: skip
    for name in filter(None, files):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            target.symlink_to((ROOT / name).readlink())
        elif (ROOT / name).is_file():
            target.write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "build", "-o", str(folder), str(source))
    return folder


@pytest.mark.timeout(300)
def test_the_wheel_and_the_sdist_hold_every_profile_and_template(built: Path):
    (wheel,) = built.glob("*.whl")
    (sdist,) = built.glob("*.tar.gz")
    in_wheel = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"decnet/{name}" for name in DATA} <= in_wheel
    assert set(DATA) <= in_sdist
    assert not [name for name in in_wheel if name.startswith("tests/")]


@pytest.mark.timeout(300)
def test_an_installed_wheel_renders_the_quickstart(built: Path, tmp_path: Path):
    (wheel,) = built.glob("*.whl")
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        str(tmp_path / "site"),
        str(wheel),
    )
    told = run(
        sys.executable, "-c", "import decnet, decnet.cli; print(decnet.__file__); decnet.cli.main()",
        "validate", str(ROOT / "examples/quickstart.ini"), PYTHONPATH=str(tmp_path / "site"),
    )  # fmt: skip
    assert str(tmp_path / "site") in told
    assert "5 decoys" in told
