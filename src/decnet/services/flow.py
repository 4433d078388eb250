"""What one visitor sends to a UDP port: a session without a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from decnet.services.session import Session

AMPLIFICATION = 3.0
"""Bytes answered for a byte that came, at most: whoever is named as the sender may not have sent anything (RFC 9000
section 8.1 has the same figure)."""


@dataclass(slots=True)
class Flow:
    """Datagrams of one address and port, for as long as they keep coming. Events are those of ``session``."""

    session: Session
    send: Callable[[bytes], bool]
    amplification: float = AMPLIFICATION

    def reply(self, data: bytes) -> bool:
        """Send a datagram back. False when it is not: too much for what came, or the network takes no more."""
        session = self.session
        if session.sent + len(data) > session.received * self.amplification or not self.send(data):
            return False
        session.sent += len(data)
        return True


@runtime_checkable
class DatagramHandler(Protocol):
    """What a service with UDP ports implements, beside `Handler` where it has TCP ports as well.

    A class attribute ``amplification`` (a number) takes the place of `AMPLIFICATION`.
    """

    def datagram(self, data: bytes, flow: Flow) -> None:
        """Serve one datagram, at once. May raise: the flow then ends with an ``error`` event."""
