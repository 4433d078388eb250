"""Which algorithms an OpenSSH of a given version offers, as far as they can be carried out here.

The lists are the servers' defaults, measured (Debian 12's) or taken from myproposal.h of the release; Red Hat's come
from its DEFAULT crypto policy. Their order is on the wire and part of HASSHServer.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cache
from hashlib import sha512
from typing import NamedTuple

from asyncssh.crypto import Curve25519DH
from asyncssh.kex import get_kex_algs, register_kex_alg
from asyncssh.kex_dh import _KexHybridECDH
from asyncssh.mac import get_mac_algs
from cryptography.utils import CryptographyDeprecationWarning

from decnet.services.ssh import exchange
from decnet.services.ssh.sntrup import Sntrup761

SNTRUP_OLD = "sntrup761x25519-sha512@openssh.com"
SNTRUP = "sntrup761x25519-sha512"
MLKEM = "mlkem768x25519-sha256"

warnings.filterwarnings("ignore", "Diffie-Hellman over finite fields", CryptographyDeprecationWarning)
"""Sshd offers it, whatever cryptography thinks of it."""

for _name in (SNTRUP, SNTRUP_OLD):
    if _name.encode() not in get_kex_algs():
        register_kex_alg(
            _name.encode(), _KexHybridECDH, sha512, (Sntrup761, b"sntrup761", Curve25519DH), False
        )
exchange.register()

CURVES = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
)
GROUPS = (
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
)
OLD_GROUPS = (
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group1-sha1",
)
POLICY_GROUPS = (
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
)
CTR = ("aes128-ctr", "aes192-ctr", "aes256-ctr")
GCM = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
CHACHA = "chacha20-poly1305@openssh.com"
OLD_CBC = ("aes128-cbc", "aes192-cbc", "aes256-cbc", "blowfish-cbc", "cast128-cbc", "3des-cbc")
MACS = (
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
)
POLICY_MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha1",
    "umac-128@openssh.com",
    "hmac-sha2-512",
)
KEX = (
    ((10, 0), (MLKEM, SNTRUP, SNTRUP_OLD, *CURVES)),
    ((9, 9), (SNTRUP, SNTRUP_OLD, MLKEM, *CURVES, *GROUPS)),
    ((9, 0), (SNTRUP_OLD, *CURVES, *GROUPS)),
    ((8, 9), (*CURVES, SNTRUP_OLD, *GROUPS)),
    ((8, 0), (*CURVES, *GROUPS)),
    ((0, 0), (*CURVES, *OLD_GROUPS)),
)
"""Key exchanges by the release that changed them."""
STRICT = "kex-strict-s-v00@openssh.com"
ECDSA = ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
SIGNATURES_9_2 = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    *ECDSA,
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-dss",
    "ssh-rsa",
    "rsa-sha2-256",
    "rsa-sha2-512",
)
SIGNATURES_7_4 = ("rsa-sha2-256", "rsa-sha2-512")


class Release(NamedTuple):
    """An OpenSSH release: ``(9, 2)``."""

    major: int
    minor: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server names in its KEXINIT and in its extension message (RFC 8308), names as bytes, in order.

    ``kex_markers`` are the entries of the kex list that are no algorithms.
    """

    kex: tuple[bytes, ...]
    kex_markers: tuple[bytes, ...]
    host_keys: tuple[bytes, ...]
    ciphers: tuple[bytes, ...]
    macs: tuple[bytes, ...]
    compression: tuple[bytes, ...]
    extensions: tuple[tuple[bytes, bytes], ...]


def release_of(ident: str) -> Release:
    """The OpenSSH release of a version string; 9.2 for what is no OpenSSH."""
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", ident)
    return Release(int(found[1]), int(found[2])) if found else Release(9, 2)


@cache
def offer(ident: str, family: str) -> Offer:
    """The lists of the server that calls itself ``ident`` on a distro of ``family``."""
    release = release_of(ident)
    policy = family == "rhel" and release >= (8, 0)
    return Offer(
        kex=_known(_kex(ident, release, policy=policy), get_kex_algs()),
        kex_markers=_markers(ident, release),
        host_keys=_encoded(_host_keys(release)),
        ciphers=_encoded(_ciphers(release, family, policy=policy)),
        macs=_known(POLICY_MACS if policy else MACS, get_mac_algs()),
        compression=(b"none", b"zlib@openssh.com"),
        extensions=_extensions(release),
    )


def _kex(ident: str, release: Release, *, policy: bool) -> tuple[str, ...]:
    if policy:
        return (*CURVES, *POLICY_GROUPS)
    found = next(names for since, names in KEX if release >= since)
    return (SNTRUP, *found) if found[0] == SNTRUP_OLD and _debian_update(ident) >= 3 else found


def _debian_update(ident: str) -> int:
    """Which security update of Debian 12 it is: from the third on it also has the kex of 9.9 by its short name."""
    found = re.search(r"deb12u(\d+)", ident)
    return int(found[1]) if found else 0


def _markers(ident: str, release: Release) -> tuple[bytes, ...]:
    """Strict kex (the answer to Terrapin) came with 9.6 and was brought back to the kept distributions."""
    patched = release >= (9, 6) or _debian_update(ident) >= 2 or "Ubuntu" in ident or "Debian" in ident
    if not patched:
        return ()
    return (b"ext-info-s", STRICT.encode()) if release >= (9, 6) else (STRICT.encode(),)


def _host_keys(release: Release) -> tuple[str, ...]:
    ends = ("ecdsa-sha2-nistp256", "ssh-ed25519")
    if release >= (8, 8):
        return ("rsa-sha2-512", "rsa-sha2-256", *ends)
    if release >= (7, 8):
        return ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", *ends)
    return ("ssh-rsa", "rsa-sha2-512", "rsa-sha2-256", *ends)


def _ciphers(release: Release, family: str, *, policy: bool) -> tuple[str, ...]:
    if policy:
        return ("aes256-gcm@openssh.com", CHACHA, "aes256-ctr", "aes128-gcm@openssh.com", "aes128-ctr")
    if release >= (9, 9):
        return (CHACHA, *GCM, *CTR)
    old = OLD_CBC if family == "rhel" else ()
    return (CHACHA, *CTR, *GCM, *old)


def _extensions(release: Release) -> tuple[tuple[bytes, bytes], ...]:
    signatures = SIGNATURES_9_2 if release >= (7, 8) else SIGNATURES_7_4
    found = [(b"server-sig-algs", ",".join(signatures).encode())]
    if release >= (8, 9):
        found.append((b"publickey-hostbound@openssh.com", b"0"))
    if release >= (9, 6):
        found.append((b"ping@openssh.com", b"0"))
    return tuple(found)


def _known(names: tuple[str, ...], able: list[bytes]) -> tuple[bytes, ...]:
    return tuple(name for name in _encoded(names) if name in able)


def _encoded(names: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(name.encode() for name in names)
