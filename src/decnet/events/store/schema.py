"""Tables of the event store.

What is asked for again and again is counted when events come in, so that no page has to count a million of them.
``info={"merge": …}`` says how a row that is there takes up what comes (see `decnet.events.store.merge`).

Times are microseconds since 1970, UTC. Ids of decoys, attackers, sessions, credentials and artifacts are the number of
the first event that they were in: unique, and in the order in which they came.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.mysql import BINARY, LONGTEXT

HEAD = "0002"
"""The last revision in ``migrations/versions``: what this release reads and writes."""

NAME_LENGTH = 128
"""Characters of a name: network, decoy, service."""
ADDRESS_LENGTH = 64
SESSION_LENGTH = 64

metadata = MetaData()
_TABLE: dict[str, Any] = {
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}
"""MariaDB compares bytes, too, and blanks at the end count."""
_NOWHERE = re.compile("[\0\ud800-\udfff]")
"""What no text of the store has in it, and what PostgreSQL cannot be asked for, or no database."""


class _Words(TypeDecorator[str]):
    """A text. Asked for what no database takes, there is nothing to be found, as for any other that is not there."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, _: Dialect) -> str | None:
        """A control character stands for it: texts are made inert on their way in, and have none."""
        return value if value is None else _NOWHERE.sub("\x01", value)


_Bytes16 = LargeBinary(16).with_variant(BINARY(16), "mariadb")
_Long = Text().with_variant(LONGTEXT(), "mariadb")


class _LongWords(_Words):
    """One without a limit."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """As a column of `_Long`."""
        return dialect.type_descriptor(LONGTEXT() if dialect.name == "mariadb" else Text())


def _number(name: str, merge: str = "", **options: Any) -> Column[int]:
    return Column(name, BigInteger, nullable=False, info={"merge": merge}, **options)


def _name(name: str, length: int = NAME_LENGTH, **options: Any) -> Column[str]:
    return Column(name, _Words(length), nullable=False, **options)


def _key(name: str = "id") -> Column[int]:
    """A number that we give: SQLite's own row number where it is the key."""
    whole = BigInteger().with_variant(Integer(), "sqlite")
    return Column(name, whole, primary_key=True, autoincrement=False)


def _seen() -> tuple[Column[int], Column[int], Column[int]]:
    return _number("first_seen", "min"), _number("last_seen", "max"), _number("events", "sum")


counter = Table(
    "counter",
    metadata,
    _key(),
    _number("next"),
    **_TABLE,
)
"""One row: the number of the next event. Whoever takes events in holds it, so that numbers come in order."""

place = Table(
    "place",
    metadata,
    _name("host", primary_key=True),
    _name("network", primary_key=True),
    _number("inode"),
    _name("head", 255),
    _number("offset"),
    _name("last", 255),
    _number("sent"),
    _number("dropped"),
    _number("dropped_bytes"),
    _number("stored"),
    **_TABLE,
)
"""Up to where each log has been taken in; ``stored`` counts the events that were new."""

event = Table(
    "event",
    metadata,
    _key("seq"),
    Column("id", _Bytes16, nullable=False, unique=True),
    _number("ts"),
    _name("type", 32),
    _name("network"),
    _number("decoy"),
    _name("service"),
    Column("session", BigInteger),
    Column("attacker", BigInteger),
    Column("src_port", Integer, nullable=False),
    _name("dst_ip", ADDRESS_LENGTH),
    Column("dst_port", Integer, nullable=False),
    _name("proto", 16),
    Column("v", SmallInteger, nullable=False),
    Column("data", _Long, nullable=False),
    Index("event_network", "network", "seq"),
    Index("event_decoy", "decoy", "seq"),
    Index("event_service", "service", "seq"),
    Index("event_service_type", "service", "type", "seq"),
    Index("event_type", "type", "seq"),
    Index("event_session", "session", "seq"),
    Index("event_attacker", "attacker", "seq"),
    **_TABLE,
)
"""``data`` is JSON, made inert once more on its way in."""

decoy = Table(
    "decoy",
    metadata,
    _key(),
    _name("network"),
    _name("name"),
    *_seen(),
    _number("sessions", "sum"),
    _number("attempts", "sum"),
    Index("decoy_name", "network", "name", unique=True),
    **_TABLE,
)
"""``name`` is empty for events of no decoy; ``sessions`` are connections, ``attempts`` are log-ins."""

service = Table(
    "service",
    metadata,
    Column("decoy", BigInteger, primary_key=True, autoincrement=False),
    _name("name", primary_key=True),
    *_seen(),
    **_TABLE,
)

attacker = Table(
    "attacker",
    metadata,
    _key(),
    _name("ip", ADDRESS_LENGTH),
    *_seen(),
    _number("sessions", "sum"),
    _number("attempts", "sum"),
    _number("commands", "sum"),
    _number("uploads", "sum"),
    Index("attacker_ip", "ip", unique=True),
    Index("attacker_last", "last_seen", "id"),
    **_TABLE,
)

contact = Table(
    "contact",
    metadata,
    Column("attacker", BigInteger, primary_key=True, autoincrement=False),
    Column("decoy", BigInteger, primary_key=True, autoincrement=False),
    *_seen(),
    Index("contact_decoy", "decoy", "attacker"),
    **_TABLE,
)
"""Who was at which decoy."""

session = Table(
    "session",
    metadata,
    _key(),
    _name("uid", SESSION_LENGTH),
    _number("decoy"),
    _name("service"),
    _number("attacker"),
    *_seen(),
    _number("attempts", "sum"),
    _number("commands", "sum"),
    _number("received", "sum"),
    _number("sent", "sum"),
    _number("closed", "max"),
    Index("session_uid", "uid", unique=True),
    Index("session_decoy", "decoy", "id"),
    Index("session_attacker", "attacker", "id"),
    **_TABLE,
)
"""``closed`` is when, 0 while it is open; ``received`` and ``sent`` are bytes. ``attacker`` 0: nobody is known."""

credential = Table(
    "credential",
    metadata,
    _key(),
    Column("digest", _Bytes16, nullable=False, unique=True),
    Column("secret_digest", _Bytes16, nullable=False),
    Column("principal", _Long, nullable=False),
    Column("secret", _LongWords, nullable=False),
    _name("secret_kind"),
    *_seen(),
    _number("accepted", "sum"),
    Index("credential_secret", "secret_digest"),
    **_TABLE,
)
"""What visitors tried, in clear, once each; ``events`` counts the attempts."""

credential_use = Table(
    "credential_use",
    metadata,
    Column("credential", BigInteger, primary_key=True, autoincrement=False),
    Column("attacker", BigInteger, primary_key=True, autoincrement=False),
    Column("decoy", BigInteger, primary_key=True, autoincrement=False),
    *_seen(),
    **_TABLE,
)
"""Who tried it where."""

artifact = Table(
    "artifact",
    metadata,
    _key(),
    _name("sha256", 64),
    _number("size", "max"),
    Column("name", _Long, nullable=False),
    *_seen(),
    Index("artifact_sha256", "sha256", unique=True),
    **_TABLE,
)

tally = Table(
    "tally",
    metadata,
    Column("width", Integer, primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    _name("network", primary_key=True),
    _name("type", 32, primary_key=True),
    _number("events", "sum"),
    _number("first_seq", "min"),
    _number("last_seq", "max"),
    **_TABLE,
)
"""Events per minute, hour and day (``width`` and ``start`` in seconds), and between which numbers they are."""
