"""TLS to a server: certificates come as bytes, for the process that uses them can open no file of root's."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator

from decnet.events.sinks.setting import Secured

_PEM_KEY = b"PRIVATE KEY-----"


class CertificateError(OSError):
    """A certificate or a key cannot be used; ``part`` says which: ``ca``, ``cert`` or ``key``."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(message)
        self.part = part


def client_context(setting: Secured) -> ssl.SSLContext:
    """A context that verifies the server as the setting says. Raises `CertificateError`."""
    context = ssl.create_default_context()
    if setting.ca:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=setting.ca.decode("ascii"))
        except (ssl.SSLError, UnicodeDecodeError, ValueError):
            raise CertificateError("ca", "holds no certificate in PEM") from None
    if not setting.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if setting.cert:
        _load_own(context, setting)
    return context


def _load_own(context: ssl.SSLContext, setting: Secured) -> None:
    if b"ENCRYPTED" in setting.key:
        raise CertificateError("key", "is encrypted; a key without a passphrase is needed")
    if _PEM_KEY not in setting.key:
        raise CertificateError("key", "holds no private key in PEM")
    try:
        ssl.PEM_cert_to_DER_cert(_first_certificate(setting.cert))
    except (ValueError, UnicodeDecodeError):
        raise CertificateError("cert", "holds no certificate in PEM") from None
    with _named(setting.cert) as certificate, _named(setting.key) as key:
        try:
            context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError as error:
            if "MISMATCH" in (error.reason or ""):
                raise CertificateError("key", "does not belong to the certificate") from None
            raise CertificateError("cert", f"cannot be used: {error.reason or 'malformed'}") from None


def _first_certificate(pem: bytes) -> str:
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    start = pem.index(begin)
    return pem[start : pem.index(end, start) + len(end)].decode("ascii")


@contextlib.contextmanager
def _named(content: bytes) -> Iterator[str]:
    """The path of a file in memory: the library reads certificates from files only."""
    memory = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(memory, content)
        yield f"/proc/self/fd/{memory}"
    finally:
        os.close(memory)
