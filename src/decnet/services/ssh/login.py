"""Who gets in, and how long the answer takes: sshd's authentication (RFC 4252, RFC 4256) as PAM paces it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asyncssh.auth import (
    MSG_USERAUTH_INFO_REQUEST,
    MSG_USERAUTH_INFO_RESPONSE,
    MSG_USERAUTH_PK_OK,
    Auth,
)
from asyncssh.packet import Boolean, SSHPacket, String, UInt32
from asyncssh.public_key import KeyImportError, SSHKey, decode_ssh_public_key

from decnet.draw import Draw
from decnet.events import EventType

if TYPE_CHECKING:
    from decnet.services.ssh.connection import Connection

MAX_TRIES = 6
"""MaxAuthTries of sshd_config(5)."""
PAM_SECONDS = 2.0
"""What pam_unix asks of pam_fail_delay(3)."""
KEY_TEXT_LIMIT = 64 * 1024
"""Bytes of an authorized_keys file that are looked at."""
HOSTBOUND = "publickey-hostbound-v00@openssh.com"
"""A publickey request that also names the server's key (PROTOCOL of OpenSSH, section 3.1)."""


@dataclass(frozen=True, slots=True)
class Door:
    """What all connections of a server share on the way in.

    ``passwords`` by user. ``keys(user)`` is the text of that user's authorized_keys, empty for who has none.
    """

    passwords: Mapping[str, str]
    methods: tuple[str, ...]
    banner: str
    pam: bool
    seed: bytes
    keys: Callable[[str], bytes]
    delays: Draw


@dataclass(slots=True)
class Login:
    """One connection on its way in."""

    door: Door
    user: str | None = None
    failures: int = 0
    requests: int = 0
    tries: int = MAX_TRIES

    @property
    def methods(self) -> tuple[str, ...]:
        """What is on offer."""
        return self.door.methods

    @property
    def banner(self) -> str:
        """Text shown before login."""
        return self.door.banner

    def accepts(self, password: str) -> bool:
        """Whether the password is the user's; the time it takes tells nothing of either."""
        known = self.door.passwords.get(self.user or "", "")
        given = password.encode("utf-8", "surrogateescape")
        return hmac.compare_digest(known.encode() or b"\0", given)

    def refusal_seconds(self) -> float:
        """How long a wrong password takes: _pam_compute_delay averages three draws, from half to one and a half."""
        if not self.door.pam:
            return self.check_seconds() + self.floor_seconds()
        drawn = sum(self.door.delays.integer(0, 999_999) for _ in range(3)) / 3e6
        return PAM_SECONDS * (0.5 + drawn)

    def check_seconds(self) -> float:
        """How long hashing a password takes on this machine: 40 to 110 ms, and a little noise."""
        machine = Draw(self.door.seed, "crypt").integer(40_000, 110_000)
        return (machine + self.door.delays.integer(0, 6_000)) / 1e6

    def floor_seconds(self) -> float:
        """The least that any refusal takes: 5 ms and up to 4 more that depend on the user (user_specific_delay)."""
        digest = hashlib.sha512(
            self.door.seed + (self.user or "").encode("utf-8", "surrogateescape")
        ).digest()
        return 0.005 + int.from_bytes(digest[:4], "big") / 2**32 * 0.0042


class Attempt(Auth):
    """One userauth request, with the messages that belong to it."""

    def __init__(self, connection: Connection, method: str) -> None:
        # Not Auth.__init__: it starts a task, and requests are answered one after the other.
        self._conn = connection
        self._logger = connection.logger
        self._connection = connection
        self._login = connection.login
        self._method = method
        self._cancelled = False

    def cancel(self) -> None:
        """Another request came, or the client has gone."""
        self._cancelled = True

    async def begin(self, packet: SSHPacket) -> None:
        """Answer the request, or ask on."""
        self._login.requests += 1
        offered = self._method in self._login.methods
        if self._method in ("publickey", HOSTBOUND) and "publickey" in self._login.methods:
            await self._publickey(packet)
        elif self._method == "password" and offered:
            changing = packet.get_boolean()
            password = packet.get_string()
            await self._password(password, pending=changing)
        elif self._method == "keyboard-interactive" and offered:
            prompt = String("Password: ") + Boolean(False)
            self._connection.send_packet(
                MSG_USERAUTH_INFO_REQUEST, String(""), String(""), String(""), UInt32(1), prompt, handler=self
            )
        else:
            first = self._method == "none" and self._login.requests == 1
            if self._method != "none":
                await asyncio.sleep(self._login.floor_seconds())
            self._refuse(counts=not first)

    async def _password(self, secret: bytes, *, pending: bool = False) -> None:
        """``pending``: the client wants to change its password, which sshd does not do here."""
        password = secret.decode("utf-8", "surrogateescape")
        accepted = not pending and self._login.accepts(password)
        self._tell(password, "plaintext", accepted=accepted)
        await asyncio.sleep(self._login.check_seconds() if accepted else self._login.refusal_seconds())
        await self._answer(accepted=accepted)

    async def _take_response(self, _pkttype: int, _pktid: int, packet: SSHPacket) -> None:
        count = packet.get_uint32()
        if count != 1:
            self._refuse(counts=True)
            return
        await self._password(packet.get_string())

    async def _publickey(self, packet: SSHPacket) -> None:
        signed = packet.get_boolean()
        algorithm, blob = packet.get_string(), packet.get_string()
        if self._method == HOSTBOUND:
            packet.get_string()
        message = packet.get_consumed_payload()
        signature = packet.get_string() if signed else b""
        key = _public_key(blob)
        trusted = key is not None and _listed(blob, self._login.door.keys(self._login.user or ""))
        if trusted and not signed:
            self._connection.send_packet(MSG_USERAUTH_PK_OK, String(algorithm), String(blob), handler=self)
            return
        accepted = (
            trusted
            and key is not None
            and key.verify(String(self._connection.session_id) + message, signature)
        )
        fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        self._tell(fingerprint, "publickey", accepted=accepted, key_type=algorithm)
        if not accepted:
            await asyncio.sleep(self._login.floor_seconds())
        await self._answer(accepted=accepted)

    def _tell(self, secret: str, kind: str, *, accepted: bool, **more: Any) -> None:
        self._connection.session.emit(
            EventType.AUTH,
            principal=self._login.user or "",
            secret=secret,
            secret_kind=kind,
            method=self._method,
            outcome="accepted" if accepted else "refused",
            **more,
        )

    async def _answer(self, *, accepted: bool) -> None:
        if not accepted:
            self._refuse(counts=True)
        elif self._connection.alive and not self._cancelled:
            await self._connection.send_userauth_success()

    def _refuse(self, *, counts: bool) -> None:
        if self._connection.alive and not self._cancelled:
            self._connection.refuse(counts=counts)

    _packet_handlers = {MSG_USERAUTH_INFO_RESPONSE: _take_response}  # noqa: RUF012 (the library's own form)


def _public_key(blob: bytes) -> SSHKey | None:
    """The key of a blob; None for one that is malformed or of a kind that is not known."""
    try:
        return decode_ssh_public_key(blob)
    except (KeyImportError, ValueError, OverflowError):
        return None


def _listed(blob: bytes, authorized: bytes) -> bool:
    """Whether a line of an authorized_keys file (sshd(8)) holds the key."""
    wanted = base64.b64encode(blob)
    return any(
        wanted in line.split()
        for line in authorized[:KEY_TEXT_LIMIT].splitlines()
        if line and not line.startswith(b"#")
    )
