"""Pages of events: a walk along an index that ends with the page, however many events there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Column, ColumnElement, Connection, Select, and_, select, true

from decnet.errors import StoreError
from decnet.events.schema import Event, EventType
from decnet.events.store import schema
from decnet.events.store.record import stamp
from decnet.events.store.times import numbers_between
from decnet.events.store.values import MOST, Stored, Wanted

_event, _decoy, _session, _attacker = schema.event, schema.decoy, schema.session, schema.attacker


def events(connection: Connection, wanted: Wanted, limit: int, *, oldest_first: bool = False) -> list[Stored]:
    """A page of events, the newest first unless told otherwise."""
    order = _event.c.seq if oldest_first else _event.c.seq.desc()
    most = min(limit, MOST)
    found: list[Any] = []
    for part in _parts(connection, wanted):
        found += connection.execute(_named().where(part).order_by(order).limit(most)).fetchall()
    found.sort(key=itemgetter(0), reverse=not oldest_first)
    return [_stored(*row) for row in found[:most]]


def event(connection: Connection, uid: str) -> Stored | None:
    """An event by its id; None when there is none."""
    try:
        key = UUID(uid).bytes
    except ValueError:
        return None
    row = connection.execute(_named().where(_event.c.id == key)).first()
    return None if row is None else _stored(*row)


def expand(types: Iterable[str]) -> tuple[str, ...]:
    """Types by themselves or their first word."""
    return tuple(
        kind.value
        for kind in EventType
        if any(kind.value == one or kind.value.startswith(f"{one}.") for one in types)
    )


def _parts(connection: Connection, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """A wish as conditions that no event fits two of, each with one value for what narrows most.

    So each is a walk along one index in its order, which ends with the page.
    """
    e = _event.c
    # What narrows most comes first.
    asked: list[tuple[Column[Any], bool, tuple[Any, ...]]] = [
        (e.session, bool(wanted.session), _sessions_of(connection, wanted)),
        (e.attacker, bool(wanted.sources), _attackers_of(connection, wanted)),
        (e.decoy, bool(wanted.decoys), _decoys_of(connection, wanted)),
        (e.service, bool(wanted.services), tuple(dict.fromkeys(wanted.services))),
        (e.type, bool(wanted.types), expand(wanted.types)),
        (e.network, bool(wanted.networks), tuple(dict.fromkeys(wanted.networks))),
    ]
    filters = [(column, values) for column, is_asked, values in asked if is_asked]
    bounds = _bounds(connection, wanted)
    if bounds is None or any(not values for _, values in filters):
        return
    # Of a service and a type there is an index of both.
    leading = 2 if [column.name for column, _ in filters[:2]] == ["service", "type"] else 1
    others = [_guided(connection.dialect.name, column, values) for column, values in filters[leading:]]
    for values in product(*(values for _, values in filters[:leading])):
        first = [column == value for (column, _), value in zip(filters, values, strict=False)]
        yield and_(true(), *first, *others, *bounds)


def _guided(dialect: str, column: Column[Any], values: tuple[Any, ...]) -> ColumnElement[bool]:
    """A condition. SQLite keeps no statistics, so it is not left another index to take."""
    side: ColumnElement[Any] = column
    if dialect == "sqlite":
        side = column + 0 if isinstance(column.type, BigInteger) else column.concat("")
    return side == values[0] if len(values) == 1 else side.in_(values)


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


def _named() -> Select[Any]:
    """Events with the names that their numbers stand for, in the order that `_stored` takes.

    All joins are outer ones: SQLite would begin with the smaller table of an inner one, and sort for a page.
    """
    e = _event.c
    return (
        select(
            e.seq, e.id, e.ts, e.type, e.network, _decoy.c.name, e.service, _session.c.uid, _attacker.c.ip, e.src_port,
            e.dst_ip, e.dst_port, e.proto, e.data, e.v,
        )
        .select_from(_event)
        .outerjoin(_decoy, _decoy.c.id == e.decoy)
        .outerjoin(_session, _session.c.id == e.session)
        .outerjoin(_attacker, _attacker.c.id == e.attacker)
    )  # fmt: skip


def _stored(
    seq: int,
    uid: bytes,
    ts: int,
    kind: str,
    network: str,
    decoy: str | None,
    service: str,
    session: str | None,
    src_ip: str | None,
    src_port: int,
    dst_ip: str,
    dst_port: int,
    proto: str,
    data: str,
    v: int,
) -> Stored:
    return Stored(
        seq,
        Event(
            _uuid(uid.hex()),
            stamp(ts),
            _kind(kind),
            network,
            decoy or "",
            service,
            session or "",
            src_ip or "",
            src_port,
            dst_ip,
            dst_port,
            proto,
            msgspec.json.decode(data),
            v,
        ),
    )


def _kind(name: str) -> EventType:
    try:
        return EventType(name)
    except ValueError:
        raise StoreError(
            f"the store has events of a type that this release does not know: {name}",
            hint="use the newer release that wrote them",
        ) from None


def _uuid(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
