"""From the log to the store: batch by batch, each with its place, so that whoever is killed goes on where the store is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from decnet.errors import StoreAway
from decnet.events.spool import Spool
from decnet.events.store.artifacts import Cabinet
from decnet.events.store.record import records
from decnet.events.store.repository import Repository
from decnet.events.store.writer import Source, Taken

_BATCH_EVENTS, _BATCH_BYTES = 16_000, 8 << 20
"""Each batch writes to the same pages of the indexes, about a thousand: the larger it is, the less that is an event."""
_POLL_SECONDS = 0.2
_LATE_SECONDS = 1.0
"""How long a reader waits for a file that was just put aside: see LATE_SECONDS of the log."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0


@dataclass(slots=True)
class Recap:
    """What came of it: events that were new, those that the store had, lines that were no events."""

    new: int = 0
    known: int = 0
    refused: int = 0

    def add(self, taken: Taken, refused: int) -> None:
        """A batch more."""
        self.new += taken.new
        self.known += taken.known
        self.refused += refused


@dataclass(slots=True)
class Intake:
    """One log on its way into a store.

    ``folder`` is that of the log, open. ``told`` hears of outages, ``watch`` how many lines are done; ``beat`` is called
    between batches.
    """

    repository: Repository
    folder: int
    source: Source
    stop: Callable[[], bool] = lambda: False
    told: Callable[[str], None] = lambda _: None
    watch: Callable[[int], None] = lambda _: None
    beat: Callable[[], None] = lambda: None
    recap: Recap = field(default_factory=Recap)

    def once(self) -> Recap:
        """Take in what there is. Raises `StoreError`; what was taken in before stays."""
        self._read(follow=False)
        return self.recap

    def follow(self) -> Recap:
        """Take in what there is and what comes, until told to stop or the log is gone; a store that is away is awaited."""
        pause = _FIRST_PAUSE
        away = False
        while not self._ended():
            before = self.recap.new + self.recap.known
            try:
                self._read(follow=True)
            except StoreAway as error:
                if self.recap.new + self.recap.known > before:
                    pause, away = _FIRST_PAUSE, False
                if not away:
                    self.told(f"{error.message}; trying again")
                away = True
                self._wait(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
        return self.recap

    def _ended(self) -> bool:
        return self.stop() or os.fstat(self.folder).st_nlink == 0

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.stop() and time.monotonic() < deadline:
            time.sleep(min(0.1, seconds))

    def _read(self, *, follow: bool) -> None:
        """From the place that the store has. After an error begin again: what is in doubt is seen there."""
        spool = Spool(self.folder, self.repository.place(self.source))
        cabinet = Cabinet(self.folder)
        try:
            empty_since = 0.0
            while not self._ended():
                self.beat()
                if self._batch(spool, cabinet):
                    empty_since = 0.0
                    continue
                now = time.monotonic()
                empty_since = empty_since or now
                if not follow and (not spool.backlog().bytes or now - empty_since > _LATE_SECONDS):
                    return
                time.sleep(_POLL_SECONDS if follow else 0.05)
        finally:
            spool.close()
            cabinet.close()

    def _batch(self, spool: Spool, cabinet: Cabinet) -> bool:
        entries = spool.read(_BATCH_EVENTS, _BATCH_BYTES)
        if not entries:
            return False
        found = list(records(entry.line for entry in entries))
        spool.settle(entries[-1].mark, len(found))
        cabinet.keep(found)  # first: what is in the store is not looked at again
        taken = self.repository.take(self.source, found, spool.place)
        self.recap.add(taken, len(entries) - len(found))
        self.watch(len(entries))
        return True
