"""What a server answers from: the store, and what the privileged side says of tokens and networks."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from decnet.api.inventory import Applied
from decnet.api.tokens import Token
from decnet.events.store import Repository


@dataclass(frozen=True, slots=True)
class Facts:
    """What only the privileged side can read."""

    tokens: tuple[Token, ...] = ()
    networks: tuple[Applied, ...] = ()


@dataclass(slots=True)
class Site:
    """One for a process. ``take`` replaces the facts: a token that was revoked opens nothing from then on.

    ``version`` is another when what is answered may be another; None when that is not known (see `decnet.api.pulse`).
    """

    store: Repository
    facts: Facts = field(default_factory=Facts)
    keys: dict[str, Token] = field(default_factory=dict)
    version: tuple[int, ...] | None = None
    turn: int = 0

    def take(self, facts: Facts) -> None:
        """Go on with these."""
        self.facts = facts
        self.turn += 1
        self.version = None
        self.keys = {token.digest: token for token in facts.tokens}


def encode(facts: Facts) -> bytes:
    """For the way to another process, in one line."""
    return msgspec.json.encode(facts) + b"\n"


def decode(line: bytes) -> Facts:
    """The other way round."""
    return msgspec.json.decode(line, type=Facts)
