"""How far something is that takes a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Progress(NamedTuple):
    """``done`` of ``total`` steps or bytes; ``total`` 0: nobody knows. ``text`` is what goes on now."""

    done: int
    total: int
    text: str


Tell = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Tell nobody."""
