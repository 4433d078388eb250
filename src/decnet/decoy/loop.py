"""An event loop on which a socket can be left alone for a while, whoever reads it.

A visitor who sends as fast as a decoy reads would keep the process busy for as long as it likes. Its transport cannot
be paused from outside: its protocol pauses and resumes it as well, and knows of no third party. So the socket itself
rests: the selector does not report that it can be read, bytes wait in the kernel, and TCP slows the sender down.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import select
import selectors
import time


class RestingSelector(selectors.EpollSelector):
    """Epoll, with descriptors that are not reported as readable for a time.

    Registration stays as it is while one rests. Changing it (or closing the descriptor) ends the rest early, which does
    no harm: whoever asked for it asks again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._same = select.epoll.fromfd(os.dup(self.fileno()))
        self._resting: list[tuple[float, int]] = []

    def rest(self, descriptor: int, seconds: float) -> None:
        """Do not report ``descriptor`` as readable for ``seconds``."""
        if self._look(descriptor, ~selectors.EVENT_READ):
            heapq.heappush(self._resting, (time.monotonic() + seconds, descriptor))

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As its parent's, with those that have rested."""
        if self._resting:
            now = time.monotonic()
            while self._resting and self._resting[0][0] <= now:
                self._look(heapq.heappop(self._resting)[1], selectors.EVENT_READ | selectors.EVENT_WRITE)
            if self._resting:
                left = self._resting[0][0] - now
                timeout = left if timeout is None else min(timeout, left)
        return super().select(timeout)

    def close(self) -> None:
        """Close both descriptors of the epoll instance."""
        self._same.close()
        super().close()

    def _look(self, descriptor: int, at: int) -> bool:
        """Have the kernel look at what the descriptor is registered for, as far as it is in ``at``."""
        key = self.get_map().get(descriptor)
        if key is None:
            return False
        events = key.events & at
        mask = (select.EPOLLIN if events & selectors.EVENT_READ else 0) | (
            select.EPOLLOUT if events & selectors.EVENT_WRITE else 0
        )
        try:
            self._same.modify(descriptor, mask)
        except OSError:  # closed without a word; the registration went with it
            return False
        return True


class Loop(asyncio.SelectorEventLoop):
    """The loop of a decoy process."""

    def __init__(self) -> None:
        self._rests = RestingSelector()
        super().__init__(self._rests)

    def rest(self, descriptor: int, seconds: float) -> None:
        """Leave a socket unread for ``seconds``, rounded up to milliseconds by the kernel."""
        self._rests.rest(descriptor, seconds)
