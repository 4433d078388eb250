"""What a network is recognised by: a secret that nobody else has, and the moment it came to be."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from decnet.draw import Draw

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Identity:
    """``secret`` is 32 random bytes, ``created`` an aware UTC datetime; both made at the first apply, then kept."""

    secret: bytes
    created: datetime

    @classmethod
    def fresh(cls) -> Identity:
        """A new one: the only place where decnet draws anything that it could not draw again."""
        return cls(secrets.token_bytes(SECRET_BYTES), datetime.now(UTC).replace(microsecond=0))

    @classmethod
    def of_parts(cls, secret: bytes, created: int) -> Identity:
        """One that was made before; ``created`` in Unix seconds. Raises `ValueError` for what cannot be one."""
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a secret has {SECRET_BYTES} bytes, not {len(secret)}")
        try:
            return cls(secret, datetime.fromtimestamp(created, UTC))
        except (OverflowError, OSError):
            raise ValueError(f"{created} is no time") from None

    def of(self, *words: str) -> Draw:
        """Draws of identities: keys, addresses, serials."""
        return Draw(self.secret, "identity", *words)

    def choices(self, seed: str, *words: str) -> Draw:
        """Draws of choices: from the file's seed, or from the secret where the file has none."""
        return Draw(seed.encode(), "choice", *words) if seed else Draw(self.secret, "choice", *words)

    def __repr__(self) -> str:
        return f"Identity(created={self.created:%Y-%m-%dT%H:%M:%SZ})"
