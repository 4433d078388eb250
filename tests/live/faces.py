"""A network with a decoy of every system, an attacker beside it, and how far to go with them.

``DECNET_SCANS`` (3) scans of each, of the profiles in ``DECNET_PROFILES``: names with commas, or ``all``.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from decnet.catalog import load
from decnet.world import names, namespaces, scan
from tests.live.command import Command
from tests.live.lab import Lab, Machine, eventually

EXACT = (
    "linux-4", "linux-5", "linux-6", "windows7", "windows10", "windows11", "windows-server-2012r2", "windows-server-2016",
    "windows-server-2019", "windows-server-2022", "freebsd", "openbsd", "macos", "ip-camera", "synology", "cisco-ios", "cisco-asa", "lwip",
    "vxworks", "hp-laserjet",
)  # fmt: skip
"""Every profile with an entry of nmap's of its own to meet; the other names are aliases of these."""
ADDRESS = {name: f"198.51.100.{20 + number}" for number, name in enumerate(EXACT)}
SCANS = int(os.environ.get("DECNET_SCANS", "3"))
ATTACKER = "198.51.100.9"
ECHO = """
import socket
listener = socket.create_server(("::", 9000), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    connection, _ = listener.accept()
    with connection:
        while piece := connection.recv(1 << 18):
            connection.sendall(piece)
"""
T = TypeVar("T")


def chosen(short: Iterable[str], of: Iterable[str] = EXACT) -> tuple[str, ...]:
    """Those of ``of`` that this run is about: ``short`` unless ``DECNET_PROFILES`` says otherwise."""
    said = os.environ.get("DECNET_PROFILES", "")
    wanted = set(of) if said == "all" else {one.strip() for one in said.split(",")} if said else set(short)
    return tuple(name for name in of if name in wanted)


def address6(name: str) -> str:
    return f"2001:db8:5::{ADDRESS[name].rpartition('.')[2]}"


def label(name: str) -> str:
    return load().oses[name].nmap_label


def inside(machine: Machine, work: Callable[[], T]) -> T:
    """Do something in a machine's namespace."""
    fd = os.open(f"/run/netns/{machine.name}", os.O_RDONLY)
    try:
        return namespaces.inside(fd, work)
    finally:
        os.close(fd)


def answers(machine: Machine, address: str) -> bool:
    """Whether a visitor is served: a page by HTTP."""
    host = f"[{address}]" if ":" in address else address
    return "HTTP/1." in machine.run("curl", "-sI", "-m", "3", f"http://{host}/", check=False)


@dataclass(frozen=True, slots=True)
class Faces:
    """The applied network, and the attacker on its LAN."""

    network: str
    decnet: Command
    file: Path
    attacker: Machine

    def decoy(self, name: str) -> Machine:
        return Machine(f"decnet:{self.network}:{name}")

    def scanned(self, name: str) -> str:
        """The exact matches of a scan of a decoy's open and closed port."""
        return self.scanned_at(ADDRESS[name])

    def scanned_at(self, address: str) -> str:
        return "; ".join(inside(self.attacker, lambda: scan.operating_systems(address, (80,))))

    def detach(self, name: str) -> None:
        """Take the filters off a decoy's interface."""
        self.decoy(name).run("tc", "qdisc", "del", "dev", "eth0", "clsact")

    @contextlib.contextmanager
    def echoing(self, name: str) -> Iterator[None]:
        """A server on port 9000 of a decoy that sends back what comes."""
        command = ("nsenter", f"--net=/run/netns/{self.decoy(name).name}", sys.executable, "-c", ECHO)
        process = subprocess.Popen(command)
        try:
            time.sleep(0.4)
            yield
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def applied(
    lab: Lab,
    folder: Path,
    decoys: Iterable[str] = tuple(ADDRESS),
    *,
    network: str = "faces",
    runtime: str = "netns",
    more: str = "",
    command: Callable[[Path], Command] = lambda state: Command(state, supervised=False),
) -> Iterator[Faces]:
    """A network of decoys named as their systems, at `ADDRESS`; ``more`` is of ``[general]``. On macvlan: ``lan0``."""
    file = folder / f"{network}.ini"
    image = "distro = debian\n" if runtime == "docker" else ""
    sections = "".join(
        f"\n[{name}]\nos = {name}\n{image}ip = {ADDRESS[name]}\nip6 = {address6(name)}\nservices = http\n"
        for name in decoys
    )
    file.write_text(
        f"[general]\nname = {network}\nnet = 198.51.100.0/24\nnet6 = 2001:db8:5::/64\n"
        f"runtime = {runtime}\nseed = faces\n{more}\n{sections}",
        "utf-8",
    )
    place = {"cable": "lan0"} if "macvlan" in more else {}
    if place:
        attacker = lab.machine("attacker", f"{ATTACKER}/24", **place)
    decnet = command(folder / "state")
    decnet("apply", "--yes", file)
    if not place:
        bridge = names.lan_interface(network, "default")
        attacker = lab.machine("attacker", f"{ATTACKER}/24", bridge=bridge)
    attacker.run("ip", "address", "add", "2001:db8:5::9/64", "dev", "eth0", "nodad")
    eventually(lambda: all(answers(attacker, ADDRESS[name]) for name in decoys))
    yield Faces(network, decnet, file, attacker)
    if not place:
        lab.unplug(attacker)
    decnet("destroy", "--yes", network)
    if place:
        lab.unplug(attacker)
