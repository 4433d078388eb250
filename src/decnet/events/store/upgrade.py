"""The tables as this release wants them: made, brought up to date, or found to be of a newer release."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from decnet.errors import StoreError
from decnet.events.store.address import Address
from decnet.events.store.schema import HEAD

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x6465_636E
_LOCK_SECONDS = 60


def check(connection: Connection, where: Address) -> None:
    """For a reader, which changes nothing. Raises `StoreError` when the tables are not those of this release."""
    found = _revision(connection)
    if found == HEAD:
        return
    if found and found not in _known():
        raise _newer(where, found)
    raise StoreError(
        f"the store {where} is empty or of an older release",
        hint="decnet ingest NETWORK brings it up to date",
    )


def upgrade(connection: Connection, where: Address) -> None:
    """Bring the tables up to date, within one transaction where the database can. Raises `StoreError`."""
    with connection.begin():
        if _revision(connection) == HEAD:
            return
    with connection.begin():
        _hold(connection)
        found = _revision(connection)
        if found != HEAD:
            if found and found not in _known():
                raise _newer(where, found)
            _run(connection)
        _release(connection)


def _newer(where: Address, found: str) -> StoreError:
    return StoreError(
        f"the store {where} has tables of revision {found}; this release knows them up to {HEAD}",
        hint="use the newer release that wrote it",
    )


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _known() -> set[str]:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 (0.2 s, where something is to be done)

    return {script.revision for script in ScriptDirectory(str(_FOLDER)).walk_revisions()}


def _run(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 (as above)
    from alembic.config import Config  # noqa: PLC0415 (as above)

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _hold(connection: Connection) -> None:
    """One at a time. SQLite's transaction does it by itself; MariaDB ends ours with each table that it makes."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    elif connection.dialect.name == "mariadb":
        connection.execute(text(f"SELECT GET_LOCK('decnet', {_LOCK_SECONDS})"))


def _release(connection: Connection) -> None:
    if connection.dialect.name == "mariadb":
        connection.execute(text("SELECT RELEASE_LOCK('decnet')"))
