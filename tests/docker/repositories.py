"""A package repository for builds: Debian's packages, fetched once, served within the lab."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.docker.engine import CACHE
from tests.live.lab import run


def packages(suite: str, *names: str) -> Path:
    """A folder with these packages and what they need beyond a minimal Debian, and apt's index of them (a minute)."""
    folder = CACHE / f"{'-'.join((suite, *names))}-packages"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "Packages").exists():
            folder.mkdir(exist_ok=True)
            command = (
                "mmdebstrap",
                "--quiet",
                "--variant=minbase",
                '--aptopt=APT::Keep-Downloaded-Packages "true"',
                *(f"--include={one}" for one in names),
                f"--customize-hook=copy-out /var/cache/apt/archives {folder}",
                "--format=null",
            )
            run(*command, suite, "-", timeout=300)
            found = sorted((folder / "archives").glob("*.deb"))
            (folder / "Packages").write_text("\n".join(_described(deb, folder) for deb in found))
    return folder


def _described(deb: Path, folder: Path) -> str:
    """A package's paragraph in the index."""
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    where = f"Filename: {deb.relative_to(folder)}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"
    return run("dpkg-deb", "--field", str(deb)) + where


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Whoever wants to know looks at what was built."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The line of sources.list for a repository that a server on the lab's loopback has meanwhile."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
    )
    worker = threading.Thread(target=server.serve_forever, daemon=True)
    worker.start()
    try:
        yield f"deb [trusted=yes] http://127.0.0.1:{server.server_port} ./\n"
    finally:
        server.shutdown()
        server.server_close()
        worker.join()
