"""What one session may use: work, memory, processes. Work is counted, not timed, so that a neighbour's load changes nothing."""

from __future__ import annotations

import asyncio

SLICE = 100
"""Units of work between two yields to the event loop; a unit is about 10 to 20 µs."""
FREE = 30_000
"""Units at full speed."""
SLOW = 200_000
"""Units after which the session crawls."""
KILL = 3_000_000
"""Units after which the kernel's OOM killer, as it were, steps in."""
BYTES_PER_UNIT = 512
MAX_TEXT = 1 << 20
"""Characters of one value or one expansion."""
MAX_WORDS = 65_536
"""Words of one expansion."""
MAX_VARIABLES = 4096
MAX_MEMORY = 8 << 20
"""Characters of all variables of one shell."""
MAX_TASKS = 48
"""Processes one session may have at a time."""
MAX_CALLS = 40
"""Functions, sourced files and substitutions within one another."""


class Exhausted(Exception):  # noqa: N818 (a bound, not a mistake)
    """The session has used up what it may use; ``message`` is what the shell then says."""

    def __init__(self, message: str = "Killed", status: int = 137) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Budget:
    """Work done and processes alive in one session."""

    __slots__ = ("_owed", "tasks", "used")

    def __init__(self) -> None:
        self.used = 0
        self.tasks = 0
        self._owed = 0

    async def spend(self, units: int = 1) -> None:
        """Count work; now and then let others run, longer the more was used. Raises `Exhausted`."""
        self._owed += units
        if self._owed < SLICE:
            return
        await self.pause()

    async def pause(self) -> None:
        """Yield to the event loop for what was used since the last time."""
        slices = self._owed / SLICE
        self.used += self._owed
        self._owed = 0
        if self.used > KILL:
            raise Exhausted
        rest = 0.0 if self.used < FREE else 0.004 if self.used < SLOW else 0.04
        await asyncio.sleep(min(rest * slices, 1.0))

    def refresh(self) -> None:
        """A new command line was typed: a person is here."""
        self.used = self.used // 4
