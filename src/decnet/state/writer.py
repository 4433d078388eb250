"""The one writer of the state, and the reader of its snapshots."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, inspect, select, update
from sqlalchemy.dialects.sqlite import insert

from decnet.errors import Span, StateError
from decnet.spec import Identity
from decnet.spec.resources import Id, Kind, Resource, bundle_of
from decnet.state import schema
from decnet.state.database import guarded, reading
from decnet.state.documents import HASH_VERSION, decode, digest, encode
from decnet.state.model import About, Effect, Entry, Failure, Saved, Snapshot

KEPT_RUNS = 20
"""Runs whose journal is kept."""
OPEN = "intent"
PLANNED = "planned"
_READ_AT_ONCE = 64
"""Contents, of up to 30 KB each."""
# What is written of every op; to build a statement takes longer than to write its rows.
_NOTE = insert(schema.journal)
_NOTE = _NOTE.on_conflict_do_update(set_={name: _NOTE.excluded[name] for name in ("state", "time")})
_MARK = (
    update(schema.journal)
    .where(
        schema.journal.c.network == bindparam("whose"),
        schema.journal.c.serial == bindparam("run"),
        schema.journal.c.op == bindparam("number"),
    )
    .values(state=bindparam("outcome"), reason=schema.journal.c.reason + bindparam("why"))
)
_SAVE = insert(schema.resource).prefix_with("OR REPLACE")
_KEEP = insert(schema.blob).on_conflict_do_nothing()


class Store:
    """Writes one network's state. Each method is one transaction; all belong to one thread. They raise `StateError`."""

    def __init__(self, connection: Connection, path: Path, network: str) -> None:
        self._connection = connection
        self._path = path
        self.network = network
        self._serial = 0

    def snapshot(self) -> Snapshot:
        """What is saved now."""
        with guarded(self._path):
            return snapshot(self._connection, self._path, self.network)

    def begin(self, about: About, identity: Identity, planned: Sequence[Entry] = ()) -> int:
        """Begin a run: the serial goes up; a network that is new gets its lineage and this identity for good.

        ``planned`` is all that it is to do, and still missing if it does not come to its end; what earlier runs did
        not bring about is of no account any more.
        """
        table = schema.network
        fresh = {"file": about.file, "env": about.env, "runtime": about.runtime, "format": schema.FORMAT}
        with guarded(self._path), self._connection.begin():
            new = insert(table).values(
                name=self.network,
                lineage=str(uuid.uuid4()),
                serial=1,
                secret=identity.secret,
                created=int(identity.created.timestamp()),
                **fresh,
            )
            self._connection.execute(
                new.on_conflict_do_update(
                    index_elements=[table.c.name], set_={**fresh, "serial": table.c.serial + 1}
                )
            )
            self._serial = self._connection.execute(
                select(table.c.serial).where(table.c.name == self.network)
            ).scalar_one()
            self._settle((PLANNED, "failed"))
            self._note(planned, PLANNED)
        return self._serial

    def introduce(self, about: About, identity: Identity) -> None:
        """A network with an identity to which nothing was applied yet: its serial is 0."""
        table = schema.network
        values = {
            "secret": identity.secret,
            "created": int(identity.created.timestamp()),
            "file": about.file,
            "env": about.env,
            "runtime": about.runtime,
            "format": schema.FORMAT,
        }
        new = insert(table).values(name=self.network, lineage=str(uuid.uuid4()), serial=0, **values)
        with guarded(self._path), self._connection.begin():
            self._connection.execute(new.on_conflict_do_update(index_elements=[table.c.name], set_=values))

    def intend(self, entries: Sequence[Entry]) -> None:
        """Write down what is about to be done."""
        with guarded(self._path), self._connection.begin():
            self._note(entries, OPEN)

    def _note(self, entries: Sequence[Entry], state: str) -> None:
        if not entries:
            return
        now = time.time()
        rows = [
            {
                "network": self.network,
                "serial": self._serial,
                "op": entry.op,
                "kind": entry.resource.id.kind.value,
                "resource": str(entry.resource.id),
                "action": entry.action,
                "document": encode(entry.resource),
                "state": state,
                "time": now,
                "reason": entry.reason,
                "file": entry.span.file,
                "line": entry.span.line,
            }
            for entry in entries
        ]
        self._connection.execute(_NOTE, rows)
        # Before the act: of a run that is killed right after it, the state has the content all the same.
        self._keep((entry.resource, entry.content) for entry in entries)

    def finish(self, effects: Sequence[Effect], failures: Sequence[Failure] = ()) -> None:
        """Write down what was done, with what is saved from now on, and what failed."""
        with guarded(self._path), self._connection.begin():
            self._save(effects)
            self._mark([(effect.op, "done", "") for effect in effects])
            self._mark([(failure.op, "failed", failure.reason) for failure in failures])

    def resolve(self, found: Mapping[Id, Saved | None], *, unfinished: bool = False) -> None:
        """Close what a run that was killed left open; ``found`` is what the world holds of its intents' resources.

        With ``unfinished``, what it did not bring about is still what it was to do.
        """
        with guarded(self._path), self._connection.begin():
            self._save([Effect(0, id_, saved) for id_, saved in found.items()])
            if unfinished:
                self._settle((OPEN,), "failed")
            else:
                self._settle((OPEN, PLANNED, "failed"))

    def _settle(self, states: Sequence[str], outcome: str = "resolved") -> None:
        """What earlier runs left in these states is of no account any more."""
        table = schema.journal
        mine = (table.c.network == self.network, table.c.state.in_(states))
        self._connection.execute(update(table).where(*mine).values(state=outcome))

    def tell(self, degraded: Mapping[str, str]) -> None:
        """The event log has been told that these decoys go without something, and why; nothing of any other."""
        table = schema.degraded
        rows = [{"network": self.network, "decoy": decoy, "reason": why} for decoy, why in degraded.items()]
        with guarded(self._path), self._connection.begin():
            table.create(self._connection, checkfirst=True)
            self._connection.execute(delete(table).where(table.c.network == self.network))
            if rows:
                self._connection.execute(insert(table), rows)

    def end(self) -> None:
        """End a run: contents that no service has any more, applied or about to be, go, and the journal of old runs."""
        journal, kept = (
            schema.journal,
            select(schema.resource.c.blob).where(schema.resource.c.blob.is_not(None)),
        )
        with guarded(self._path), self._connection.begin():
            intended = _intended(self._connection)
            self._connection.execute(
                delete(schema.blob).where(
                    schema.blob.c.hash.not_in(kept), schema.blob.c.hash.not_in(intended)
                )
            )
            self._connection.execute(
                delete(journal).where(
                    journal.c.network == self.network, journal.c.serial <= self._serial - KEPT_RUNS
                )
            )

    def forget(self) -> bool:
        """Forget the network altogether. True when no other is left."""
        with guarded(self._path), self._connection.begin():
            schema.degraded.create(self._connection, checkfirst=True)
            for table in (schema.resource, schema.journal, schema.degraded):
                self._connection.execute(delete(table).where(table.c.network == self.network))
            self._connection.execute(delete(schema.network).where(schema.network.c.name == self.network))
            left = self._connection.execute(select(schema.network.c.name).limit(1)).first()
        if left is not None:
            self.end()
        return left is None

    def _save(self, effects: Sequence[Effect]) -> None:
        table = schema.resource
        rows = [_row(self.network, effect.saved) for effect in effects if effect.saved is not None]
        gone = [str(effect.id) for effect in effects if effect.saved is None]
        self._keep((effect.saved.resource, effect.content) for effect in effects if effect.saved)
        if rows:
            self._connection.execute(_SAVE, rows)
        if gone:
            statement = delete(table).where(table.c.network == self.network, table.c.id == bindparam("gone"))
            self._connection.execute(statement, [{"gone": id_} for id_ in gone])

    def _keep(self, contents: Iterable[tuple[Resource, bytes | None]]) -> None:
        blobs = [
            {"hash": bundle_of(resource), "content": content}
            for resource, content in contents
            if content is not None
        ]
        if blobs:
            self._connection.execute(_KEEP, blobs)

    def _mark(self, marks: Sequence[tuple[int, str, str]]) -> None:
        rows = [
            {
                "whose": self.network,
                "run": self._serial,
                "number": op,
                "outcome": outcome,
                "why": f": {why}" if why else "",
            }
            for op, outcome, why in marks
        ]
        if rows:
            self._connection.execute(_MARK, rows)


class Contents(Mapping[str, bytes]):
    """Contents of bundles by hash, read from the file when they are asked for.

    With one the next of its neighbours are read: opening the file takes as long (2 ms) as reading hundreds.
    """

    def __init__(self, path: Path, hashes: Iterable[str]) -> None:
        self._path = path
        self._places = {name: place for place, name in enumerate(dict.fromkeys(hashes))}
        self._order = list(self._places)
        self._read: dict[str, bytes] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __getitem__(self, key: str) -> bytes:
        if key not in self._read:
            place = self._places[key]
            table = schema.blob.c
            wanted = self._order[place : place + _READ_AT_ONCE]
            with reading(self._path) as connection:
                rows = connection.execute(select(table.hash, table.content).where(table.hash.in_(wanted)))
                self._read = {name: bytes(content) for name, content in rows}
        return self._read[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)


def names(connection: Connection) -> list[About]:
    """Every network of a database."""
    table = schema.network
    rows = connection.execute(
        select(table.c.name, table.c.file, table.c.env, table.c.runtime).order_by(table.c.name)
    )
    return [About(*row) for row in rows]


def snapshot(connection: Connection, path: Path, network: str) -> Snapshot:
    """What is saved of one network, read in one transaction."""
    table = schema.network
    with connection.begin():
        row = connection.execute(select(table).where(table.c.name == network)).one_or_none()
        if row is None:
            return Snapshot(About(network))
        if row.format > schema.FORMAT:
            raise StateError(
                f"network {network} was written in format {row.format}; this release reads up to {schema.FORMAT}",
                hint="use the newer release that wrote it",
            )
        resources = dict(_resources(connection, network))
        intents = tuple(_entries(connection, network, OPEN))
        left = (*_entries(connection, network, PLANNED), *_entries(connection, network, "failed"))
        own = (*_bundles(was.resource for was in resources.values()), *_bundles(e.resource for e in intents))
        there = set(connection.execute(select(schema.blob.c.hash)).scalars()) if own else set()
        degraded = dict(_degraded(connection, network))
    return Snapshot(
        about=About(network, row.file, row.env, row.runtime),
        serial=row.serial,
        lineage=row.lineage,
        identity=Identity(row.secret, datetime.fromtimestamp(row.created, UTC)),
        resources=resources,
        intents=intents,
        unfinished=tuple(entry for entry in left if entry.resource.id not in resources),
        contents=Contents(path, (name for name in own if name in there)),
        degraded=degraded,
    )


def _degraded(connection: Connection, network: str) -> Iterator[tuple[str, str]]:
    table = schema.degraded
    if inspect(connection).has_table(table.name):
        rows = connection.execute(select(table.c.decoy, table.c.reason).where(table.c.network == network))
        yield from (tuple(row) for row in rows)


def _resources(connection: Connection, network: str) -> Iterator[tuple[Id, Saved]]:
    table = schema.resource
    columns = (table.c.kind, table.c.document, table.c.file, table.c.line)
    statement = select(*columns).where(table.c.network == network).order_by(table.c.id)
    for kind, document, file, line in connection.execute(statement):
        resource = decode(kind, document)
        yield resource.id, Saved(resource, Span(file, line))


def _entries(connection: Connection, network: str, state: str) -> Iterator[Entry]:
    table = schema.journal
    columns = (
        table.c.op,
        table.c.action,
        table.c.kind,
        table.c.document,
        table.c.reason,
        table.c.file,
        table.c.line,
    )
    statement = select(*columns).where(table.c.network == network, table.c.state == state)
    for op, action, kind, document, reason, file, line in connection.execute(statement):
        yield Entry(op, action, decode(kind, document), reason, Span(file, line))


def _intended(connection: Connection) -> list[str]:
    """Bundles that some network's run is about to bring about, or was when it was killed."""
    table = schema.journal
    kinds = (Kind.SERVICE.value, Kind.CUSTOM.value, Kind.SINK.value, Kind.DECOY.value)
    statement = select(table.c.kind, table.c.document).where(table.c.state == OPEN, table.c.kind.in_(kinds))
    return list(_bundles(decode(kind, document) for kind, document in connection.execute(statement)))


def _bundles(resources: Iterable[Resource]) -> Iterator[str]:
    return filter(None, map(bundle_of, resources))


def _row(network: str, saved: Saved) -> dict[str, object]:
    resource: Resource = saved.resource
    document = encode(resource)
    return {
        "network": network,
        "id": str(resource.id),
        "kind": resource.id.kind.value,
        "document": document,
        "hash": digest(document),
        "hash_version": HASH_VERSION,
        "blob": bundle_of(resource) or None,
        "file": saved.span.file,
        "line": saved.span.line,
    }
