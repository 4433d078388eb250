"""The server's half of Streamlined NTRU Prime 761 (NTRU Prime round 3, sections 4 and 5): a fresh secret, encapsulated.

A product in Z[x]/(x^761 - x - 1) is a product of big integers (Kronecker substitution with limbs of 32 bits: a
coefficient of a product is at most 286 * 4590 < 2**21), 0.7 ms in all. Not constant in time: the secrets are those of a
session that is recorded anyway.
"""

from __future__ import annotations

import secrets
import sys
from array import array
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha512

P = 761
Q = 4591
WEIGHT = 286
HALF = (Q - 1) // 2
LIMB = 4
"""Bytes a coefficient takes in a packed polynomial: those of an unsigned int, "I"."""
_ABOVE = Q << 10
"""Added to each coefficient of a product: a multiple of Q that leaves none of them below zero."""
_UNMADE = (b"", b"")


class Sntrup761:
    """A KEM in the shape that the hybrid key exchange (draft-josefsson-ntruprime-ssh) asks for; sizes in bytes."""

    pubkey_bytes = 1158
    privkey_bytes = 1763
    ciphertext_bytes = 1039
    secret_bytes = 32

    def __init__(self, alg_name: bytes) -> None:
        if alg_name != b"sntrup761":
            raise ValueError(f"no such parameter set: {alg_name!r}")
        self._made = _UNMADE

    def get_public(self) -> bytes:
        """Raises `NotImplementedError`: only a client makes keys."""
        raise NotImplementedError

    def encaps(self, peer_public: bytes) -> tuple[bytes, bytes]:
        """A shared secret and its ciphertext. Raises `ValueError` for a key of the wrong size."""
        return self._made if self._made is not _UNMADE else encapsulate(peer_public, _short())

    async def prepare(self, peer_public: bytes, rest: Callable[[], Awaitable[None]]) -> None:
        """Make what `encaps` is going to give, with a rest after each piece. Raises as it does."""
        for made in steps(peer_public):
            self._made = made
            await rest()

    def decaps(self, ciphertext: bytes) -> bytes:
        """Raises `NotImplementedError`: only a client has a private key."""
        raise NotImplementedError


def encapsulate(public: bytes, short: list[int]) -> tuple[bytes, bytes]:
    """Secret and ciphertext for a public key and a small polynomial of weight 286."""
    *_, made = steps(public, short)
    return made


def steps(public: bytes, short: list[int] | None = None) -> Iterator[tuple[bytes, bytes]]:
    """The same in pieces of less than a millisecond; what the last one gives counts.

    Raises `ValueError` for a key of the wrong size.
    """
    if len(public) != Sntrup761.pubkey_bytes:
        raise ValueError(f"a public key has {Sntrup761.pubkey_bytes} bytes, not {len(public)}")
    if short is None:
        short = _short()
        yield _UNMADE
    key = [value - HALF for value in decode(public, [Q] * P)]
    yield _UNMADE
    product = multiply(key, short)
    yield _UNMADE
    packed = encode(
        [(value + HALF + 1) // 3 for value in product], [(Q + 2) // 3] * P
    )  # the nearest multiple of 3
    inputs = _hash(3, _pack_small(short))
    ciphertext = packed + _hash(2, inputs + _hash(4, public))
    yield _hash(1, inputs + ciphertext), ciphertext


def multiply(dense: list[int], short: list[int]) -> list[int]:
    """The product modulo x^761 - x - 1 and 4591, coefficients from -2295 to 2295."""
    return _reduced(_product(dense, short))


def _product(dense: list[int], short: list[int]) -> array[int]:
    factor = _packed([int(value == 1) for value in short]) - _packed([int(value == -1) for value in short])
    return _unpacked(_packed([value % Q for value in dense]) * factor + _packed([_ABOVE] * (2 * P - 1)))


def _reduced(full: array[int]) -> list[int]:
    high = full[P:]
    folded = zip(full[:P], [*high, 0], [0, *high], strict=True)  # x^761 is x + 1
    return [(low + once + again + HALF) % Q - HALF for low, once, again in folded]


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
    """As the reference draws it: random numbers, sorted; two bits of each are the coefficient, of 286 not zero."""
    drawn = array("I", secrets.token_bytes(LIMB * P))
    marked = [value & ~1 for value in drawn[:WEIGHT]] + [value & ~3 | 1 for value in drawn[WEIGHT:]]
    return [(value & 3) - 1 for value in sorted(marked)]


def _pack_small(short: list[int]) -> bytes:
    digits = [value + 1 for value in short] + [0] * (-P % 4)
    return bytes(
        digits[at] | digits[at + 1] << 2 | digits[at + 2] << 4 | digits[at + 3] << 6
        for at in range(0, len(digits), 4)
    )


def _packed(values: list[int]) -> int:
    return int.from_bytes(array("I", values).tobytes(), sys.byteorder)


def _unpacked(product: int) -> array[int]:
    return array("I", product.to_bytes(LIMB * (2 * P - 1), sys.byteorder))


def _hash(prefix: int, data: bytes) -> bytes:
    return sha512(bytes((prefix,)) + data).digest()[:32]
