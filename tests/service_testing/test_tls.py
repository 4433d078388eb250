"""Certificates from a seed."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from decnet.services import Facts, tls

FACTS = Facts(
    "web01", "example.com", "198.51.100.10", "linux", "debian", "UTC", 1_760_000_000.0, 1_770_000_000.0
)


@pytest.mark.parametrize("style", tls.styles())
def test_a_style_makes_a_certificate_that_openssl_loads(style: str) -> None:
    found = tls.styles()[style]
    key, certificate = tls.make(found, "web01.example.com", b"s" * 32, FACTS)
    context = tls.context(found, key, certificate)
    assert context.get_ciphers()
    assert certificate.not_valid_before_utc >= datetime.fromtimestamp(FACTS.installed, UTC)
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == found.days


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_certificate() -> None:
    style = tls.styles()["debian"]

    def made(seed: bytes) -> bytes:
        return tls.make(style, "web01.example.com", seed, FACTS)[1].public_bytes(Encoding.DER)

    assert made(b"a" * 32) == made(b"a" * 32)
    assert made(b"a" * 32) != made(b"b" * 32)


def test_debian_looks_like_ssl_cert_snakeoil() -> None:
    _, certificate = tls.make(tls.styles()["debian"], "web01.example.com", b"a" * 32, FACTS)
    assert (
        certificate.subject.rfc4514_string() == certificate.issuer.rfc4514_string() == "CN=web01.example.com"
    )
    assert [extension.oid._name for extension in certificate.extensions] == [
        "basicConstraints",
        "subjectAltName",
    ]
