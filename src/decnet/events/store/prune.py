"""Retention: the oldest events go, in small transactions, so that nobody who takes events in waits for long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, func, select, text

from decnet.events.store import schema
from decnet.events.store.times import numbers_between
from decnet.events.store.values import Pruned
from decnet.events.store.writer import hold

_STEP = 5000
"""Events of one transaction."""
_PAGES = 2000
"""Pages that SQLite gives back at a time (8 MB)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept: events from ``before`` on (microseconds), and of those the newest that fit in ``size`` bytes."""

    before: int | None = None
    size: int | None = None


def size_of(connection: Connection) -> int:
    """Bytes of the store on disk, as its database tells."""
    statement = {
        "sqlite": "SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)",
        "postgresql": "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = current_schema()",
    }.get(
        connection.dialect.name,
        "SELECT sum(data_length + index_length) FROM information_schema.tables WHERE table_schema = database()",
    )
    return int(connection.execute(text(statement)).scalar() or 0)


def prune(
    engine: Engine, limits: Limits, watch: Callable[[int, int], None], *, dry_run: bool = False
) -> Pruned:
    """Take away what is beyond the limits; ``watch`` is told events done and in all.

    Totals of decoys and of attackers that came again go on counting what was taken away.
    """
    _measure(engine)
    with engine.begin() as connection:
        before_size = size_of(connection)
        cut = _cut(connection, limits, before_size)
        if cut is None:
            return Pruned(0, 0, 0, 0, 0, (), before_size, before_size)
        numbers = _numbers(connection, cut)
        planned = _planned(connection, cut, numbers, before_size)
    if dry_run:
        return planned
    done = 0
    low, high = numbers
    for begin in range(low, high + 1, _STEP):
        end = min(begin + _STEP - 1, high)
        with engine.begin() as connection:
            hold(connection)
            done += _events(connection, begin, end, cut)
        watch(done, planned.events)
    with engine.begin() as connection:
        hold(connection)
        gone = _rest(connection, cut)
    _give_back(engine, whole=limits.size is not None)
    with engine.begin() as connection:
        after = size_of(connection)
    return Pruned(cut, done, planned.sessions, *gone, before_size, after)


def _cut(connection: Connection, limits: Limits, size: int) -> int | None:
    """The time before which everything goes; None when nothing does."""
    cuts = [limits.before] if limits.before is not None else []
    if limits.size is not None and size > limits.size:
        total = int(connection.execute(select(func.count()).select_from(schema.event)).scalar_one())
        kept = total * limits.size // size
        oldest = select(schema.event.c.ts).order_by(schema.event.c.seq.desc()).limit(1).offset(kept)
        found = connection.execute(oldest).scalar()
        if found is not None:
            cuts.append(int(found) + 1)
    return max(cuts, default=None)


def _numbers(connection: Connection, cut: int) -> tuple[int, int]:
    low, high = numbers_between(connection, None, cut)
    return (int(low), int(high)) if low is not None and high is not None else (0, -1)


def _planned(connection: Connection, cut: int, numbers: tuple[int, int], size: int) -> Pruned:
    e, s = schema.event.c, schema.session.c
    events = select(func.count(e.seq)).where(e.seq.between(*numbers), e.ts < cut)
    sessions = select(func.count(s.id)).where(s.id.between(*numbers), s.last_seen < cut)
    names = (schema.attacker, schema.credential)
    people = [
        connection.execute(select(func.count(t.c.id)).where(t.c.last_seen < cut)).scalar_one() for t in names
    ]
    a = schema.artifact.c
    artifacts = tuple(connection.execute(select(a.sha256).where(a.last_seen < cut)).scalars())
    return Pruned(
        cut,
        int(connection.execute(events).scalar_one()),
        int(connection.execute(sessions).scalar_one()),
        people[0],
        people[1],
        artifacts,
        size,
        size,
    )


def _events(connection: Connection, begin: int, end: int, cut: int) -> int:
    e, s = schema.event.c, schema.session.c
    done = connection.execute(delete(schema.event).where(e.seq.between(begin, end), e.ts < cut)).rowcount
    connection.execute(delete(schema.session).where(s.id.between(begin, end), s.last_seen < cut))
    return int(done)


def _rest(connection: Connection, cut: int) -> tuple[int, int, tuple[str, ...]]:
    """What nobody was seen with any more: attackers, credentials, artifacts (by digest) that went."""
    a = schema.artifact.c
    digests = tuple(connection.execute(select(a.sha256).where(a.last_seen < cut)).scalars())
    gone = [
        connection.execute(delete(table).where(table.c.last_seen < cut)).rowcount
        for table in (
            schema.attacker,
            schema.credential,
            schema.artifact,
            schema.contact,
            schema.credential_use,
        )
    ]
    t = schema.tally.c
    connection.execute(delete(schema.tally).where((t.start + t.width) * 1_000_000 <= cut))
    return int(gone[0]), int(gone[1]), digests


def _measure(engine: Engine) -> None:
    """MariaDB tells sizes as it last took them, and takes them when it likes."""
    if engine.dialect.name != "mariadb":
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in (schema.event, schema.session):
            connection.exec_driver_sql(f"ANALYZE TABLE {table.name}")


def _give_back(engine: Engine, *, whole: bool) -> None:
    """Give the room back to the disk. A server's tables are written anew for that, only when it was asked for."""
    name = engine.dialect.name
    if name == "sqlite":
        _shrink(engine)
        return
    if not whole:
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in schema.metadata.sorted_tables:
            words = "VACUUM FULL" if name == "postgresql" else "OPTIMIZE TABLE"
            connection.exec_driver_sql(f"{words} {table.name}")


def _shrink(engine: Engine) -> None:
    # Within a transaction of its own each, a part at a time: who takes events in gets in between.
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        for _ in range(1 << 20):
            (free,) = cursor.execute("PRAGMA freelist_count").fetchone() or (0,)
            if not free:
                break
            cursor.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
            (left,) = cursor.execute("PRAGMA freelist_count").fetchone() or (0,)
            if left >= free:
                break
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        cursor.close()
    finally:
        raw.close()
