"""Dear work, in pieces: others who are served by the process have most of its time, and none of them waits for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_REST = 4
"""Rest after a piece, in times of what it took: a fifth of the process is the most that one service has for such work."""
_LONG_SECONDS, _LONG_REST = 0.001, 100
"""A longer piece is to be met by one in a hundred of those who come meanwhile: the next visitor's turn is later by that."""
_MOST_SECONDS = 2.0


class Turns:
    """What visitors of one service ask for and is dear: one of them at a time, first come, first served."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[Work]:
        """Wait for a turn. Nobody waits for its end but the next visitor."""
        await self._lock.acquire()
        work = Work()
        try:
            yield work
        finally:
            asyncio.get_running_loop().call_later(work.owed(), self._lock.release)


class Work:
    """A turn. Seconds are those of the processor: others on the machine do not make a piece long."""

    def __init__(self) -> None:
        self._long = 0.0
        self._began = time.thread_time()

    async def rest(self) -> None:
        """A piece is done: let others go first."""
        await asyncio.sleep(self._piece() * _REST)
        self._began = time.thread_time()

    def owed(self) -> float:
        """The last piece is done: seconds before another one may begin its turn."""
        return min(self._piece() * _REST + self._long * _LONG_REST, _MOST_SECONDS)

    def _piece(self) -> float:
        took = time.thread_time() - self._began
        self._long += took if took > _LONG_SECONDS else 0.0
        return took
