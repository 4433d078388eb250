"""A kernel that permits no bpf(2), for a command that runs in it; what it says of that."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

from tests.live.command import DECNET, Command

NO_BPF = """
import ctypes, errno, os, sys
from decnet.decoy import seccomp
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
seccomp.Filter(seccomp.library(), [seccomp.Rule("bpf", errno.EPERM)], otherwise=0).load()
os.execv(sys.argv[1], sys.argv[1:])
"""
"""What SystemCallFilter=~bpf of a unit does, or a container's profile."""
WHY = (
    "os fingerprint degraded: bpf(2) is not permitted: no CAP_BPF in the first user namespace, "
    "a seccomp filter, or lockdown; rewritten by nftables"
)


@dataclasses.dataclass(frozen=True)
class WithoutBpf(Command):
    """The command where the kernel permits no bpf(2)."""

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        alone = ("--no-supervisor",) if words[0] == "apply" else ()
        return subprocess.Popen(
            [sys.executable, "-c", NO_BPF, DECNET, *map(str, words), *alone],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
