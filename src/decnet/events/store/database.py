"""The connection: made as each database wants it, and its errors in our words."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool, StaticPool

from decnet.errors import StoreAway, StoreError
from decnet.events.store.address import Address

BUSY_SECONDS = 30
"""How long SQLite waits for another writer, which has it for less than a second."""
CONNECTIONS = 6
"""Connections of a reader of SQLite, which stay open once they are; who wants another waits for one of them."""
_CONNECT_SECONDS = 10
_CACHE_KB = 32 * 1024
"""Pages of SQLite's that a writer keeps: its indexes are written all over."""
_READER_CACHE_KB = 8 * 1024
_WAL_PAGES = 8000
"""How much its log holds (32 MB) before it is written back: batches change the same pages again and again."""
_WAL_BYTES = 64 << 20
"""What its log is cut to when it has grown beyond, behind a reader that was long at it."""
_APPLICATION_ID = 0x6465_6576
"""``deev`` (sqlite.org/pragma.html, application_id)."""


def connect(where: Address, *, writing: bool, make: bool = True) -> Engine:
    """An engine. A writer of SQLite has one connection, opened now: it goes on when its path is out of reach.

    Raises `StoreError`.
    """
    with told(where):
        if where.path is not None:
            if not (writing and make) and not where.path.exists():
                raise StoreError(f"there is no store at {where}", hint="decnet ingest NETWORK makes it")
            return _sqlite(where.path, writing=writing)
        options: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS}
        if where.url.drivername.startswith("mariadb"):
            options["charset"] = "utf8mb4"
        return create_engine(
            where.url,
            connect_args=options,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            hide_parameters=True,
        )


@contextmanager
def told(where: Address) -> Iterator[None]:
    """Turn what drivers raise into `StoreError`; `StoreAway` where another try may do. No value is in the words."""
    try:
        yield
    except DBAPIError as error:
        words = " ".join(str(error.orig).split())
        if _is_broken(error.orig):
            hint = "move the file away; the log is taken in anew: decnet ingest NETWORK"
            raise StoreError(f"the store {where} cannot be used: {words}", hint=hint) from None
        raise StoreAway(f"the store {where} cannot be used: {words}", hint=_hint(where, words)) from None
    except sqlite3.Error as error:
        raise StoreAway(f"the store {where} cannot be used: {error}", hint=_hint(where, str(error))) from None
    except SQLAlchemyError as error:
        raise StoreError(f"the store {where} cannot be used: {type(error).__name__}") from None
    except OSError as error:
        raise StoreAway(
            f"the store {where} cannot be opened: {error.strerror or error}",
            hint="run as the user who owns it (root), or name another in DECNET_DB_URL",
        ) from None


def _is_broken(error: BaseException | None) -> bool:
    return isinstance(error, sqlite3.DatabaseError) and getattr(error, "sqlite_errorname", "") in (
        "SQLITE_CORRUPT",
        "SQLITE_NOTADB",
    )


def _hint(where: Address, words: str) -> str:
    if "full" in words or "No space" in words:
        return "make room: decnet events prune --older-than 30d"
    if where.path is not None:
        return "run as the user who owns it (root), or name another in DECNET_DB_URL"
    return "is the server up, and are user, password and name of the database in DECNET_DB_URL right?"


def _sqlite(path: Path, *, writing: bool) -> Engine:
    if writing:
        _own(path)
        connection = _opened(path, writing=True)
        engine = create_engine(
            "sqlite://", creator=lambda: connection, poolclass=StaticPool, hide_parameters=True
        )
    else:
        engine = create_engine(
            "sqlite://",
            creator=lambda: _opened(path, writing=False),
            poolclass=QueuePool,
            pool_size=CONNECTIONS,
            max_overflow=0,
            hide_parameters=True,
        )
    begin = "BEGIN IMMEDIATE" if writing else "BEGIN"
    event.listen(engine, "begin", lambda connection: _begin(connection, begin))
    return engine


def _begin(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def _own(path: Path) -> None:
    """Make the file where there is none: it holds passwords, so it is its owner's only (its -wal and -shm follow).

    A file as it should be is not opened: to close it would let go of the locks that this process has on it (fcntl(2)).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and not mode & 0o077:
            return
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def _opened(path: Path, *, writing: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        check_same_thread=False,
        isolation_level=None,
    )
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KB if writing else _READER_CACHE_KB}")
    if not writing:
        connection.execute("PRAGMA query_only = ON")
        return connection
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    # A power cut may lose the last batches, and with each its place in the log: they are taken in again.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection
