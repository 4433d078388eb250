"""The installed command, as a user runs it, with a state of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DECNET = str(Path(sys.executable).parent / "decnet")


@dataclass(frozen=True)
class Command:
    """``decnet`` with its state in a folder of the test's; not ``supervised``, nothing heals behind the test's back."""

    state: Path
    supervised: bool = True

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DECNET_STATE_DIR": str(self.state), "DECNET_DEVELOPER": "false"}

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        alone = () if self.supervised or words[0] != "apply" else ("--no-supervisor",)
        return subprocess.Popen(
            [DECNET, *map(str, words), *alone],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def __call__(self, *words: str | Path, code: int | None = 0, timeout: float = 100) -> str:
        """Run it; its output. Any other exit code (``None``: whatever it is), or a traceback, fails the test."""
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        told = f"decnet {' '.join(map(str, words))}: exit {process.returncode}\n{out}{err}"
        assert "Traceback" not in err, told
        assert "internal error" not in err, told
        assert code is None or process.returncode == code, told
        return out or err

    def json(self, *words: str | Path, code: int | None = 0) -> dict:
        return json.loads(self(*words, "--json", code=code))

    def status(self, name: str, code: int = 0) -> dict[str, dict]:
        return {decoy["name"]: decoy for decoy in self.json("status", name, code=code)["decoys"]}

    def events(self, name: str, *words: str) -> list[dict]:
        return [json.loads(line) for line in self("events", name, *words, "--json").splitlines()]
