"""What a NATS user signs with in place of a password: an nkey alone, or with a JWT in a ``.creds`` file.

https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth
"""

from __future__ import annotations

import re
from typing import NamedTuple

import nkeys  # type: ignore[import-untyped]  # it has no types

_MARKED = "NATS USER JWT"
"""Not ``JWT`` alone: one seed in 600 has these letters."""
_JWT = re.compile(r"-----BEGIN NATS USER JWT-----\s+([A-Za-z0-9_.-]+)\s")
_SEED = re.compile(r"(?:\A|-----BEGIN USER NKEY SEED-----)\s*(SU[A-Z2-7]{56})\s*(?:\Z|-)")


class Credentials(NamedTuple):
    """``jwt`` is empty where the server knows the user by the nkey alone."""

    jwt: str
    seed: str

    @property
    def text(self) -> str:
        """As a ``.creds`` file, in the one form that the client library reads."""
        return (
            f"-----BEGIN NATS USER JWT-----\n{self.jwt}\n------END NATS USER JWT------\n"
            f"-----BEGIN USER NKEY SEED-----\n{self.seed}\n------END USER NKEY SEED------\n"
        )


def read_credentials(content: bytes) -> Credentials:
    """What is in a file. Raises `ValueError`, without any of it in the words."""
    text = content.decode("ascii", "replace")
    jwt, seed = _JWT.search(text), _SEED.search(text)
    if seed is None or (_MARKED in text and jwt is None):
        raise ValueError("holds neither a user's JWT with its nkey nor the seed of a user's nkey")
    if not _is_whole(seed[1]):
        raise ValueError("holds the seed of an nkey that was mistyped: its checksum is another")
    return Credentials(jwt[1] if jwt else "", seed[1])


def _is_whole(seed: str) -> bool:
    try:
        _, key = nkeys.decode_seed(bytearray(seed.encode()))
    except nkeys.NkeysError:  # among others a third letter that is no prefix
        return False
    return bool(nkeys.encode_seed(key, nkeys.PREFIX_BYTE_USER).decode() == seed)
