"""A connection that bounds what its client may leave open: uvicorn's has no end of waiting and of header lines."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""From the first byte of a request, or from the connection, to the end of its head."""
HEAD_BYTES = 64 << 10
"""That one may bring along before it is known what is asked for."""


class Connection(HttpToolsProtocol):
    """One whose head is slow or long is cut off without a word."""

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self._limit: asyncio.TimerHandle | None = None
        self._size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own type
        """Called by the loop."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._finish()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._size += len(data)
        super().data_received(data)
        if self._limit is not None and self._size > HEAD_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Called by the parser, at the first byte of a request."""
        super().on_message_begin()
        self._begin()

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self._finish()
        super().on_headers_complete()

    def _begin(self) -> None:
        self._finish()
        self._limit = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _finish(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self._limit = None
        self._size = 0
