"""The server's half of Streamlined NTRU Prime 761 (NTRU Prime round 3, sections 4 and 5): a fresh secret, encapsulated.

A product in Z[x]/(x^761 - x - 1) is two products of big integers (Kronecker substitution with limbs of 24 bits: a
coefficient of a product is at most 286 * 4590 < 2**24), about 1 ms in all. Not constant in time: the secrets are
those of a session that is recorded anyway.
"""

from __future__ import annotations

import secrets
from hashlib import sha512
from random import SystemRandom

P = 761
Q = 4591
WEIGHT = 286
HALF = (Q - 1) // 2
LIMB = 3
"""Bytes a coefficient takes in a packed polynomial."""

_random = SystemRandom()


class Sntrup761:
    """A KEM in the shape that the hybrid key exchange (draft-josefsson-ntruprime-ssh) asks for; sizes in bytes."""

    pubkey_bytes = 1158
    privkey_bytes = 1763
    ciphertext_bytes = 1039
    secret_bytes = 32

    def __init__(self, alg_name: bytes) -> None:
        if alg_name != b"sntrup761":
            raise ValueError(f"no such parameter set: {alg_name!r}")

    def get_public(self) -> bytes:
        """Raises `NotImplementedError`: only a client makes keys."""
        raise NotImplementedError

    def encaps(self, peer_public: bytes) -> tuple[bytes, bytes]:
        """A shared secret and its ciphertext. Raises `ValueError` for a key of the wrong size."""
        return encapsulate(peer_public, _short())

    def decaps(self, ciphertext: bytes) -> bytes:
        """Raises `NotImplementedError`: only a client has a private key."""
        raise NotImplementedError


def encapsulate(public: bytes, short: list[int]) -> tuple[bytes, bytes]:
    """Secret and ciphertext for a public key and a small polynomial of weight 286."""
    if len(public) != Sntrup761.pubkey_bytes:
        raise ValueError(f"a public key has {Sntrup761.pubkey_bytes} bytes, not {len(public)}")
    key = [value - HALF for value in decode(public, [Q] * P)]
    rounded = [_rounded(value) for value in multiply(key, short)]
    packed = encode([(value + HALF) // 3 for value in rounded], [(Q + 2) // 3] * P)
    inputs = _hash(3, _pack_small(short))
    ciphertext = packed + _hash(2, inputs + _hash(4, public))
    return _hash(1, inputs + ciphertext), ciphertext


def multiply(dense: list[int], short: list[int]) -> list[int]:
    """The product modulo x^761 - x - 1 and 4591, coefficients from -2295 to 2295."""
    packed = _packed([value % Q for value in dense])
    added = _unpacked(packed * _packed([int(value == 1) for value in short]))
    taken = _unpacked(packed * _packed([int(value == -1) for value in short]))
    full = [plus - minus for plus, minus in zip(added, taken, strict=True)]
    for position in range(2 * P - 2, P - 1, -1):
        full[position - P] += full[position]
        full[position - P + 1] += full[position]
    return [(value + HALF) % Q - HALF for value in full[:P]]


def encode(values: list[int], moduli: list[int]) -> bytes:
    """Numbers below their moduli as bytes (NTRU Prime, "Encode"): pairs are joined until one is left."""
    out = bytearray()
    while len(values) > 1:
        joined: list[int] = []
        limits: list[int] = []
        for position in range(0, len(values) - 1, 2):
            value = values[position] + values[position + 1] * moduli[position]
            limit = moduli[position] * moduli[position + 1]
            while limit >= 16384:
                out.append(value & 0xFF)
                value >>= 8
                limit = (limit + 255) >> 8
            joined.append(value)
            limits.append(limit)
        if len(values) % 2:
            joined.append(values[-1])
            limits.append(moduli[-1])
        values, moduli = joined, limits
    value, limit = values[0], moduli[0]
    while limit > 1:
        out.append(value & 0xFF)
        value >>= 8
        limit = (limit + 255) >> 8
    return bytes(out)


def decode(data: bytes, moduli: list[int]) -> list[int]:
    """The numbers back; bytes that no encoder makes give numbers all the same, as in the reference."""
    levels: list[tuple[list[int], list[tuple[int, int]]]] = []
    at = 0
    while len(moduli) > 1:
        limits: list[int] = []
        bottoms: list[tuple[int, int]] = []
        for position in range(0, len(moduli) - 1, 2):
            limit, value, scale = moduli[position] * moduli[position + 1], 0, 1
            while limit >= 16384:
                value += data[at] * scale
                at, scale, limit = at + 1, scale << 8, (limit + 255) >> 8
            limits.append(limit)
            bottoms.append((value, scale))
        if len(moduli) % 2:
            limits.append(moduli[-1])
        levels.append((moduli, bottoms))
        moduli = limits
    values = [int.from_bytes(data[at:], "little") % moduli[0]]
    for moduli, bottoms in reversed(levels):
        wider: list[int] = []
        for position, (value, scale) in enumerate(bottoms):
            high, low = divmod(value + scale * values[position], moduli[2 * position])
            wider += (low, high % moduli[2 * position + 1])
        if len(moduli) % 2:
            wider.append(values[-1])
        values = wider
    return values


def _short() -> list[int]:
    short = [0] * P
    for position in _random.sample(range(P), WEIGHT):
        short[position] = 1 - 2 * secrets.randbits(1)
    return short


def _rounded(value: int) -> int:
    """The nearest multiple of 3."""
    return value - ((value + 1) % 3 - 1)


def _pack_small(short: list[int]) -> bytes:
    digits = [value + 1 for value in short] + [0] * (-P % 4)
    return bytes(
        digits[at] | digits[at + 1] << 2 | digits[at + 2] << 4 | digits[at + 3] << 6
        for at in range(0, len(digits), 4)
    )


def _packed(values: list[int]) -> int:
    return int.from_bytes(b"".join(value.to_bytes(LIMB, "little") for value in values), "little")


def _unpacked(product: int) -> list[int]:
    data = product.to_bytes(LIMB * 2 * P, "little")
    return [int.from_bytes(data[at : at + LIMB], "little") for at in range(0, LIMB * (2 * P - 1), LIMB)]


def _hash(prefix: int, data: bytes) -> bytes:
    return sha512(bytes((prefix,)) + data).digest()[:32]
