"""Certificates and TLS contexts as functions of a seed: the same decoy shows the same certificate after each restart.

What a certificate looks like (subject, validity, extensions) and what its server offers comes from
templates/tls/styles.toml, one entry per software that makes certificates by itself.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401 (what to_thread would import later)
import ssl
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from string import Template

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import decnet
from decnet.draw import Draw
from decnet.services.keys import rsa_key
from decnet.services.service import Facts

_ATTRIBUTES = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one software makes its certificate, and what its TLS library is willing to speak."""

    subject: tuple[tuple[str, str], ...]
    days: int
    extensions: tuple[str, ...]
    ciphers: str
    issuer: tuple[tuple[str, str], ...] = ()
    late: int = 0
    oldest: str = "TLSv1_2"
    newest: str = "MAXIMUM_SUPPORTED"
    server_order: bool = False
    serial: int = 20
    bits: int = 2048


@cache
def styles() -> Mapping[str, Style]:
    """Every style by name."""
    path = Path(decnet.__file__).parent / "templates" / "tls" / "styles.toml"
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Style])


styles()  # read now: the process that serves opens no files once it has dropped its privileges


class Certificates:
    """The certificate of one service, made when it is first asked for, and the context that offers it."""

    def __init__(
        self, style: str, name: str, seed: bytes, facts: Facts, protocols: tuple[str, ...] = ()
    ) -> None:
        """``protocols`` are those agreed on by ALPN, "" for a server without ALPN. Raises `KeyError` for no style."""
        self.made = (style, name, seed, facts, protocols)
        self._style = styles()[style]
        self._name = name
        self._seed = seed
        self._facts = facts
        self._protocols = protocols
        self._context: asyncio.Task[ssl.SSLContext] | None = None

    async def context(self) -> ssl.SSLContext:
        """The server's context. The first call makes an RSA key in a thread (0.2 to 0.7 s); all others wait for it."""
        if self._context is None:
            self._context = asyncio.create_task(asyncio.to_thread(self._make))
        return await asyncio.shield(self._context)

    def _make(self) -> ssl.SSLContext:
        key, certificate = make(self._style, self._name, self._seed, self._facts)
        return context(self._style, key, certificate, self._protocols)


def make(style: Style, name: str, seed: bytes, facts: Facts) -> tuple[RSAPrivateKey, x509.Certificate]:
    """Key and certificate. Both are functions of the arguments: PKCS #1 v1.5 signatures draw nothing."""
    key = rsa_key(seed, "tls", style.bits)
    signer = rsa_key(seed, "tls issuer", style.bits) if style.issuer else key
    fqdn = f"{facts.hostname}.{facts.domain}" if facts.domain else facts.hostname
    words = {"cn": name[:64], "host": facts.hostname, "fqdn": fqdn[:64], "ip": facts.ip}
    begin = datetime.fromtimestamp(int(facts.installed) + style.late, UTC)
    serial = int.from_bytes(Draw(seed, "tls", "serial").bytes(style.serial), "big")
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(style.subject, words))
        .issuer_name(_name(style.issuer or style.subject, words))
        .public_key(key.public_key())
        .serial_number(serial >> 1 | 1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=style.days))
    )
    for extension in style.extensions:
        value, critical = _EXTENSIONS[extension](words, key)
        builder = builder.add_extension(value, critical=critical)
    return key, builder.sign(signer, hashes.SHA256())


def context(
    style: Style, key: RSAPrivateKey, certificate: x509.Certificate, protocols: tuple[str, ...] = ()
) -> ssl.SSLContext:
    """A server's context. OpenSSL reads keys from files only; a decoy process has a /tmp in memory, of its own."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion[style.oldest]
    made.maximum_version = ssl.TLSVersion[style.newest]
    made.set_ciphers(style.ciphers)
    if not style.server_order:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if protocols:
        made.set_alpn_protocols(list(protocols))
    pem = certificate.public_bytes(Encoding.PEM) + key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with tempfile.NamedTemporaryFile() as paper:
        paper.write(pem)
        paper.flush()
        made.load_cert_chain(paper.name)
    return made


def _name(parts: tuple[tuple[str, str], ...], words: Mapping[str, str]) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(_ATTRIBUTES[name], Template(value).substitute(words)) for name, value in parts]
    )


Extension = tuple[x509.ExtensionType, bool]
_Make = Callable[[Mapping[str, str], RSAPrivateKey], Extension]


def _usage(*, data: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        content_commitment=False,
        data_encipherment=data,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(*names: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in dict.fromkeys(names)])


_SERVER = ExtendedKeyUsageOID.SERVER_AUTH
_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
_EXTENSIONS: Mapping[str, _Make] = {
    "basic-no-ca": lambda _, __: (x509.BasicConstraints(ca=False, path_length=None), False),
    "basic-no-ca-critical": lambda _, __: (x509.BasicConstraints(ca=False, path_length=None), True),
    "basic-ca": lambda _, __: (x509.BasicConstraints(ca=True, path_length=None), True),
    "basic-ca-plain": lambda _, __: (x509.BasicConstraints(ca=True, path_length=None), False),
    "san": lambda words, _: (_names(words["cn"]), False),
    "san-host": lambda words, _: (_names(words["host"], words["fqdn"]), False),
    "san-asus": lambda _, __: (_names("router.asus.com", "www.asusnetwork.net"), False),
    "skid": lambda _, key: (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    "akid": lambda _, key: (x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False),
    "key-usage": lambda _, __: (_usage(data=False), False),
    "key-usage-critical": lambda _, __: (_usage(data=False), True),
    "eku-server": lambda _, __: (x509.ExtendedKeyUsage([_SERVER]), False),
    "eku-client-server": lambda _, __: (x509.ExtendedKeyUsage([_CLIENT, _SERVER]), False),
}
"""Extensions by the names that styles use."""
