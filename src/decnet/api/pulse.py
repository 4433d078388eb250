"""One look at the store every 50 ms, for everybody: the cache and those who listen."""

from __future__ import annotations

import asyncio
import time

from decnet.api.site import Site
from decnet.api.stream import Hub
from decnet.errors import StoreError

INTERVAL = 0.05
"""Seconds between two looks: what is answered from memory is not older than that."""
HEARTBEAT = 15.0
"""Seconds between two comments to those who listen, so that what is in between does not cut a silent connection."""
_CHECK = 1.0


class Pulse:
    """The task behind `Site.version` and `Hub`."""

    def __init__(self, site: Site, hub: Hub) -> None:
        self._site, self._hub = site, hub
        self._checked = self._told = time.monotonic()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._beat()
            await asyncio.sleep(INTERVAL)

    async def _beat(self) -> None:
        turn = self._site.turn
        try:
            # Not among the threads of requests, which may all be waiting for long answers.
            version = await asyncio.to_thread(self._site.store.version)
            self._site.version = (turn, *version)
            await self._hub.follow(version)
        except StoreError:
            self._site.version = None
        now = time.monotonic()
        if now - self._checked >= _CHECK:
            self._checked = now
            self._hub.check(time.time())
        if now - self._told >= HEARTBEAT:
            self._told = now
            self._hub.tell(b":\n\n")
