"""The database file: opened for writing, or read without leaving a trace."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from decnet.errors import StateError
from decnet.state.schema import FORMAT, metadata

BUSY_SECONDS = 30
"""How long a write waits for one of another network, which holds the database for milliseconds."""
_APPLICATION_ID = 0x6465636E
"""``decn`` (sqlite.org/pragma.html, application_id)."""


@contextmanager
def writing(path: Path) -> Iterator[Connection]:
    """A connection that may write; the file is made where there is none. Raises `StateError`."""
    with guarded(path), _connected(lambda: _open_writer(path)) as connection:
        _check(connection, path)
        if _pragma(connection, "user_version") == 0:
            with connection.begin():
                metadata.create_all(connection)
                connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")
                connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION_ID}")
        yield connection


@contextmanager
def reading(path: Path) -> Iterator[Connection]:
    """A connection that reads only and makes no file. Raises `StateError`."""
    with guarded(path), _connected(lambda: _open_reader(path)) as connection:
        _check(connection, path)
        yield connection


def is_begun(connection: Connection) -> bool:
    """Whether its maker was killed before it had tables: nothing was saved yet. An empty file is damage, and lost more."""
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    connection.rollback()
    return bool(pages and not tables)


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn what the database and the decoder raise into `StateError`."""
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        cause = getattr(error, "orig", None) or error
        raise StateError(
            f"the state in {path} cannot be used: {cause}",
            hint="restore the file from a backup, or move it away and run: decnet adopt FILE",
        ) from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise StateError(
            f"the state in {path} holds what cannot be read: {error}",
            hint="restore the file from a backup, or move it away and run: decnet adopt FILE",
        ) from None
    except OSError as error:
        raise StateError(
            f"the state in {path} cannot be opened: {error.strerror or error}",
            hint="run as the user who applied (root), or name another folder in DECNET_STATE_DIR",
        ) from None


@contextmanager
def _connected(opened: object) -> Iterator[Connection]:
    engine = create_engine("sqlite://", creator=opened, poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _open_writer(path: Path) -> sqlite3.Connection:
    # SQLite gives its -wal and -shm files the mode of the database, so this one call fixes all three.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        _see_allowed(path, os.R_OK | os.W_OK)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # With NORMAL a power cut may lose the last transactions, a killed process none; after a power cut the world is
    # gone as well, and the next command looks at it.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _open_reader(path: Path) -> sqlite3.Connection:
    # A reader of a WAL database makes -wal and -shm files, except of an "immutable" one. Where a WAL with content
    # is there (somebody writes, or was killed), it has to be read too, and those files exist already.
    _see_allowed(path, os.R_OK)
    wal = path.with_name(path.name + "-wal")
    fixed = not wal.exists() or wal.stat().st_size == 0
    uri = f"file:{quote(str(path))}?mode=ro" + ("&immutable=1" if fixed else "")
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)


def _see_allowed(path: Path, mode: int) -> None:
    """Raise the `OSError` that opening the file would, without opening it.

    Whoever closes any descriptor of a file drops all POSIX locks that its process has on it (fcntl_locking(2)), and so
    those of another connection.
    """
    if stat.S_ISDIR(path.stat().st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not os.access(path, mode):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def _check(connection: Connection, path: Path) -> None:
    version = _pragma(connection, "user_version")
    if version > FORMAT:
        raise StateError(
            f"the state in {path} has format {version}; this release reads formats up to {FORMAT}",
            hint="use the newer release that wrote it",
        )


def _pragma(connection: Connection, name: str) -> int:
    value = int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
    connection.rollback()
    return value
