"""Deterministic draws: every choice and every identity is a function of a key and a purpose.

Nothing in decnet asks a clock or an unseeded generator. A `Draw` is a stream of bytes (SHAKE-256 over key and
purpose); the same key and purpose give the same draws on any machine and any Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A stream of draws for one purpose. Draws advance the stream; `child` starts an independent one."""

    __slots__ = ("_block", "_buffer", "_key")

    def __init__(self, key: bytes, *purpose: str) -> None:
        digest = hashlib.blake2b(key=hashlib.blake2b(key, digest_size=32).digest(), digest_size=32)
        for word in purpose:
            encoded = word.encode()
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        self._key = digest.digest()
        self._block = 0
        self._buffer = b""

    def child(self, *purpose: str) -> Draw:
        """An independent stream: what it gives depends on the key and the words only, not on earlier draws."""
        return Draw(self._key, *purpose)

    def bytes(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        while len(self._buffer) < count:
            self._buffer += hashlib.blake2b(self._block.to_bytes(8, "big"), key=self._key).digest()
            self._block += 1
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def integer(self, low: int, high: int) -> int:
        """A whole number, both ends included. The bias of the modulo is below 2**-64."""
        return low + int.from_bytes(self.bytes(16), "big") % (high - low + 1)

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return int.from_bytes(self.bytes(8), "big") < probability * 2**64

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]

    def sample(self, options: Sequence[T], count: int) -> list[T]:
        """``count`` different options (all of them when there are fewer), in drawn order."""
        left = list(options)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in range(min(count, len(left)))]

    def hex(self, count: int) -> str:
        """``count`` bytes as lower-case hex."""
        return self.bytes(count).hex()
