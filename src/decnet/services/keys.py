"""Private keys as functions of a seed: the same decoy has the same keys after every restart and on every machine.

An Ed25519 or P-256 key costs microseconds; an RSA key of 2048 bits about 0.2 s, of 3072 bits about 1 s (measured).
Callers make RSA keys when they are first asked for, off the event loop.
"""

from __future__ import annotations

from Crypto.PublicKey import RSA
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from decnet.draw import Draw


def ed25519_key(seed: bytes, purpose: str) -> ed25519.Ed25519PrivateKey:
    """An Ed25519 key (RFC 8032): its private half is 32 drawn bytes."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(Draw(seed, "ed25519", purpose).bytes(32))


def ecdsa_key(seed: bytes, purpose: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    """A key on a NIST curve. 64 bits more than the curve has make the bias negligible (FIPS 186-5 A.2.1)."""
    drawn = int.from_bytes(Draw(seed, "ecdsa", curve.name, purpose).bytes(curve.key_size // 8 + 8), "big")
    return ec.derive_private_key(drawn % (_ORDERS[curve.name] - 1) + 1, curve)


def rsa_key(seed: bytes, purpose: str, bits: int) -> rsa.RSAPrivateKey:
    """An RSA key with e = 65537. Slow: see the module's figures."""
    made = RSA.generate(bits, randfunc=Draw(seed, "rsa", str(bits), purpose).bytes)
    p, q, d = int(made.p), int(made.q), int(made.d)
    remainders = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    public = rsa.RSAPublicNumbers(int(made.e), int(made.n))
    return rsa.RSAPrivateNumbers(p, q, d, *remainders, public).private_key()


_ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16
    ),
}
"""Group orders n (SEC 2, sections 2.4.2 and 2.5.1)."""
