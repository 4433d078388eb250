"""Glob patterns as KEYS, SCAN, PSUBSCRIBE and CONFIG GET read them (stringmatchlen of redis)."""

from __future__ import annotations

import re
from functools import lru_cache

PATTERN_LIMIT = 1024
"""Bytes of a pattern that are looked at; a longer one matches nothing."""


@lru_cache(maxsize=256)
def glob(pattern: bytes, *, fold: bool = False) -> re.Pattern[bytes]:
    """A compiled pattern; use its ``fullmatch``.

    Each star becomes an atomic group up to the literal that follows it, so that matching costs at most pattern × text
    and no pattern of an attacker makes it run away.
    """
    if len(pattern) > PATTERN_LIMIT:
        return re.compile(rb"(?!)")
    tokens = _tokens(pattern)
    parts: list[bytes] = []
    for position, run in enumerate(tokens):
        text = b"".join(run)
        if position == 0:
            parts.append(text)
        elif position == len(tokens) - 1:
            parts.append(rb".*" + text)
        else:
            parts.append(b"(?>.*?" + text + b")")
    return re.compile(b"".join(parts), re.DOTALL | (re.IGNORECASE if fold else 0))


def _tokens(pattern: bytes) -> list[list[bytes]]:
    """Runs of one-character tokens, split at the stars."""
    runs: list[list[bytes]] = [[]]
    at = 0
    while at < len(pattern):
        byte = pattern[at : at + 1]
        at += 1
        if byte == b"*":
            if runs[-1] or len(runs) == 1:
                runs.append([])
        elif byte == b"?":
            runs[-1].append(b".")
        elif byte == b"[":
            token, at = _class(pattern, at)
            runs[-1].append(token)
        else:
            if byte == b"\\" and at < len(pattern):
                byte = pattern[at : at + 1]
                at += 1
            runs[-1].append(re.escape(byte))
    return runs


def _class(pattern: bytes, at: int) -> tuple[bytes, int]:
    """A bracket expression from behind its ``[``: one token, and the place behind it. It need not be closed."""
    negated = pattern[at : at + 1] == b"^"
    at += negated
    ranges: list[bytes] = []
    while at < len(pattern):
        if pattern[at] == 0x5C and at + 1 < len(pattern):
            low = high = pattern[at + 1]
            at += 2
        elif pattern[at] == 0x5D:
            at += 1
            break
        elif at + 2 < len(pattern) and pattern[at + 1] == 0x2D:
            low, high = sorted((pattern[at], pattern[at + 2]))
            at += 3
        else:
            low = high = pattern[at]
            at += 1
        ranges.append(b"\\x%02x-\\x%02x" % (low, high))
    if not ranges:
        return (b"." if negated else b"(?!)"), at
    return b"[" + (b"^" if negated else b"") + b"".join(ranges) + b"]", at
