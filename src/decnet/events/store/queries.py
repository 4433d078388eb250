"""What is asked of the store: each a few look-ups in an index, however many events there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Subquery,
    and_,
    func,
    or_,
    select,
    true,
)

from decnet.events.schema import Event, EventType
from decnet.events.store import schema
from decnet.events.store.gather import WIDTHS
from decnet.events.store.record import stamp
from decnet.events.store.values import MOST, Bar, Decoy, Stats, Stored, Wanted

_event, _decoy, _session, _attacker = schema.event, schema.decoy, schema.session, schema.attacker


def events(connection: Connection, wanted: Wanted, limit: int, *, oldest_first: bool = False) -> list[Stored]:
    """A page of events, the newest first unless told otherwise."""
    condition = _condition(connection, wanted)
    if condition is None:
        return []
    order = _event.c.seq if oldest_first else _event.c.seq.desc()
    page = select(_event).where(condition).order_by(order).limit(min(limit, MOST)).subquery()
    return [_stored(row) for row in connection.execute(_named(page, oldest_first=oldest_first))]


def event(connection: Connection, uid: str) -> Stored | None:
    """An event by its id; None when there is none."""
    try:
        key = UUID(uid).bytes
    except ValueError:
        return None
    page = select(_event).where(_event.c.id == key).subquery()
    row = connection.execute(_named(page, oldest_first=True)).first()
    return None if row is None else _stored(row)


def decoys(connection: Connection) -> list[Decoy]:
    """Every decoy that events are of, by network and name."""
    offered: dict[int, list[str]] = {}
    for key, name in connection.execute(
        select(schema.service.c.decoy, schema.service.c.name).order_by(schema.service.c.name)
    ):
        offered.setdefault(key, []).append(name)
    counted = select(schema.contact.c.decoy, func.count()).group_by(schema.contact.c.decoy)
    met = {row[0]: row[1] for row in connection.execute(counted)}
    rows = connection.execute(
        select(_decoy).where(_decoy.c.name != "").order_by(_decoy.c.network, _decoy.c.name)
    )
    return [
        Decoy(
            row.id,
            row.network,
            row.name,
            tuple(offered.get(row.id, ())),
            row.first_seen,
            row.last_seen,
            row.events,
            row.sessions,
            row.attempts,
            met.get(row.id, 0),
        )
        for row in rows
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
        .order_by(start, c.type)
    )
    if networks:
        statement = statement.where(c.network.in_(networks))
    return [Bar(row.begin * 1_000_000, row.type, int(row.total)) for row in connection.execute(statement)]


def expand(types: Iterable[str]) -> tuple[str, ...]:
    """Types by themselves or their first word."""
    return tuple(
        kind.value
        for kind in EventType
        if any(kind.value == one or kind.value.startswith(f"{one}.") for one in types)
    )


def _count(connection: Connection, column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count(column)).where(*conditions)).scalar_one())


def _condition(connection: Connection, wanted: Wanted) -> ColumnElement[bool] | None:
    """What a wish comes to; None where nothing can fit."""
    e = _event.c
    types = expand(wanted.types)
    # What narrows most comes first.
    asked: list[tuple[Column[Any], bool, tuple[Any, ...]]] = [
        (e.session, bool(wanted.session), _sessions_of(connection, wanted)),
        (e.attacker, bool(wanted.sources), _attackers_of(connection, wanted)),
        (e.decoy, bool(wanted.decoys), _decoys_of(connection, wanted)),
        (e.service, bool(wanted.services), wanted.services),
        (e.type, bool(wanted.types), types),
        (e.network, bool(wanted.networks), wanted.networks),
    ]
    filters = [(column, values) for column, is_asked, values in asked if is_asked]
    if any(not values for _, values in filters):
        return None
    bounds = _bounds(connection, wanted)
    if bounds is None:
        return None
    return and_(true(), *_guided(connection.dialect.name, filters), *bounds)


def _guided(
    dialect: str, filters: list[tuple[Column[Any], tuple[Any, ...]]]
) -> Iterator[ColumnElement[bool]]:
    """The conditions. SQLite keeps no statistics, so the index that it is to take is the only one that it can."""
    both = {column.name for column, _ in filters} >= {"service", "type"}
    for position, (column, values) in enumerate(filters):
        free = position == 0 or (both and position == 1 and column.name == "type")
        side: ColumnElement[Any] = column
        if dialect == "sqlite" and not free:
            side = column + 0 if isinstance(column.type, BigInteger) else column.concat("")
        yield side == values[0] if len(values) == 1 else side.in_(values)


def _sessions_of(connection: Connection, wanted: Wanted) -> tuple[int, ...]:
    if not wanted.session:
        return ()
    return _keys(connection, select(_session.c.id).where(_session.c.uid == wanted.session))


def _attackers_of(connection: Connection, wanted: Wanted) -> tuple[int, ...]:
    if not wanted.sources:
        return ()
    return _keys(connection, select(_attacker.c.id).where(_attacker.c.ip.in_(wanted.sources)))


def _decoys_of(connection: Connection, wanted: Wanted) -> tuple[int, ...]:
    if not wanted.decoys:
        return ()
    named = select(_decoy.c.id).where(_decoy.c.name.in_(wanted.decoys))
    return _keys(connection, named.where(_decoy.c.network.in_(wanted.networks)) if wanted.networks else named)


def _keys(connection: Connection, statement: Select[Any]) -> tuple[int, ...]:
    return tuple(row[0] for row in connection.execute(statement))


def _bounds(connection: Connection, wanted: Wanted) -> list[ColumnElement[bool]] | None:
    """The part of the numbers that a page is from. Times become numbers by the tallies, which are few."""
    e = _event.c
    found: list[ColumnElement[bool]] = []
    if wanted.before is not None:
        found.append(e.seq < wanted.before)
    if wanted.after is not None:
        found.append(e.seq > wanted.after)
    if wanted.since is None and wanted.until is None:
        return found
    low, high = numbers_between(connection, wanted.since, wanted.until)
    if low is None or high is None:
        return None
    found += [e.seq >= low, e.seq <= high]
    if wanted.since is not None:
        found.append(e.ts >= wanted.since)
    if wanted.until is not None:
        found.append(e.ts < wanted.until)
    return found


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


def _named(page: Subquery, *, oldest_first: bool) -> Select[Any]:
    """A page with the names that its numbers stand for."""
    order = page.c.seq if oldest_first else page.c.seq.desc()
    return (
        select(page, _decoy.c.name.label("decoy_name"), _session.c.uid, _attacker.c.ip)
        .join(_decoy, _decoy.c.id == page.c.decoy)
        .outerjoin(_session, _session.c.id == page.c.session)
        .outerjoin(_attacker, _attacker.c.id == page.c.attacker)
        .order_by(order)
    )


def _stored(row: Row[Any]) -> Stored:
    return Stored(
        row.seq,
        Event(
            id=str(UUID(bytes=bytes(row.id))),
            ts=stamp(row.ts),
            type=EventType(row.type),
            network=row.network,
            decoy=row.decoy_name,
            service=row.service,
            session=row.uid or "",
            src_ip=row.ip or "",
            src_port=row.src_port,
            dst_ip=row.dst_ip,
            dst_port=row.dst_port,
            proto=row.proto,
            data=msgspec.json.decode(row.data),
            v=row.v,
        ),
    )
