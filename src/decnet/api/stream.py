"""Those who listen: each event is read once, written once for those who want the same, and put into bounded queues."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from decnet.api import answers
from decnet.api.site import Site
from decnet.api.tokens import Scope, Token
from decnet.events.store import Stored, Wanted, fits

MOST = 1000
"""Streams at a time."""
PENDING_BYTES = 1 << 20
"""What may wait for one of them, beside what its connection holds."""
PAGE = 200


class Listener:
    """What waits for one stream. ``after`` is the number of the last event it has, or had no wish for."""

    def __init__(self, wanted: Wanted, token: Token) -> None:
        self.wanted, self.token = wanted, token
        self.after = 0
        self.is_over = False
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._wake = asyncio.Event()

    def put(self, chunk: bytes) -> bool:
        """False when too much is waiting: then it is over, and what waits is let go."""
        if self._size and self._size + len(chunk) > PENDING_BYTES:
            self.end()
            return False
        self._waiting.append(chunk)
        self._size += len(chunk)
        self._wake.set()
        return True

    def end(self) -> None:
        """Nothing more comes."""
        self.is_over = True
        self._waiting.clear()
        self._size = 0
        self._wake.set()

    async def take(self) -> bytes:
        """What has come, when something has; nothing at the end."""
        await self._wake.wait()
        self._wake.clear()
        found = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        return found


class Hub:
    """All listeners of a process."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._listeners: set[Listener] = set()
        self._last = 0
        self._version: tuple[int, ...] = ()
        self.streams = 0
        self.dropped = 0

    @property
    def listeners(self) -> int:
        """How many there are."""
        return len(self._listeners)

    def join(self, listener: Listener, after: int) -> bool:
        """Let it have what comes after this event; False when more was told already: it has to be read first."""
        if self._listeners and self._last > after:
            return False
        if not self._listeners:
            self._last = after
            self._version = ()  # what has come since is looked for at the next beat
        listener.after = after
        self._listeners.add(listener)
        return True

    def leave(self, listener: Listener) -> None:
        """Forget it."""
        self._listeners.discard(listener)
        listener.end()

    def close(self) -> None:
        """Let all streams end."""
        for one in list(self._listeners):
            self.leave(one)

    async def follow(self, version: tuple[int, ...]) -> None:
        """Tell what is new in the store, if it has changed. Raises `StoreError`: then the next beat does it."""
        if not self._listeners or version == self._version:
            return
        while True:
            wanted = Wanted(after=self._last)
            found = await asyncio.to_thread(self._site.store.events, wanted, PAGE)
            self._publish(found)
            if len(found) < PAGE:
                break
        self._version = version

    def check(self, now: float) -> None:
        """End the streams whose token opens nothing any more."""
        for one in list(self._listeners):
            token = self._site.keys.get(one.token.digest)
            if token is None or not token.opens(Scope.READ, now):
                self.leave(one)

    def tell(self, chunk: bytes) -> None:
        """Put it into every queue; a listener whose queue is full is dropped."""
        for one in list(self._listeners):
            self._put(one, chunk)

    def _publish(self, found: Sequence[Stored]) -> None:
        if not found:
            return
        written: dict[Wanted, bytes] = {}
        for one in list(self._listeners):
            late = one.after if one.after >= found[0].seq else 0
            wish = replace(one.wanted, after=late)
            if wish not in written:
                written[wish] = write([event for event in found if event.seq > late], one.wanted)
            if written[wish]:
                self._put(one, written[wish])
        self._last = max(self._last, found[-1].seq)

    def _put(self, listener: Listener, chunk: bytes) -> None:
        if not listener.put(chunk):
            self.dropped += 1
            self.leave(listener)


def write(found: Sequence[Stored], wanted: Wanted) -> bytes:
    """Those that are wanted, as Server-Sent Events. Their JSON has no line break, whatever a visitor typed."""
    is_wanted = fits(wanted)
    return b"".join(
        b"id: %d\ndata: %b\n\n" % (one.seq, msgspec.json.encode(answers.event(one)))
        for one in found
        if is_wanted(one.event)
    )
