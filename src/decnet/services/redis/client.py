"""One connected client, as CLIENT LIST shows it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from decnet.services.redis.reply import Encoder
from decnet.services.redis.request import Parser, Request
from decnet.services.session import Session

OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes of replies that one connection may have waiting; a client past it is closed."""


@dataclass(slots=True, eq=False)
class Client:
    """The state of one connection."""

    id: int
    session: Session
    transport: asyncio.Transport
    trusted: bool
    """Has authenticated, or need not."""
    parser: Parser = field(default_factory=Parser)
    out: Encoder = field(default_factory=lambda: Encoder(OUTPUT_LIMIT))
    db: int = 0
    name: bytes = b""
    user: bytes = b"default"
    library: dict[str, bytes] = field(default_factory=dict)
    created: float = field(default_factory=time.monotonic)
    active: float = field(default_factory=time.monotonic)
    last: str = "NULL"
    closing: bool = False
    no_evict: bool = False
    muted: str = ""
    """CLIENT REPLY: ``off`` and ``skip``."""
    queue: list[Request] | None = None
    """The commands between MULTI and EXEC."""
    queued: int = 0
    """Bytes of them."""
    spoiled: bool = False
    """A queued command was wrong: EXEC aborts."""
    executing: bool = False
    """EXEC is at work: nothing waits."""
    watched: set[tuple[int, bytes]] = field(default_factory=set)
    dirty: bool = False
    """A watched key changed."""
    channels: dict[bytes, None] = field(default_factory=dict)
    patterns: dict[bytes, None] = field(default_factory=dict)
    shards: dict[bytes, None] = field(default_factory=dict)
    monitoring: bool = False
    replica: bool = False
    blocked: Callable[[], None] | None = None
    """Set while it waits for keys: to be called when one of them changed."""
    unblock: str = ""
    told: int = 0
    """Commands so far, for the event log."""

    @property
    def address(self) -> str:
        """``ip:port`` of the client."""
        host, port = self.session.peer
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def subscriptions(self) -> int:
        """Channels and patterns."""
        return len(self.channels) + len(self.patterns)

    def flags(self) -> str:
        """Letters of CLIENT LIST."""
        letters = "O" * self.monitoring + "S" * self.replica + "P" * bool(self.subscriptions or self.shards)
        letters += "x" * (self.queue is not None) + "d" * self.dirty + "b" * (self.blocked is not None)
        return (letters + "e" * self.no_evict) or "N"

    def push(self, data: bytes) -> None:
        """Send bytes that this client did not ask for. One that does not read them is cut off."""
        transport = self.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() + len(data) > OUTPUT_LIMIT:
            transport.abort()
            return
        transport.write(data)
