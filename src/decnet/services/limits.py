"""What a service grants its visitors, and what a process that serves them may take of the machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one service of one decoy, enforced by the process that serves it."""

    connections: int = 1024
    """Open at one time."""
    per_source: int = 512
    """Open at one time from one address."""
    session_bytes: int = 64 * 1024 * 1024
    """Received from a visitor in one session."""
    session_seconds: float = 24 * 3600
    connection_rate: float = 200
    """New connections a second."""
    event_rate: float = 1000
    """Events a second."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a whole decoy process, enforced by the kernel. 0 is: none."""

    memory: int = 0
    """Bytes."""
    cpu: float = 0
    """Processors' time per time: 0.5 is half of one."""
    pids: int = 0
    """Threads."""

    def __bool__(self) -> bool:
        return bool(self.memory or self.cpu or self.pids)
