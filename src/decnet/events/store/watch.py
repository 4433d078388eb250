"""Whether a store has changed, at the price of a look at a number."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Engine, PoolProxiedConnection, func, select
from sqlalchemy.exc import SQLAlchemyError

from decnet.events.store import schema


class Watch:
    """SQLite counts what others commit, for each connection (PRAGMA data_version), so one is held for it.

    The other databases are asked for the number of the next event and the first that is there.
    """

    def __init__(self, engine: Engine, *, is_sqlite: bool) -> None:
        self._engine, self._is_sqlite = engine, is_sqlite
        self._held: PoolProxiedConnection | None = None

    def version(self) -> tuple[int, ...]:
        """Another value than before when something has changed. Raises what drivers raise."""
        if self._is_sqlite:
            return self._of_sqlite()
        following, first = select(schema.counter.c.next), select(func.min(schema.event.c.seq))
        with self._engine.connect() as connection:
            return connection.scalar(following) or 0, connection.scalar(first) or 0

    def close(self) -> None:
        """Give the connection back."""
        held, self._held = self._held, None
        if held is not None:
            with suppress(SQLAlchemyError):
                held.close()

    def _of_sqlite(self) -> tuple[int, ...]:
        if self._held is None:
            self._held = self._engine.raw_connection()
        cursor = self._held.cursor()
        try:
            cursor.execute("PRAGMA data_version")
            return tuple(map(int, cursor.fetchone() or ()))
        finally:
            cursor.close()
