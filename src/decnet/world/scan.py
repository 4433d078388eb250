"""Ask nmap(1) what it takes a host for."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from typing import NamedTuple
from xml.etree import ElementTree as ET

from decnet.errors import WorldError

_SECONDS = 180
_CLOSED = (1, 81, 9)
"""Ports of which one is closed."""


class Seen(NamedTuple):
    """What a scan of one host brings: whether it answers at all, whether a port is open, and the exact matches, best first."""

    answers: bool
    is_open: bool
    matches: tuple[str, ...]


def operating_systems(address: str, ports: Iterable[int]) -> tuple[str, ...]:
    """The exact matches of `scan`; empty without one, and for a host that does not answer."""
    return scan(address, ports).matches


def scan(address: str, ports: Iterable[int]) -> Seen:
    """``nmap -O`` of one host. 2 to 12 s.

    ``ports`` are open TCP ports of the host. Raises `WorldError`: with a hint without nmap or without the privilege, and
    without one when nmap comes to no end.
    """
    nmap = shutil.which("nmap")
    if nmap is None:
        raise WorldError("there is no nmap", hint="install it: apt-get install nmap")
    asked = ",".join(str(port) for port in dict.fromkeys((*ports, *_CLOSED)))
    family = ("-6",) if ":" in address else ()
    command = (nmap, *family, "-n", "-Pn", "-O", "-p", asked, "-oX", "-", address)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise WorldError(f"nmap had no answer for {address} within {_SECONDS} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise WorldError(f"nmap: {said[-1] if said else f'exit {done.returncode}'}", hint="run as root")
    return read(done.stdout)


def read(xml: str) -> Seen:
    """What nmap's XML says of its one host. Raises `WorldError` for what is none."""
    try:
        tree = ET.fromstring(xml)  # noqa: S314 (nmap's own output, about a host that sends it no text)
    except ET.ParseError as error:
        raise WorldError(f"nmap's output cannot be read: {error}") from None
    states = {port.get("state", "") for port in tree.iter("state")}
    names = tuple(one.get("name", "") for one in tree.iter("osmatch") if one.get("accuracy") == "100")
    return Seen(bool(states & {"open", "closed"}), "open" in states, names)
