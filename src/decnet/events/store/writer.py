"""Taking a batch in: events, all that is counted of them, and the place in the log, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, RowMapping, Table, and_, insert, select, update

from decnet.errors import StoreError
from decnet.events.spool import Place
from decnet.events.store import schema
from decnet.events.store.gather import Batch, Sum, gather
from decnet.events.store.merge import add, merge
from decnet.events.store.record import Record

_IN = 500
"""Values in one IN."""
_WRITTEN = ("head", "last")
"""Of a place, what is copied from the log: any bytes, so it is kept as JSON."""


@dataclass(frozen=True, slots=True)
class Source:
    """Whose log it is: this machine's name, and the network's."""

    host: str
    network: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: events that were new, and those that the store had already."""

    new: int
    known: int


def load_place(connection: Connection, source: Source) -> Place | None:
    """Up to where a log has been taken in; None for one that the store knows nothing of."""
    row = connection.execute(select(schema.place).where(_of(source))).mappings().first()
    return None if row is None else _place_of(row)


def load_places(connection: Connection) -> dict[Source, Place]:
    """Up to where each log has been taken in."""
    order = select(schema.place).order_by(schema.place.c.host, schema.place.c.network)
    return {
        Source(row["host"], row["network"]): _place_of(row) for row in connection.execute(order).mappings()
    }


def _place_of(row: RowMapping) -> Place:
    values = {name: row[name] for name in Place.__struct_fields__}
    return Place(**values | {name: msgspec.json.decode(values[name]) for name in _WRITTEN})


def take(connection: Connection, source: Source, records: Sequence[Record], place: Place) -> Taken:
    """Put a batch and the place behind it in, within the caller's transaction."""
    first = _hold(connection)
    fresh = _unknown(connection, records)
    if fresh:
        _store(connection, fresh, first)
        connection.execute(update(schema.counter).values(next=first + len(fresh)))
    _save_place(connection, source, place, len(fresh))
    return Taken(len(fresh), len(records) - len(fresh))


def _hold(connection: Connection) -> int:
    """The number of the next event. Until the transaction ends nobody else gets one (SQLite has one writer anyway)."""
    statement = select(schema.counter.c.next).where(schema.counter.c.id == 1)
    found = connection.execute(statement.with_for_update()).scalar()
    if found is None:
        raise StoreError(
            "the store has lost the row of its table counter: it was restored in part",
            hint="restore all of it, or begin with an empty database: the log is taken in anew",
        )
    return int(found)


def hold(connection: Connection) -> None:
    """Keep out whoever takes events in, until the transaction ends."""
    _hold(connection)


def _unknown(connection: Connection, records: Iterable[Record]) -> list[Record]:
    """Those events that are not in yet, each once: ids make a second time do nothing."""
    once = {record.id: record for record in reversed(list(records))}
    column = schema.event.c.id
    # Ids sort by time: of those after all that are known, none can be.
    newest = connection.execute(select(column).order_by(column.desc()).limit(1)).scalar() or b""
    for known in _found(connection, column, (column,), [one for one in once if one <= bytes(newest)]):
        del once[bytes(known[0])]
    return list(once.values())[::-1]


def _found(
    connection: Connection, column: Column[Any], wanted: tuple[Column[Any], ...], values: Collection[Any]
) -> Iterable[Any]:
    keys = list(values)
    for begin in range(0, len(keys), _IN):
        yield from connection.execute(select(*wanted).where(column.in_(keys[begin : begin + _IN]))).fetchall()


def _store(connection: Connection, records: Sequence[Record], first: int) -> None:
    batch = gather(records, first)
    decoys = _decoys(connection, batch)
    attackers = _attackers(connection, batch)
    sessions = _sessions(connection, batch, decoys, attackers)
    add(
        connection,
        schema.event,
        [
            {
                "seq": seq,
                "id": one.id,
                "ts": one.ts,
                "type": one.type,
                "network": one.network,
                "decoy": decoys[one.network, one.decoy],
                "service": one.service,
                "session": sessions.get(one.session),
                "attacker": attackers.get(one.src_ip),
                "src_port": one.src_port,
                "dst_ip": one.dst_ip,
                "dst_port": one.dst_port,
                "proto": one.proto,
                "v": one.v,
                "data": one.json,
            }
            for seq, one in enumerate(records, first)
        ],
    )
    _details(connection, batch, decoys, attackers)
    _credentials(connection, batch, decoys, attackers)
    _artifacts(connection, batch)


def _decoys(connection: Connection, batch: Batch) -> dict[tuple[str, str], int]:
    rows = [
        {
            "id": one.seq,
            "network": network,
            "name": name,
            **_seen(one),
            **_of_sum(one, "sessions", "attempts"),
        }
        for (network, name), one in sorted(batch.decoys.items())
    ]
    merge(connection, schema.decoy, ("network", "name"), rows)
    columns = (schema.decoy.c.network, schema.decoy.c.name, schema.decoy.c.id)
    names = {name for _, name in batch.decoys}
    found = _found(connection, schema.decoy.c.name, columns, names)
    networks = {network for network, _ in batch.decoys}
    return {(network, name): key for network, name, key in found if network in networks}


def _attackers(connection: Connection, batch: Batch) -> dict[str, int]:
    rows = [
        {
            "id": one.seq,
            "ip": ip,
            **_seen(one),
            **_of_sum(one, "sessions", "attempts", "commands", "uploads"),
        }
        for ip, one in sorted(batch.attackers.items())
    ]
    merge(connection, schema.attacker, ("ip",), rows)
    return _ids(connection, schema.attacker, "ip", batch.attackers)


def _sessions(
    connection: Connection,
    batch: Batch,
    decoys: Mapping[tuple[str, str], int],
    attackers: Mapping[str, int],
) -> dict[str, int]:
    rows = []
    for uid, one in sorted(batch.sessions.items()):
        origin = batch.origins[uid]
        rows.append(
            {
                "id": one.seq,
                "uid": uid,
                "decoy": decoys[origin.decoy],
                "service": origin.service,
                "attacker": attackers.get(origin.src_ip, 0),
                **_seen(one),
                **_of_sum(one, "attempts", "commands", "received", "sent", "closed"),
            }
        )
    merge(connection, schema.session, ("uid",), rows)
    return _ids(connection, schema.session, "uid", batch.sessions)


def _details(
    connection: Connection,
    batch: Batch,
    decoys: Mapping[tuple[str, str], int],
    attackers: Mapping[str, int],
) -> None:
    merge(
        connection,
        schema.service,
        ("decoy", "name"),
        [
            {"decoy": decoys[where], "name": name, **_seen(one)}
            for (where, name), one in batch.services.items()
        ],
    )
    merge(
        connection,
        schema.contact,
        ("attacker", "decoy"),
        [
            {"attacker": attackers[ip], "decoy": decoys[where], **_seen(one)}
            for (ip, where), one in batch.contacts.items()
        ],
    )
    merge(
        connection,
        schema.tally,
        ("width", "start", "network", "type"),
        [
            {
                "width": width,
                "start": start,
                "network": network,
                "type": kind,
                "events": one.events,
                "first_seq": one.seq,
                "last_seq": one.last_seq,
            }
            for (width, start, network, kind), one in batch.tallies.items()
        ],
    )


def _credentials(
    connection: Connection,
    batch: Batch,
    decoys: Mapping[tuple[str, str], int],
    attackers: Mapping[str, int],
) -> None:
    rows = [
        {
            "id": one.seq,
            "digest": secret.digest,
            "secret_digest": secret.secret_digest,
            "principal": secret.principal,
            "secret": secret.secret,
            "secret_kind": secret.kind,
            **_seen(one),
            "accepted": one.accepted,
        }
        for secret, one in batch.credentials.items()
    ]
    merge(connection, schema.credential, ("digest",), rows)
    digests = [secret.digest for secret in batch.credentials]
    column = schema.credential.c.digest
    known = {
        bytes(digest): key
        for digest, key in _found(connection, column, (column, schema.credential.c.id), digests)
    }
    uses = [
        {
            "credential": known[secret.digest],
            "attacker": attackers.get(ip, 0),
            "decoy": decoys[where],
            **_seen(one),
        }
        for (secret, ip, where), one in batch.uses.items()
    ]
    merge(connection, schema.credential_use, ("credential", "attacker", "decoy"), uses)


def _artifacts(connection: Connection, batch: Batch) -> None:
    rows = [
        {"id": one.seq, "sha256": digest, "size": one.size, "name": batch.names[digest], **_seen(one)}
        for digest, one in sorted(batch.artifacts.items())
    ]
    merge(connection, schema.artifact, ("sha256",), rows)


def _ids(connection: Connection, table: Table, name: str, values: Collection[str]) -> dict[str, int]:
    column = table.c[name]
    return {row[0]: row[1] for row in _found(connection, column, (column, table.c.id), values)}


def _seen(one: Sum) -> dict[str, int]:
    return {"first_seen": one.first, "last_seen": one.last, "events": one.events}


def _of_sum(one: Sum, *names: str) -> dict[str, int]:
    return {name: getattr(one, name) for name in names}


def _save_place(connection: Connection, source: Source, place: Place, stored: int) -> None:
    values = {name: getattr(place, name) for name in Place.__struct_fields__}
    values |= {name: msgspec.json.encode(values[name]).decode() for name in _WRITTEN}
    table = schema.place
    done = connection.execute(
        update(table).where(_of(source)).values(**values, stored=table.c.stored + stored)
    )
    if not done.rowcount:
        connection.execute(
            insert(table).values(host=source.host, network=source.network, **values, stored=stored)
        )


def _of(source: Source) -> Any:
    return and_(schema.place.c.host == source.host, schema.place.c.network == source.network)
