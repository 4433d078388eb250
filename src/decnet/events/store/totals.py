"""Totals: what was counted when events came in."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from decnet.events.store import schema
from decnet.events.store.gather import WIDTHS
from decnet.events.store.values import Bar, Decoy, Stats

_decoy, _attacker = schema.decoy, schema.attacker


def decoys(connection: Connection) -> list[Decoy]:
    """Every decoy that events are of, by network and name."""
    offered: dict[int, list[str]] = {}
    for key, name in connection.execute(select(schema.service.c.decoy, schema.service.c.name)):
        offered.setdefault(key, []).append(name)
    counted = select(schema.contact.c.decoy, func.count()).group_by(schema.contact.c.decoy)
    met = {row[0]: row[1] for row in connection.execute(counted)}
    rows = connection.execute(select(_decoy).where(_decoy.c.name != "")).fetchall()
    return [
        Decoy(
            row.id,
            row.network,
            row.name,
            tuple(sorted(offered.get(row.id, ()))),
            row.first_seen,
            row.last_seen,
            row.events,
            row.sessions,
            row.attempts,
            met.get(row.id, 0),
        )
        for row in sorted(rows, key=attrgetter("network", "name"))  # each database has an order of its own
    ]


def stats(connection: Connection) -> Stats:
    """Totals, of what was ever taken in and is not pruned from what counts them."""
    c = _decoy.c
    sums = connection.execute(
        select(
            func.sum(c.events), func.sum(c.sessions), func.sum(c.attempts), func.min(c.first_seen),
            func.max(c.last_seen),
        )
    ).one()  # fmt: skip
    total, sessions, attempts, first, last = (int(value or 0) for value in sums)
    kinds = schema.tally.c
    by_type = select(kinds.type, func.sum(kinds.events)).where(kinds.width == 86_400).group_by(kinds.type)
    offered = schema.service.c
    by_service = select(offered.name, func.sum(offered.events)).group_by(offered.name)
    return Stats(
        total,
        sessions,
        attempts,
        _count(connection, _attacker.c.ip),
        _count(connection, c.id, c.name != ""),
        _count(connection, schema.credential.c.digest),
        _count(connection, schema.artifact.c.sha256),
        first,
        last,
        {name: int(count) for name, count in connection.execute(by_type)},
        {name: int(count) for name, count in connection.execute(by_service)},
    )


def histogram(
    connection: Connection, since: int, until: int, width: int, networks: tuple[str, ...] = ()
) -> list[Bar]:
    """Events by span of time and type, from ``since`` to before ``until`` (microseconds), oldest first.

    ``width`` in seconds is a multiple of a minute; what is a multiple of an hour or a day is quicker.
    """
    kept = max(one for one in WIDTHS if width % one == 0)
    c = schema.tally.c
    start = (c.start - c.start % width) if width != kept else c.start
    statement = (
        select(start.label("begin"), c.type, func.sum(c.events).label("total"))
        .where(c.width == kept, c.start >= since // 1_000_000, c.start < until // 1_000_000)
        .group_by(start, c.type)
    )
    if networks:
        statement = statement.where(c.network.in_(networks))
    bars = [Bar(row.begin * 1_000_000, row.type, int(row.total)) for row in connection.execute(statement)]
    return sorted(bars, key=attrgetter("start", "type"))


def _count(connection: Connection, column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count(column)).where(*conditions)).scalar_one())
