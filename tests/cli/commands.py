"""The real command in a process of its own, with its time and memory measured."""

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

DECNET = Path(sys.executable).with_name("decnet")
QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.ini"
MEGABYTES = 1536
"""Address space that a command may take; past it the interpreter fails, and so does the test."""


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def json(self) -> object:
        return msgspec.json.decode(self.out)


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES * 1024 * 1024,) * 2)


def decnet(*words: str | Path, folder: Path, timeout: float = 60, **environment: str) -> Done:
    """Run ``decnet`` in a folder with a state of its own. Whatever it is given, it ends without a traceback."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DECNET_")}
    finished = subprocess.run(
        [DECNET, *words],
        cwd=folder,
        env={**clean, "DECNET_STATE_DIR": str(folder / "state"), "COLUMNS": "100", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        preexec_fn=_bounded,
        check=False,
    )
    done = Done(
        finished.returncode, finished.stdout.decode(), finished.stderr.decode(errors="backslashreplace")
    )
    assert "Traceback" not in done.text, done.text
    assert "internal error" not in done.text, done.text
    return done
