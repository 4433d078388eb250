"""Where the store is: ``DECNET_DB_URL``, or a SQLite file in the state folder."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from decnet.errors import StoreError

VARIABLE = "DECNET_DB_URL"
FILE = "events.db"
_EXAMPLES = "sqlite:////var/lib/decnet/events.db, postgresql://USER@HOST/NAME or mariadb://USER@HOST/NAME"


@dataclass(frozen=True, slots=True)
class _Driver:
    module: str
    extra: str
    debian: str


_DRIVERS = {
    "postgresql": _Driver("psycopg", "postgresql", "python3-psycopg"),
    "mariadb": _Driver("pymysql", "mariadb", "python3-pymysql"),
}
_ALIASES = {"postgres": "postgresql", "mysql": "mariadb"}


@dataclass(frozen=True, slots=True)
class Address:
    """A store that can be reached: ``path`` of a SQLite file, else ``url`` of a server with its driver."""

    url: URL
    path: Path | None = None

    def __str__(self) -> str:
        """For a person: without the password."""
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)


def address(state_dir: Path, text: str | None = None) -> Address:
    """The store of this machine: ``text``, else DECNET_DB_URL, else a file in the state folder.

    Raises:
        StoreError: the URL is none, or of a database or for a driver that is not here. The text is not shown: it may
            hold a password.
    """
    text = text or os.environ.get(VARIABLE) or ""
    if not text:
        return _file(URL.create("sqlite", database=str(state_dir / FILE)))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError(f"{VARIABLE} holds no URL of a database", hint=f"write {_EXAMPLES}") from None
    kind = url.drivername.partition("+")[0]
    kind = _ALIASES.get(kind, kind)
    if kind == "sqlite":
        return _file(url)
    return _server(url, kind)


def _file(url: URL) -> Address:
    if not url.database or url.database == ":memory:" or url.host:
        raise StoreError(
            f"{VARIABLE} names no file", hint="a path has four slashes: sqlite:////var/lib/decnet/events.db"
        )
    path = Path(url.database).absolute()
    return Address(URL.create("sqlite", database=str(path)), path)


def _server(url: URL, kind: str) -> Address:
    driver = _DRIVERS.get(kind)
    if driver is None:
        raise StoreError(f"{VARIABLE}: no store is kept in {kind}", hint=f"write {_EXAMPLES}")
    if not url.database:
        raise StoreError(
            f"{VARIABLE}: the URL ends without the name of a database", hint=f"write {_EXAMPLES}"
        )
    if importlib.util.find_spec(driver.module) is None:
        raise StoreError(
            f"the driver for {kind} is not installed: {driver.module}",
            hint=f"pip install 'decnet[{driver.extra}]', or apt install {driver.debian}",
        )
    return Address(url.set(drivername=f"{kind}+{driver.module}"))
