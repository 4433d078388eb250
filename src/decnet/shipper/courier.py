"""One sink at work: a thread that takes events from the log to where they go, in order, each at least once.

What was sent counts as delivered when the carrier says that it has arrived and the peer can be taken to have read it;
only then does the saved place move on. So whatever ends, the shipper or the server, what is in doubt is sent again.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from decnet.events.sinks import SinkBundle, kind_of
from decnet.events.sinks.carrier import Carrier, Later, Stopped
from decnet.events.spool import Backlog, Mark, Place, Spool
from decnet.shipper import places
from decnet.shipper.protocol import Shipping, SinkState

POLL_SECONDS = 0.2
_BATCH_BYTES = 128 * 1024
_UNARRIVED_BYTES = 1 << 20
"""How much may be under way before the peer has acknowledged any of it."""
_LITTLE_BYTES = 64 * 1024
_PEER_BYTES = 8 << 20
"""More than a peer's kernel keeps for a server that does not read (tcp(7), tcp_rmem: 6 MB at most by default)."""
_SAVE_SECONDS = 0.5
_PATIENCE_SECONDS = 5.0
"""How long nothing may be taken before the sink is said to wait."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_LONGEST_WISH = 300.0
"""A server that asks to be left alone for longer is asked again all the same."""
_FAREWELL_SECONDS = 2.0
_GLANCE_SECONDS = 0.01
"""How often the peer's acknowledgements are looked at while some are missing."""


@dataclass(slots=True)
class _Batch:
    position: int
    mark: Mark
    events: int
    bytes: int
    arrived_at: float = 0.0


class Courier:
    """A sink and its thread. ``carrier`` was made from ``bundle``, and looks at ``stop`` while it blocks."""

    def __init__(
        self, folder: int, bundle: SinkBundle, digest: str, carrier: Carrier, stop: threading.Event
    ) -> None:
        self.name = bundle.name
        self._folder = folder
        self._bundle = bundle
        self._digest = digest
        self._carrier = carrier
        self._stop = stop
        self._spool: Spool | None = None
        self._under_way: deque[_Batch] = deque()
        self._settled = 0
        self._saved: Place | None = None
        self._saved_at = 0.0
        self._connected = False
        self._error = self._save_error = ""
        self._taken_at = time.monotonic()
        self._sent_before = self._resent = 0
        self.forgotten = False
        """Whether its place is of no account any more: the sink is no longer declared."""
        self.last = False
        """Whether nobody ships after it: what is in the log still goes, before it ends."""
        self._thread = threading.Thread(target=self._run, name=f"sink-{self.name}", daemon=True)
        self._previous: Courier | None = None

    def start(self, previous: Courier | None = None) -> None:
        """Begin, once ``previous`` (the same sink as it was set before) has ended."""
        self._previous = previous
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end: it waits a moment for what is under way, and saves its place."""
        self._stop.set()

    def ended(self, seconds: float) -> bool:
        """Whether the thread ends within a time. A name that nobody resolves can hold it up for longer."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def look(self) -> None:
        """Notice rotation, whatever the thread waits for: only then can be counted what it takes away."""
        spool = self._spool
        if spool is not None:
            spool.look()

    def shipping(self) -> Shipping:
        """How it stands."""
        self.look()
        spool = self._spool
        backlog, place = (spool.backlog(), spool.place) if spool else (Backlog(0, 0, 0.0), Place())
        return Shipping(
            name=self.name,
            type=kind_of(self._bundle.setting),
            target=self._bundle.setting.target,
            bundle=self._digest,
            state=self._state(),
            error=self._error or self._save_error,
            sent=place.sent,
            queued=backlog.events,
            queued_bytes=backlog.bytes,
            oldest=round(backlog.oldest, 1),
            dropped=place.dropped,
            dropped_bytes=place.dropped_bytes,
            resent=self._resent,
        )

    def _state(self) -> SinkState:
        if not self._connected:
            return SinkState.FAILING if self._error else SinkState.CONNECTING
        waited = time.monotonic() - self._taken_at
        return SinkState.WAITING if waited > _PATIENCE_SECONDS else SinkState.CONNECTED

    def _run(self) -> None:
        if self._previous is not None:
            self._previous._thread.join()  # noqa: SLF001 (of one kind)
            self._previous = None
        failures = 0
        while not self._stop.is_set():
            try:
                self._ship()
            except Exception as error:  # noqa: BLE001 (the border of a thread: said in status, and tried again)
                failures = 0 if self._progressed() else failures + 1
                self._fail(_words(error))
                self._stop.wait(_pause_after(error, failures))
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.close()

    def _ship(self) -> None:
        """From connecting to the end: told to stop, or an `OSError`."""
        if self._spool is None:
            history = self._bundle.setting.history
            self._spool = Spool(self._folder, places.load(self._folder, self.name), history=history)
            self._sent_before = self._spool.place.sent
            self._save(self._spool)
        spool = self._spool
        try:
            self._carrier.open()
            self._settled = 0
            self._taken_at = time.monotonic()
            self._connected, self._error = True, ""
            while not self._stop.is_set():
                moved = self._send_more(spool)
                self._settle(spool, self._carrier.settling)
                if time.monotonic() - self._saved_at > _SAVE_SECONDS:
                    self._save(spool)
                if not moved:
                    self._stop.wait(self._pause())
            self._take_leave(spool)
        except Stopped:
            self._take_leave(spool)
        finally:
            self._carrier.close()

    def _send_more(self, spool: Spool) -> bool:
        """Send the next batch; whether there was one, and room for it."""
        if sum(batch.bytes for batch in self._unarrived()) >= _UNARRIVED_BYTES:
            return False
        entries = spool.read(self._carrier.most, _BATCH_BYTES)
        if not entries:
            return False
        encoded = [self._carrier.encode(entry.line) for entry in entries]
        batch = [one for one in encoded if one is not None]
        position = self._carrier.send(batch)
        size = sum(map(len, batch))
        self._under_way.append(_Batch(position, entries[-1].mark, len(batch), size))
        return True

    def _unarrived(self) -> list[_Batch]:
        return [batch for batch in self._last_first() if not batch.arrived_at]

    def _last_first(self) -> Iterator[_Batch]:
        """Batches from the last on, as far as they have not arrived: many more have, and wait to be settled."""
        return itertools.takewhile(lambda batch: not batch.arrived_at, reversed(self._under_way))

    def _settle(self, spool: Spool, settling: float) -> None:
        now = time.monotonic()
        waiting = self._unarrived()[::-1]
        self._carrier.arrived(0)  # also where nothing is under way: it notices a server that has gone
        for batch in waiting:
            if not self._carrier.arrived(batch.position):
                break
            batch.arrived_at = self._taken_at = now
        if not waiting:
            self._taken_at = now
        while self._is_settled(now, settling):
            batch = self._under_way.popleft()
            self._settled = batch.position
            spool.settle(batch.mark, batch.events)

    def _is_settled(self, now: float, settling: float) -> bool:
        """Whether the oldest batch under way has been read by the peer, as far as can be told.

        It has arrived some seconds ago, and what arrived after it is either little, so that a server that reads at all
        has read it; or more than any buffer of the peer's kernel holds; or the last of it is as old.
        """
        if not self._under_way or not 0 < self._under_way[0].arrived_at <= now - settling:
            return False
        last = next(batch for batch in reversed(self._under_way) if batch.arrived_at)
        behind = last.position - self._under_way[0].position
        little = last.position - self._settled <= _LITTLE_BYTES
        return little or behind >= _PEER_BYTES or last.arrived_at <= now - settling

    def _pause(self) -> float:
        if not self._under_way:
            return POLL_SECONDS
        return _GLANCE_SECONDS if self._unarrived() else POLL_SECONDS

    def _take_leave(self, spool: Spool) -> None:
        """The server is well: what arrives within a moment is delivered, with nothing left in doubt."""
        deadline = time.monotonic() + _FAREWELL_SECONDS
        with contextlib.suppress(Stopped):  # it takes no more
            while self.last and time.monotonic() < deadline and self._send_more(spool):
                pass
        self._settle(spool, 0.0)
        while self._under_way and time.monotonic() < deadline:
            time.sleep(_GLANCE_SECONDS)
            self._settle(spool, 0.0)
        self._save(spool)

    def _save(self, spool: Spool) -> None:
        """Save the place if it has moved. A disk that is full costs no event, only that more are sent again."""
        self._saved_at = time.monotonic()
        place = spool.place
        if place == self._saved or self.forgotten:
            return
        try:
            places.save(self._folder, self.name, place)
        except OSError as error:
            self._save_error = f"its place cannot be saved: {_words(error)}"
        else:
            self._saved, self._save_error = place, ""

    def _progressed(self) -> bool:
        """Whether anything was delivered since it last failed."""
        before, self._sent_before = self._sent_before, self._spool.place.sent if self._spool else 0
        return self._sent_before > before

    def _fail(self, words: str) -> None:
        self._error, self._connected = words, False
        self._resent += sum(batch.events for batch in self._under_way)
        self._under_way.clear()
        if self._spool is not None:
            self._spool.rewind()
            self._save(self._spool)


def _pause_after(error: Exception, failures: int) -> float:
    """Seconds until the next try: ever more of them, and not before the server wants to hear of us again."""
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures, 16))
    pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 (so that sinks do not all come back at once)
    return max(pause, min(error.seconds, _LONGEST_WISH)) if isinstance(error, Later) else pause


def _words(error: Exception) -> str:
    """An error for a person, on one line."""
    if not isinstance(error, OSError):
        return f"{type(error).__name__}: {error}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or str(error)).lower().replace('_', ' ')}"
    if isinstance(error, TimeoutError) and not error.errno:
        return "no answer"
    return error.strerror or str(error)
