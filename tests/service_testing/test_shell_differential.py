"""Each line is run by the real bash of this machine and by ours: standard output, errors and status must agree."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.service_testing.shell_testing import run

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")

SCRIPTS = Path(__file__).with_name("shell_cases.txt").read_text("utf-8").split("\n%%\n")


async def real(script: str, folder: Path) -> tuple[str, str, int]:
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "USER": "root"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return (
        out.decode("utf-8", "surrogateescape"),
        err.decode("utf-8", "surrogateescape"),
        process.returncode or 0,
    )


def normal(text: str) -> str:
    """Where a program lies does not matter."""
    return text.replace("/usr/bin/", "")


def shifted(text: str) -> str:
    """Line numbers as they are without our first line."""
    return re.sub(r"line (\d+)", lambda match: f"line {int(match[1]) - 1}", text)


@pytest.mark.parametrize("script", SCRIPTS, ids=[script[:50] for script in SCRIPTS])
async def test_it_does_what_bash_does(script: str, tmp_path: Path) -> None:
    expected = await real(script, tmp_path)
    ours = await run(f"mkdir -p /w; cd /w; export LC_ALL=C.UTF-8\n{script}")
    out, err, status = (normal(ours.out), shifted(normal(ours.err)), ours.status)
    assert (out, err, status) == (normal(expected[0]), normal(expected[1]), expected[2])
