"""Who may log in: SASL PLAIN (RFC 4616), LOGIN and CRAM-MD5 (RFC 2195), at the pace of PAM."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import NamedTuple

from decnet.draw import Draw
from decnet.services.accounts import Credential

PAM_SECONDS = 2.0
"""What pam_unix asks of pam_fail_delay(3) after a wrong password."""
TARPIT_SECONDS = 5.0
"""How long Exchange holds a failed log-in back (TarpitInterval of a receive connector)."""


class Attempt(NamedTuple):
    """What a client claimed: a name, and a password or what proves one."""

    principal: str
    secret: str
    kind: str = "plaintext"
    challenge: str = ""


class Door:
    """The accounts of a server. Names may be given with the server's domain."""

    def __init__(self, users: Iterable[Credential], domains: frozenset[str], seed: bytes) -> None:
        self._passwords = {user.name.lower(): user.password for user in users}
        self._domains = domains
        self._delays = Draw(seed, "smtp", "delays")
        self._check = Draw(seed, "crypt").integer(40_000, 110_000)

    def accepts(self, attempt: Attempt) -> bool:
        """Whether the secret is that of the account; the time it takes tells nothing."""
        name, _, domain = attempt.principal.lower().partition("@")
        if domain and domain not in self._domains:
            name = ""
        password = self._passwords.get(name, "")
        expected = password
        if attempt.kind == "cram_md5":
            key, challenge = password.encode(), attempt.challenge.encode()
            expected = hmac.new(key, challenge, hashlib.md5).hexdigest()
        given = attempt.secret.encode("utf-8", "surrogateescape")
        return hmac.compare_digest(expected.encode(), given) and bool(password)

    def seconds(self, *, accepted: bool, tarpit: bool) -> float:
        """How long the answer takes: a hash, or what PAM adds (three draws, half to one and a half times its delay)."""
        if accepted:
            return (self._check + self._delays.integer(0, 6_000)) / 1e6
        if tarpit:
            return TARPIT_SECONDS + self._delays.integer(1_000, 30_000) / 1e6
        return PAM_SECONDS * (0.5 + sum(self._delays.integer(0, 999_999) for _ in range(3)) / 3e6)


def decode(text: str) -> bytes | None:
    """Base64 with its padding, ``=`` for nothing (RFC 4954 section 4); None for what is none."""
    if text == "=":
        return b""
    try:
        return base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None


def encode(text: str) -> str:
    """Text in base64."""
    return base64.b64encode(text.encode()).decode()


def plain(data: bytes) -> Attempt | None:
    """The claim of a PLAIN message; None where it is malformed, or speaks for somebody else."""
    parts = data.split(b"\0")
    if len(parts) != _PLAIN_PARTS:
        return None
    return Attempt(_text(parts[1]), _text(parts[2]))


def cram(data: bytes, challenge: str) -> Attempt | None:
    """The claim of a CRAM-MD5 response, a name and a digest in hex."""
    name, space, digest = _text(data).rpartition(" ")
    return Attempt(name, digest, "cram_md5", challenge) if space else None


def login(name: bytes, password: bytes) -> Attempt:
    """The claim of a LOGIN exchange."""
    return Attempt(_text(name), _text(password))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


_PLAIN_PARTS = 3
