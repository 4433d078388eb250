"""Times become numbers of events by the tallies, which are few: no event is looked at."""

from __future__ import annotations

from sqlalchemy import Connection, and_, func, or_, select

from decnet.events.store import schema
from decnet.events.store.gather import WIDTHS


def numbers_between(
    connection: Connection, since: int | None, until: int | None
) -> tuple[int | None, int | None]:
    """Between which numbers all events of a time are: the first and the last, None when there are none."""
    low = (since or 0) // 60_000_000 * 60
    high = _END if until is None else -(-until // 60_000_000) * 60
    c = schema.tally.c
    parts = [
        and_(c.width == width, c.start >= begin, c.start < end) for width, begin, end in cover(low, high)
    ]
    if not parts:
        return None, None
    first, last = connection.execute(
        select(func.min(c.first_seq), func.max(c.last_seq)).where(or_(*parts))
    ).one()
    return first, last


def cover(low: int, high: int) -> list[tuple[int, int, int]]:
    """A span of seconds, in whole minutes, as few tallies: (width, from, to)."""
    for width in reversed(WIDTHS):
        begin, end = -(-low // width) * width, high // width * width
        if begin < end:
            return [*cover(low, begin), (width, begin, end), *cover(end, high)]
    return []


_END = 1 << 40
"""Seconds: later than every event (the year 9999 is 2.5e11)."""
