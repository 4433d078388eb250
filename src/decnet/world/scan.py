"""Ask nmap(1) what it takes a host for."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from decnet.errors import WorldError

_SECONDS = 180
_CLOSED = (1, 81, 9)
"""Ports of which one is closed."""


def operating_systems(address: str, ports: Iterable[int]) -> tuple[str, ...]:
    """The exact matches of ``nmap -O``, best first; empty without one.

    ``ports`` are open TCP ports of the host. Raises `WorldError` without nmap, without the privilege, and when the host
    does not answer. 2 to 12 s.
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
    return matches(done.stdout)


def matches(xml: str) -> tuple[str, ...]:
    """The names of the exact matches in nmap's XML. Raises `WorldError` for what is none."""
    try:
        tree = ET.fromstring(xml)  # noqa: S314 (nmap's own output, about a host that sends it no text)
    except ET.ParseError as error:
        raise WorldError(f"nmap's output cannot be read: {error}") from None
    return tuple(one.get("name", "") for one in tree.iter("osmatch") if one.get("accuracy") == "100")
