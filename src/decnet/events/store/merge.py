"""Rows by the thousand, in the words of each database: put in, or added to those that are there.

Statements are made by SQLAlchemy and run by the driver itself: what SQLAlchemy does for each row costs more than SQLite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, func, insert
from sqlalchemy.dialects import mysql, postgresql, sqlite

_ROWS = 1000
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Statement:
    text: str
    arrange: Callable[[Row], Any] | None
    """Puts a row's values in the order of their signs; None where they are taken by name."""

    def run(self, connection: Connection, rows: Iterable[Row]) -> None:
        values = list(rows) if self.arrange is None else list(map(self.arrange, rows))
        for begin in range(0, len(values), _ROWS):
            connection.exec_driver_sql(self.text, values[begin : begin + _ROWS])


def add(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Put rows in that are not there: each with every column, as the driver takes it."""
    _insert(connection.dialect, table).run(connection, rows)


def merge(connection: Connection, table: Table, key: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Put rows in, one a key. Of a row that is there, columns take up the new value as their ``merge`` says."""
    _merge(connection.dialect, table, key).run(connection, rows)


@lru_cache(maxsize=64)
def _insert(dialect: Dialect, table: Table) -> _Statement:
    return _compiled(insert(table), dialect)


@lru_cache(maxsize=64)
def _merge(dialect: Dialect, table: Table, key: tuple[str, ...]) -> _Statement:
    if dialect.name in ("mysql", "mariadb"):
        into = mysql.insert(table)
        return _compiled(
            into.on_duplicate_key_update(_merged(table, into.inserted, func.least, func.greatest)), dialect
        )
    if dialect.name == "postgresql":
        put = postgresql.insert(table)
        new = _merged(table, put.excluded, func.least, func.greatest)
        return _compiled(put.on_conflict_do_update(index_elements=key, set_=new), dialect)
    lite = sqlite.insert(table)
    new = _merged(table, lite.excluded, func.min, func.max)
    return _compiled(lite.on_conflict_do_update(index_elements=key, set_=new), dialect)


def _compiled(statement: Any, dialect: Dialect) -> _Statement:
    compiled = statement.compile(dialect=dialect)
    order = compiled.positiontup
    return _Statement(str(compiled), itemgetter(*order) if order else None)


def _merged(table: Table, fresh: Any, least: Any, greatest: Any) -> dict[str, Any]:
    ways = {"sum": lambda column, new: column + new, "min": least, "max": greatest}
    return {
        column.name: ways[column.info["merge"]](column, fresh[column.name])
        for column in table.columns
        if column.info.get("merge")
    }
