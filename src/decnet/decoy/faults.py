"""Where a parser stumbled, for the event that says so."""

from __future__ import annotations

import traceback


def where(error: Exception) -> str:
    """The innermost lines of a traceback, for whoever mends the parser."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
