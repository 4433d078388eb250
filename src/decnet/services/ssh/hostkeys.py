"""A server's host keys: RSA, ECDSA and Ed25519 as ssh-keygen -A makes them, each a function of the decoy's seed."""

from __future__ import annotations

import asyncio
import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

import asyncssh
from asyncssh.public_key import SSHKey, SSHLocalKeyPair
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from decnet.services.keys import ecdsa_key, ed25519_key, rsa_key

RSA_BITS = 3072


def _be_nice() -> None:
    """The worker gives way to visitors, but is not starved (setpriority(2): 0 is the calling thread in Linux)."""
    with contextlib.suppress(PermissionError):  # whoever began the process was nicer still
        os.setpriority(os.PRIO_PROCESS, 0, 5)


_worker = ThreadPoolExecutor(1, "keys", initializer=_be_nice)
"""One for the whole process: an RSA key takes about a second."""


class HostKeys:
    """The keys of one server. The slow one is begun at the first connection, and waited for only where it is used."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._quick = (
            _imported(ecdsa_key(seed, "ssh host", ec.SECP256R1())),
            _imported(ed25519_key(seed, "ssh host")),
        )
        self._slow: asyncio.Future[SSHKey] | None = None

    @property
    def quick(self) -> list[SSHKey]:
        """The keys that cost nothing to make."""
        return list(self._quick)

    def begin(self) -> None:
        """Start to make the RSA key, once."""
        if self._slow is None:
            self._slow = asyncio.get_running_loop().run_in_executor(_worker, self._make)

    async def pairs(self, *, wait: float) -> list[SSHLocalKeyPair]:
        """Fresh key pairs in the order of sshd's HostKey lines: those that are there after ``wait`` seconds at most."""
        self.begin()
        if wait and self._slow is not None:
            await asyncio.wait([self._slow], timeout=wait)
        done = self._slow is not None and self._slow.done()
        slow = [self._slow.result()] if done and self._slow is not None else []
        return [SSHLocalKeyPair(key, None, None, None) for key in (*slow, *self._quick)]

    def _make(self) -> SSHKey:
        return _imported(rsa_key(self._seed, "ssh host", RSA_BITS))


def _imported(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> SSHKey:
    return asyncssh.import_private_key(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
