"""The one door to the store: what can be put in, asked and taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from decnet.errors import StoreError
from decnet.events.spool import Place
from decnet.events.store import pages, people, prune, times, totals, upgrade, values, writer
from decnet.events.store.address import Address, address
from decnet.events.store.database import CONNECTIONS, connect, told
from decnet.events.store.record import Record
from decnet.events.store.watch import Watch

_ALL = values.Wanted()


class Repository:
    """A store that is open. Its methods raise `StoreError`, `StoreAway` where another try may do."""

    def __init__(self, where: Address, engine: Engine, *, writing: bool) -> None:
        self.where = where
        self._writing = writing
        self._engine = engine
        self._watch = Watch(engine, is_sqlite=where.path is not None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def engine(self) -> Engine:
        """For what traces its statements."""
        return self._engine

    def close(self) -> None:
        """Close every connection. What SQLite has beside its file goes into it, as far as nobody reads there."""
        if self._writing and self.where.path is not None:
            with suppress(StoreError), told(self.where):
                raw = self._engine.raw_connection()
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                raw.close()
        self._watch.close()
        self._engine.dispose()

    def open_ahead(self) -> None:
        """Open every connection there will be (`CONNECTIONS`, one of them for `version`), for a process that leaves the file's reach."""
        with told(self.where):
            self._watch.version()
            opened = [self._engine.connect() for _ in range(CONNECTIONS - 1)]
            for connection in opened:
                times.numbers_between(connection, None, None)
            for connection in opened:
                connection.close()

    # Taking in

    def place(self, source: writer.Source) -> Place | None:
        """Up to where a log was taken in; None for one that is new."""
        with self._connection() as connection:
            return writer.load_place(connection, source)

    def places(self) -> dict[writer.Source, Place]:
        """Up to where every log was taken in."""
        with self._connection() as connection:
            return writer.load_places(connection)

    def take(self, source: writer.Source, records: Sequence[Record], place: Place) -> writer.Taken:
        """Put events and the place behind them in: both or neither, and of an event the first time only."""
        with self._connection() as connection:
            return writer.take(connection, source, records, place)

    def prune(
        self,
        limits: prune.Limits,
        watch: Callable[[int, int], None] = lambda _done, _total: None,
        *,
        dry_run: bool = False,
    ) -> values.Pruned:
        """Take away what is beyond the limits, or tell what would go."""
        with told(self.where):
            return prune.prune(self._engine, limits, watch, dry_run=dry_run)

    # Asking

    def size(self) -> int:
        """Bytes on disk."""
        with self._connection() as connection:
            return prune.size_of(connection)

    def version(self) -> tuple[int, ...]:
        """Another value than before when something has changed: cheap, to be asked again and again by one thread."""
        with told(self.where):
            return self._watch.version()

    def events(self, wanted: values.Wanted = _ALL, limit: int = 50) -> list[values.Stored]:
        """A page of events, the newest first; of ``wanted.after`` alone, the oldest first."""
        ascending = wanted.after is not None and wanted.before is None
        with self._connection() as connection:
            return pages.events(connection, wanted, limit, oldest_first=ascending)

    def every(self, wanted: values.Wanted = _ALL) -> Iterator[values.Stored]:
        """All events, oldest first, a page at a time: what comes meanwhile is among them."""
        after = wanted.after or 0
        while True:
            page = replace(wanted, after=after)
            with self._connection() as connection:
                found = pages.events(connection, page, values.MOST, oldest_first=True)
            if not found:
                return
            yield from found
            after = found[-1].seq

    def span(self) -> tuple[int, int]:
        """Numbers of the oldest and the newest event; (0, 0) without any."""
        with self._connection() as connection:
            low, high = times.numbers_between(connection, None, None)
        return low or 0, high or 0

    def event(self, uid: str) -> values.Stored | None:
        """An event by its id."""
        with self._connection() as connection:
            return pages.event(connection, uid)

    def sessions(
        self,
        limit: int = 50,
        before: int | None = None,
        *,
        network: str = "",
        decoy: str = "",
        src_ip: str = "",
    ) -> list[values.Session]:
        """Connections, the newest first; ``before`` is the id of the last of the page before."""
        with self._connection() as connection:
            return people.sessions(connection, limit, before, network=network, decoy=decoy, src_ip=src_ip)

    def session(self, uid: str) -> values.Session | None:
        """A connection by its id."""
        with self._connection() as connection:
            return people.session(connection, uid)

    def attackers(self, limit: int = 50, before: tuple[int, int] | None = None) -> list[values.Attacker]:
        """Sources, who was here last first; ``before`` is (last_seen, id) of the last of the page before."""
        with self._connection() as connection:
            return people.attackers(connection, limit, before)

    def attacker(self, ip: str) -> values.Attacker | None:
        """A source by its address."""
        with self._connection() as connection:
            return people.attacker(connection, ip)

    def visits(self, ip: str) -> list[values.Visit]:
        """A source's way over the decoys."""
        with self._connection() as connection:
            return people.visits(connection, ip)

    def credentials(
        self, limit: int = 50, before: int | None = None, *, reused: bool = False, secret: str = ""
    ) -> list[values.Credential]:
        """What was tried, the newest first; ``reused``: whose secret was seen at two decoys or from two sources."""
        with self._connection() as connection:
            return people.credentials(connection, limit, before, reused=reused, secret=secret)

    def artifacts(self, limit: int = 50, before: int | None = None) -> list[values.Artifact]:
        """Content by its digest, the newest first."""
        with self._connection() as connection:
            return people.artifacts(connection, limit, before)

    def artifact(self, sha256: str) -> values.Artifact | None:
        """One content."""
        with self._connection() as connection:
            return people.artifact(connection, sha256)

    def decoys(self) -> list[values.Decoy]:
        """Every decoy that events are of."""
        with self._connection() as connection:
            return totals.decoys(connection)

    def stats(self) -> values.Stats:
        """Totals."""
        with self._connection() as connection:
            return totals.stats(connection)

    def histogram(
        self, since: int, until: int, width: int = 3600, networks: tuple[str, ...] = ()
    ) -> list[values.Bar]:
        """Events by span of time and type; times in microseconds, ``width`` in seconds, a multiple of 60."""
        with self._connection() as connection:
            return totals.histogram(connection, since, until, width, networks)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with told(self.where), self._engine.begin() as connection:
            yield connection


def get_repository(
    state_dir: Path, url: str | None = None, *, writing: bool = False, make: bool = True
) -> Repository:
    """The store at ``url``, else at DECNET_DB_URL, else in the state folder.

    ``writing`` makes it where there is none (unless ``make`` is not wanted), and brings its tables up to date; else it
    must be there, and nothing of it can be changed. Raises `StoreError`.
    """
    where = address(state_dir, url)
    engine = connect(where, writing=writing, make=make)
    try:
        with told(where), engine.connect() as connection:
            if writing:
                upgrade.upgrade(connection, where)
            else:
                upgrade.check(connection, where)
    except BaseException:  # whatever ends this, no connection stays open; raised again
        engine.dispose()
        raise
    return Repository(where, engine, writing=writing)
