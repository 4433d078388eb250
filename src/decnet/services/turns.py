"""Dear work, in pieces: others who are served by the process have most of its time, and none of them waits for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_REST = 3
"""Rest after a piece, in times of what it took: a quarter of the process is the most that one service has for such work."""
_LONG_SECONDS, _LONG_REST = 0.001, 100
"""A longer piece is not to be met by more than one in a hundred of those who come meanwhile."""
_MOST_SECONDS = 2.0


class Turns:
    """What visitors of one service ask for and is dear: one of them at a time, first come, first served."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[Work]:
        """Wait for a turn. The next one comes when the rest after the last piece is over."""
        async with self._lock:
            work = Work()
            try:
                yield work
            finally:
                await work.rest()


class Work:
    """A turn, and the time that the piece at hand began."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    async def rest(self) -> None:
        """A piece is done: let others go first."""
        took = time.perf_counter() - self._began
        await asyncio.sleep(min(took * (_LONG_REST if took > _LONG_SECONDS else _REST), _MOST_SECONDS))
        self._began = time.perf_counter()
