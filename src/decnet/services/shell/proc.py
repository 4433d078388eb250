"""/proc and other files that are made when they are read."""

from __future__ import annotations

from decnet.services.shell.machine import Machine


def mount(machine: Machine) -> None:
    """Put /proc in place."""
