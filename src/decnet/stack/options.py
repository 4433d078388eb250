"""TCP options as profiles write them: ``M,N,W,N,N,S`` → bytes with holes for what is known at run time only."""

from __future__ import annotations

import re
from typing import NamedTuple

LETTERS = "MWSTNE"
ABSENT = 0xFF
_ROOM = 40
_ENCODED = {
    "M": bytes((2, 4, 0, 0)),
    "W": bytes((3, 3, 0)),
    "S": bytes((4, 2)),
    "T": bytes((8, 10)) + bytes(8),
    "N": b"\1",
    "E": b"\0",
}
_VALUE = {"M": 2, "W": 2, "T": 2}
"""Letter → offset of its value within the option."""


class Encoded(NamedTuple):
    """Options as bytes, padded to words; where the values of M, W and T go, `ABSENT` without one."""

    raw: bytes
    mss_at: int
    scale_at: int
    stamp_at: int


class Options(str):
    """TCP options in their order: MSS, window scale, SACK permitted, time stamps, no-operation, end of list."""

    __slots__ = ()
    label = "TCP options"

    @classmethod
    def parse(cls, text: str) -> Options:
        """Letters of ``MWSTNE`` with commas; ``none`` for no options. Raises `ValueError`."""
        letters = "" if text.lower() == "none" else re.sub(r"[\s,]", "", text.upper())
        unknown = sorted(set(letters) - set(LETTERS))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no option; known: {', '.join(LETTERS)}")
        twice = [letter for letter in "MWST" if letters.count(letter) > 1]
        if twice:
            raise ValueError(f"the option {twice[0]} is there twice")
        options = cls(",".join(letters))
        encoded = options.encode_options()
        if len(encoded.raw) > _ROOM:
            raise ValueError(f"{len(encoded.raw)} bytes of options; a header has room for {_ROOM}")
        if any(at != ABSENT and at % 2 for at in (encoded.mss_at, encoded.stamp_at)):
            raise ValueError("M and T begin at an even byte: put N in front")
        return options

    @property
    def features(self) -> frozenset[str]:
        """Which of W, S and T are among them."""
        return frozenset(self) & frozenset("WST")

    def encode_options(self) -> Encoded:
        """The bytes, and the places to fill in."""
        raw, at = b"", dict.fromkeys("MWT", ABSENT)
        for letter in self.split(",") if self else ():
            if letter in at:
                at[letter] = len(raw) + _VALUE[letter]
            raw += _ENCODED[letter]
        return Encoded(raw + bytes(-len(raw) % 4), at["M"], at["W"], at["T"])
