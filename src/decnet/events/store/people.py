"""Pages of attackers, sessions, credentials and artifacts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, distinct, func, or_, select

from decnet.events.store import schema
from decnet.events.store.values import MOST, Artifact, Attacker, Credential, Session, Visit

_attacker, _contact, _session = schema.attacker, schema.contact, schema.session
_credential, _use, _decoy = schema.credential, schema.credential_use, schema.decoy


def attackers(connection: Connection, limit: int, before: tuple[int, int] | None = None) -> list[Attacker]:
    """Who was here last comes first. ``before`` is (last_seen, id) of the last one of the page before."""
    c = _attacker.c
    statement = select(_attacker).order_by(c.last_seen.desc(), c.id.desc()).limit(min(limit, MOST))
    if before is not None:
        last, key = before
        statement = statement.where(or_(c.last_seen < last, and_(c.last_seen == last, c.id < key)))
    rows = connection.execute(statement).fetchall()
    met = _met(connection, [row.id for row in rows])
    return [_an_attacker(row, met.get(row.id, 0)) for row in rows]


def attacker(connection: Connection, ip: str) -> Attacker | None:
    """One source; None when it was never here."""
    row = connection.execute(select(_attacker).where(_attacker.c.ip == ip)).first()
    return None if row is None else _an_attacker(row, _met(connection, [row.id]).get(row.id, 0))


def visits(connection: Connection, ip: str) -> list[Visit]:
    """The decoys that a source was at, in the order in which it came to them."""
    statement = (
        select(
            _decoy.c.network, _decoy.c.name, _contact.c.first_seen, _contact.c.last_seen, _contact.c.events
        )
        .join(_attacker, _attacker.c.id == _contact.c.attacker)
        .join(_decoy, _decoy.c.id == _contact.c.decoy)
        .where(_attacker.c.ip == ip)
        .order_by(_contact.c.first_seen, _decoy.c.id)
    )
    return [Visit(*row) for row in connection.execute(statement)]


def sessions(
    connection: Connection,
    limit: int,
    before: int | None = None,
    *,
    network: str = "",
    decoy: str = "",
    src_ip: str = "",
) -> list[Session]:
    """Connections, the newest first. ``before`` is the id of the last one of the page before."""
    statement = _sessions().order_by(_session.c.id.desc()).limit(min(limit, MOST))
    if before is not None:
        statement = statement.where(_session.c.id < before)
    where = {_decoy.c.network: network, _decoy.c.name: decoy}
    if any(where.values()):
        found = select(_decoy.c.id).where(*(column == value for column, value in where.items() if value))
        statement = statement.where(_session.c.decoy.in_(found))
    if src_ip:
        statement = statement.where(_attacker.c.ip == src_ip)
    return [Session(*row) for row in connection.execute(statement)]


def session(connection: Connection, uid: str) -> Session | None:
    """One connection; None when there is none of this id."""
    row = connection.execute(_sessions().where(_session.c.uid == uid)).first()
    return None if row is None else Session(*row)


def credentials(
    connection: Connection, limit: int, before: int | None = None, *, reused: bool = False, secret: str = ""
) -> list[Credential]:
    """What was tried, the newest first. ``reused``: only secrets that came from several sources or to several decoys."""
    c = _credential.c
    statement = select(_credential).order_by(c.id.desc()).limit(min(limit, MOST))
    if before is not None:
        statement = statement.where(c.id < before)
    if secret:
        statement = statement.where(c.secret == secret)
    if reused:
        statement = statement.where(_is_reused())
    rows = connection.execute(statement).fetchall()
    spread = _spread(connection, {bytes(row.secret_digest) for row in rows})
    return [
        Credential(
            row.id,
            row.principal,
            row.secret,
            row.secret_kind,
            row.first_seen,
            row.last_seen,
            row.events,
            row.accepted,
            *spread[bytes(row.secret_digest)],
        )
        for row in rows
    ]


def artifacts(connection: Connection, limit: int, before: int | None = None) -> list[Artifact]:
    """Content that went over the wire, the newest first."""
    c = schema.artifact.c
    statement = select(schema.artifact).order_by(c.id.desc()).limit(min(limit, MOST))
    if before is not None:
        statement = statement.where(c.id < before)
    return [_an_artifact(row) for row in connection.execute(statement)]


def artifact(connection: Connection, sha256: str) -> Artifact | None:
    """One content; None when no event speaks of it."""
    row = connection.execute(select(schema.artifact).where(schema.artifact.c.sha256 == sha256)).first()
    return None if row is None else _an_artifact(row)


def _met(connection: Connection, keys: list[int]) -> dict[int, int]:
    statement = (
        select(_contact.c.attacker, func.count())
        .where(_contact.c.attacker.in_(keys))
        .group_by(_contact.c.attacker)
    )
    return {row[0]: row[1] for row in connection.execute(statement)} if keys else {}


def _an_attacker(row: Row[Any], met: int) -> Attacker:
    return Attacker(
        row.id,
        row.ip,
        row.first_seen,
        row.last_seen,
        row.events,
        row.sessions,
        row.attempts,
        row.commands,
        row.uploads,
        met,
    )


def _an_artifact(row: Row[Any]) -> Artifact:
    return Artifact(row.id, row.sha256, row.size, row.name, row.first_seen, row.last_seen, row.events)


def _sessions() -> Select[Any]:
    c = _session.c
    return (
        select(
            c.id, c.uid, _decoy.c.network, _decoy.c.name, c.service, func.coalesce(_attacker.c.ip, ""), c.first_seen,
            c.last_seen, c.closed, c.events, c.attempts, c.commands, c.received, c.sent,
        )
        .join(_decoy, _decoy.c.id == c.decoy)
        .outerjoin(_attacker, _attacker.c.id == c.attacker)
    )  # fmt: skip


def _is_reused() -> ColumnElement[bool]:
    """Whether the secret of a row was seen from two sources, or at two decoys."""
    other = _credential.alias()
    uses = (
        select(_use.c.credential)
        .join(other, other.c.id == _use.c.credential)
        .where(other.c.secret_digest == _credential.c.secret_digest)
        .correlate(_credential)
        .group_by(other.c.secret_digest)
        .having(
            or_(
                func.min(_use.c.attacker) < func.max(_use.c.attacker),
                func.min(_use.c.decoy) < func.max(_use.c.decoy),
            )
        )
        .with_only_columns(other.c.secret_digest)
    )
    return uses.exists()


def _spread(connection: Connection, secrets: set[bytes]) -> dict[bytes, tuple[int, int, int]]:
    """Of each secret: the names it was tried with, the sources, the decoys."""
    if not secrets:
        return {}
    digest = _credential.c.secret_digest
    statement = (
        select(
            digest,
            func.count(distinct(_credential.c.id)),
            func.count(distinct(_use.c.attacker)),
            func.count(distinct(_use.c.decoy)),
        )
        .join(_use, _use.c.credential == _credential.c.id)
        .where(digest.in_(list(secrets)))
        .group_by(digest)
    )
    return {
        bytes(key): (names, sources, places) for key, names, sources, places in connection.execute(statement)
    }
