"""Has `decnet repair` look and put right: soon after something was heard, and now and then for what nobody heard."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable

from decnet import state
from decnet.world.supervision import Place

_SETTLE_SECONDS = 0.15
"""What happens together is repaired together."""
_REST_SECONDS = 1.0
"""Between one repair and the next."""
_POLL_SECONDS = 0.2
_ONCE_MORE_SECONDS = 1.0
"""After a repair with a cause: what went wrong beside it was taken for its own doing by those who listen."""
LOOK_SECONDS = 60.0
_LOOK_SHARE = 60
"""A look at nothing in particular may take this part of the time between two of them."""
_LONGEST_WAIT = 300.0
_RUN_SECONDS = 600.0
LOCKED, UNKNOWN = 75, 6
"""Exit codes of `decnet repair`: another command is at work; the network is not in the state."""
_CAUSES = 20
"""Causes that are told by name; of more, how many."""


class Repairs:
    """Decides when a repair runs. One at a time, never beside a command that holds the network's lock."""

    def __init__(self, place: Place, look: float, ended: Callable[[int], None]) -> None:
        self._place = place
        self._ended = ended
        self._causes: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._again = 0
        self._look = look
        self._pause = self._look
        self._child: asyncio.subprocess.Process | None = None

    def trigger(self, cause: str) -> None:
        """Something is wrong, or may be."""
        self._causes.setdefault(cause)
        self._wake.set()

    @property
    def barred(self) -> bool:
        """Whether a command is at work on the network: what happens now is its doing, and its to put right."""
        return state.is_held(self._place.state_dir, self._place.network)

    @property
    def at_work(self) -> bool:
        """Whether a repair runs, or has ended and what came of it is not told yet."""
        return self._child is not None

    @property
    def idle(self) -> bool:
        """Whether no repair is at work or about to be."""
        return self._child is None and not self._causes

    async def run(self) -> None:
        """For ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._pause)
            await asyncio.sleep(_SETTLE_SECONDS)
            while self.barred:  # noqa: ASYNC110 (the kernel tells nobody when a flock is released)
                await asyncio.sleep(_POLL_SECONDS)
            self._wake.clear()
            causes = list(self._causes)
            self._causes.clear()
            began = time.monotonic()
            code = await self._repair(causes)
            self._ended(code)
            self._pause = self._next(code, causes, time.monotonic() - began)
            await asyncio.sleep(_REST_SECONDS)

    def stop(self) -> None:
        """End a repair that runs: it holds a lock that others wait for."""
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                self._child.terminate()

    def _next(self, code: int, causes: list[str], took: float) -> float:
        """Seconds until the next look, when nothing is heard before."""
        if code == LOCKED:
            for cause in causes:
                self.trigger(cause)
            return self._pause
        if code in (0, UNKNOWN):
            self._again = int(code == UNKNOWN)  # that the state is gone has been told, once
            steady = max(self._look, took * _LOOK_SHARE)
            return min(_ONCE_MORE_SECONDS, steady) if causes else steady
        self._again += 1
        return min(_LONGEST_WAIT, 5.0 * 2.0**self._again)

    async def _repair(self, causes: list[str]) -> int:
        words = [sys.executable, "-P", "-m", "decnet", "repair", self._place.network]
        words += [f"--state={self._place.state_dir}"]
        words += [f"--cause={cause}" for cause in causes[:_CAUSES]]
        if len(causes) > _CAUSES:
            words.append(f"--cause=and {len(causes) - _CAUSES} things more")
        if self._again:
            words.append("--again")
        environment = {**os.environ, "DECNET_RUN_DIR": str(self._place.run_dir.parent)}
        self._child = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, env=environment
        )
        try:
            return await asyncio.wait_for(self._child.wait(), _RUN_SECONDS)
        except TimeoutError:
            self._child.kill()
            return await self._child.wait()
        finally:
            self._child = None
