"""Making what is too long fit: as much of it as possible, and seen to be cut."""

from __future__ import annotations

from collections.abc import Callable

SHORTENED = "…"
"""How a value ends that was cut."""


def greatest(limit: int, fits: Callable[[int], bool]) -> int:
    """The greatest number up to a limit that fits, where every smaller one does; 0 when none does."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
