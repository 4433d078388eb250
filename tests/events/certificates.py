"""A certificate authority with a server and a client, as files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(f"Test {name}")
        made = self._begin(self.name, self.key).add_extension(
            x509.BasicConstraints(True, None), critical=True
        )
        self.certificate = made.sign(self.key, hashes.SHA256())
        (folder / f"{name}.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, common: str, *addresses: str, passphrase: bytes = b"") -> None:
        """``name.pem`` and ``name.key``."""
        key = ec.generate_private_key(ec.SECP256R1())
        others = [x509.DNSName(common), *(x509.IPAddress(ip_address(one)) for one in addresses)]
        made = self._begin(_name(common), key).add_extension(
            x509.SubjectAlternativeName(others), critical=False
        )
        certificate = made.sign(self.key, hashes.SHA256())
        locked = (
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        )
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{name}.key").write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
        )

    def _begin(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
        )


def write(folder: Path) -> Path:
    """``ca.pem``, ``server``, ``client``; ``other-ca.pem`` that has signed none of them."""
    folder.mkdir(exist_ok=True)
    authority = Authority(folder)
    authority.issue("server", "logs.example", "127.0.0.1")
    authority.issue("client", "shipper.example")
    authority.issue("locked", "shipper.example", passphrase=b"secret")
    Authority(folder, "other-ca")
    return folder
