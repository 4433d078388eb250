"""The lab: a world of its own for a test module, that no packet can leave.

The test's thread, and with it every thread and process started from there on, moves into a new network and mount
namespace with an empty /run, and comes back at the module's end. What is built in it goes with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_CLONE_NEWNS, _CLONE_NEWNET = 0x2_0000, 0x4000_0000
_MS_REC, _MS_PRIVATE = 0x4000, 0x4_0000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command: str, check: bool = True, timeout: float = 60) -> str:
    """A command's output; what it complains of fails the test."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


@dataclass(frozen=True)
class Machine:
    """Another machine in the lab: a named namespace with an ``eth0``."""

    name: str

    def run(self, *command: str, check: bool = True, timeout: float = 60) -> str:
        return run("nsenter", f"--net=/run/netns/{self.name}", *command, check=check, timeout=timeout)


class Lab:
    def machine(self, name: str, address: str, *, bridge: str = "", cable: str = "") -> Machine:
        """A machine with ``address`` on its eth0: plugged into a bridge, or by ``cable``, the host's interface for it."""
        machine = Machine(name)
        run("ip", "netns", "add", name)
        outer = cable or f"v-{name}"
        run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name)
        if bridge:
            run("ip", "link", "set", outer, "master", bridge)
        run("ip", "link", "set", outer, "up")
        machine.run("ip", "address", "add", address, "dev", "eth0")
        machine.run("ip", "link", "set", "lo", "up")
        machine.run("ip", "link", "set", "eth0", "up")
        return machine

    def unplug(self, machine: Machine) -> None:
        machine.run("ip", "link", "delete", "eth0")
        run("ip", "netns", "delete", machine.name)

    def snapshot(self) -> dict[str, list[str]]:
        """All that a destroy must leave as it was: links, addresses, routes, namespaces, files in /run, processes."""
        return {
            "links": [line.split()[1] for line in run("ip", "-o", "link").splitlines()],
            "addresses": [
                line.split("valid_lft")[0] for line in run("ip", "-4", "-o", "address").splitlines()
            ],
            # the kernel marks a route ``linkdown`` for as long as it has not heard of the carrier: not a change
            "routes": run("ip", "-4", "route", "show", "table", "all").replace(" linkdown", "").splitlines(),
            "namespaces": sorted(run("ip", "netns", "list").splitlines()),
            "files": sorted(str(path) for path in Path("/run").rglob("*") if "netns" not in path.parts),
            "processes": [str(pid) for pid in self.processes()],
        }

    def processes(self) -> list[int]:
        """Processes in the lab's own namespace, or with their log on the lab's /run, without this one."""
        here, run_folder = Path("/proc/thread-self/ns/net").stat().st_ino, Path("/run").stat().st_dev
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):  # gone meanwhile, or a zombie, which has none
                    inside = (entry / "ns/net").stat().st_ino == here
                    if inside or (entry / "fd/2").stat().st_dev == run_folder:
                        found.append(int(entry.name))
        return sorted(found)

    def decoy_processes(self) -> list[int]:
        return self.processes_of("decnet.decoy")

    def processes_of(self, program: str) -> list[int]:
        """Those of the lab's networks; other labs may be at work on this machine."""
        found = []
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if program.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    found.append(pid)
        return found


def eventually(condition, *, seconds: float = 10) -> None:
    """Wait until it holds; fails the test when it does not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    before = [os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY) for kind in ("net", "mnt")]
    folder = Path.cwd()
    _check(_libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS))
    _check(_libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None))
    _check(_libc.mount(b"tmpfs", b"/run", b"tmpfs", ctypes.c_ulong(0), b"mode=0755"))
    run("ip", "link", "set", "lo", "up")
    built = Lab()
    yield built
    for pid in built.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for descriptor in before:
        _check(_libc.setns(descriptor, 0))
        os.close(descriptor)
    os.chdir(folder)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
