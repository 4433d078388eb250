"""A machine of a given distro, and the output of a command line on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from decnet.services.service import Facts
from decnet.services.shell import BytesInput, BytesOutput, Capture, Machine, Shell

NOW = 1_763_822_400.0
"""2025-11-22 14:40:00 UTC."""


class Ran(NamedTuple):
    """What a command line printed and its status."""

    out: str
    err: str
    status: int


def boot(
    distro: str = "debian", *, hostname: str = "web01", clock: Callable[[], float] = lambda: NOW
) -> Machine:
    facts = Facts(hostname, "corp.example", "198.51.100.7", "linux", distro, "UTC", NOW - 9e6, NOW - 8e5)
    files = {"rootfs/home/deploy/.bash_history": b"ls\nsudo su\n", "rootfs/etc/motd": b"Welcome\n"}
    return Machine.boot(
        facts, files, {"root": "toor", "deploy": "s3cret"}, clock=clock, seed=hostname.encode() * 4
    )


async def run(
    text: str,
    *,
    machine: Machine | None = None,
    user: str = "root",
    stdin: bytes = b"",
    interactive: bool = False,
    record: Callable[[Capture], None] | None = None,
) -> Ran:
    shell = Shell(machine or boot(), user, interactive=interactive, tty=interactive, record=record)
    out, err = BytesOutput(), BytesOutput()
    try:
        status = await shell.run(text, BytesInput(stdin), out, err)
        return Ran(out.text(), err.text(), status)
    finally:
        await shell.close()
