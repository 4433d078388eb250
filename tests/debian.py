"""Servers of Debian to compare with, without installing them: their packages are fetched, unpacked, and run from there.

So a developer's machine keeps its own mail or syslog server, and gets no telnetd that the next boot would start.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

CACHE = Path.home() / ".cache" / "decnet-tests" / "packages"


def unpacked(name: str, *packages: str) -> Path:
    """The folder that packages are unpacked in, fetched at the first call. Skips the test where none can be fetched."""
    root = CACHE / name
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        _fetch(name, root, packages or (name,))
    if not root.exists():
        pytest.skip(f"no {name} here, and none can be fetched")
    return root


def _fetch(name: str, root: Path, packages: tuple[str, ...]) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.exists():
            return
        fresh = root.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        command = ["apt-get", "download", "-q", *packages]
        subprocess.run(command, cwd=fresh, check=True, capture_output=True, timeout=60)
        for package in fresh.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, fresh], check=True, capture_output=True, timeout=60)
            package.unlink()
        fresh.rename(root)
