"""What the privileged side and a sandbox say to each other: as with a decoy process (`decnet.decoy.protocol`)."""

from __future__ import annotations

from dataclasses import dataclass

INTERVAL_SECONDS = 10.0
"""From one health check to the next."""


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a sandbox is made of; what the memfd that it is started with holds.

    ``limits`` are RLIMIT_… and the most of it, ``hidden`` files and folders of the host that are not to be seen.
    """

    decoy: str
    service: str
    bundle: str
    """Hash of the program, told back by ``state``."""
    ports: tuple[tuple[int, str], ...]
    hostname: str
    uid: int
    command: tuple[str, ...]
    env: tuple[str, ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    health: tuple[str, ...] = ()
    limits: tuple[tuple[int, int], ...] = ()
    hidden: tuple[str, ...] = ()
    interval: float = INTERVAL_SECONDS


@dataclass(frozen=True, slots=True)
class Request:
    """``op`` is state, follow or watch.

    ``follow`` has the connection from then on: it gets each line that the program prints to ``stream``, those after
    ``since`` first, its time before it. ``watch`` too: it gets a message when the program is found to be unwell, and
    ends with the sandbox.
    """

    op: str
    stream: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Answer to ``state``. ``code`` and ``words`` are how the program ended last, and the last that it said."""

    decoy: str
    service: str
    bundle: str
    ports: tuple[tuple[int, str], ...]
    runs: bool
    healthy: bool
    starts: int
    code: int
    words: str
