"""Users that a NATS server knows by their nkeys: alone, or through the JWTs of an operator and an account."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass

import nkeys

NO_LIMIT = dict.fromkeys(
    (
        "subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage", "disk_storage", "streams",
        "consumer",
    ),
    -1,
)  # fmt: skip


@dataclass(frozen=True)
class Key:
    """An nkey: what only its owner has, and what others know it by."""

    seed: str

    @classmethod
    def new(cls, prefix: int) -> Key:
        return cls(nkeys.encode_seed(os.urandom(32), prefix).decode())

    @property
    def pair(self) -> nkeys.KeyPair:
        return nkeys.from_seed(bytearray(self.seed.encode()))

    @property
    def public(self) -> str:
        return self.pair.public_key.decode()

    def signed(self, subject: Key, claims: dict) -> str:
        """A JWT by which this key vouches for another one."""
        body = {"jti": "x", "iat": 1_700_000_000, "iss": self.public, "sub": subject.public, "name": "decoys"}
        parts = [{"typ": "JWT", "alg": "ed25519-nkey"}, {**body, "nats": {**claims, "version": 2}}]
        text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_base64(self.pair.sign(text.encode()))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def user_by_nkey() -> tuple[str, str]:
    """Configuration of a server, and what the file of its user holds."""
    user = Key.new(nkeys.PREFIX_BYTE_USER)
    return f"authorization {{ users: [ {{ nkey: {user.public} }} ] }}", f"{user.seed}\n"


def user_by_jwt() -> tuple[str, str]:
    """The same for a server that trusts an operator, as those of Synadia and of `nsc` do."""
    operator, system, account, user = (
        Key.new(prefix)
        for prefix in (nkeys.PREFIX_BYTE_OPERATOR, *[nkeys.PREFIX_BYTE_ACCOUNT] * 2, nkeys.PREFIX_BYTE_USER)
    )
    accounts = [
        f"{one.public}: {operator.signed(one, {'type': 'account', 'limits': {**limits, 'wildcards': True}})}"
        for one, limits in ((account, NO_LIMIT), (system, {**NO_LIMIT, "mem_storage": 0, "disk_storage": 0}))
    ]
    config = (
        f"operator: {operator.signed(operator, {'type': 'operator'})}\nsystem_account: {system.public}\n"
        f"resolver: MEMORY\nresolver_preload: {{\n" + "\n".join(accounts) + "\n}"
    )
    jwt = account.signed(user, {"type": "user", "subs": -1, "data": -1, "payload": -1})
    creds = (
        f"-----BEGIN NATS USER JWT-----\r\n{jwt}\r\n------END NATS USER JWT------\r\n\r\n"
        "************************* IMPORTANT *************************\r\n\r\n"
        f"-----BEGIN USER NKEY SEED-----\r\n{user.seed}\r\n------END USER NKEY SEED------\r\n"
    )
    return config, creds
