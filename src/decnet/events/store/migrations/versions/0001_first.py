"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DIGEST = sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")
_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_TABLE: dict[str, Any] = {
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "artifact",
        sa.Column("id", _KEY, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", _LONG, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_TABLE,
    )
    op.create_index("artifact_sha256", "artifact", ["sha256"], unique=True)
    op.create_table(
        "attacker",
        sa.Column("id", _KEY, autoincrement=False, nullable=False),
        sa.Column("ip", sa.String(length=64), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("commands", sa.BigInteger(), nullable=False),
        sa.Column("uploads", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_TABLE,
    )
    op.create_index("attacker_ip", "attacker", ["ip"], unique=True)
    op.create_index("attacker_last", "attacker", ["last_seen", "id"], unique=False)
    op.create_table(
        "contact",
        sa.Column("attacker", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("decoy", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("attacker", "decoy"),
        **_TABLE,
    )
    op.create_index("contact_decoy", "contact", ["decoy", "attacker"], unique=False)
    op.create_table(
        "counter",
        sa.Column("id", _KEY, autoincrement=False, nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_TABLE,
    )
    op.create_table(
        "credential",
        sa.Column("id", _KEY, autoincrement=False, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("secret_digest", _DIGEST, nullable=False),
        sa.Column("principal", _LONG, nullable=False),
        sa.Column("secret", _LONG, nullable=False),
        sa.Column("secret_kind", sa.String(length=128), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
        **_TABLE,
    )
    op.create_index("credential_secret", "credential", ["secret_digest"], unique=False)
    op.create_table(
        "credential_use",
        sa.Column("credential", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attacker", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("decoy", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("credential", "attacker", "decoy"),
        **_TABLE,
    )
    op.create_table(
        "decoy",
        sa.Column("id", _KEY, autoincrement=False, nullable=False),
        sa.Column("network", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_TABLE,
    )
    op.create_index("decoy_name", "decoy", ["network", "name"], unique=True)
    op.create_table(
        "event",
        sa.Column("seq", _KEY, autoincrement=False, nullable=False),
        sa.Column("id", _DIGEST, nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("network", sa.String(length=128), nullable=False),
        sa.Column("decoy", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(length=128), nullable=False),
        sa.Column("session", sa.BigInteger(), nullable=True),
        sa.Column("attacker", sa.BigInteger(), nullable=True),
        sa.Column("src_port", sa.Integer(), nullable=False),
        sa.Column("dst_ip", sa.String(length=64), nullable=False),
        sa.Column("dst_port", sa.Integer(), nullable=False),
        sa.Column("proto", sa.String(length=16), nullable=False),
        sa.Column("v", sa.SmallInteger(), nullable=False),
        sa.Column("data", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        **_TABLE,
    )
    op.create_index("event_attacker", "event", ["attacker", "seq"], unique=False)
    op.create_index("event_decoy", "event", ["decoy", "seq"], unique=False)
    op.create_index("event_network", "event", ["network", "seq"], unique=False)
    op.create_index("event_service", "event", ["service", "seq"], unique=False)
    op.create_index("event_service_type", "event", ["service", "type", "seq"], unique=False)
    op.create_index("event_session", "event", ["session", "seq"], unique=False)
    op.create_index("event_type", "event", ["type", "seq"], unique=False)
    op.create_table(
        "place",
        sa.Column("host", sa.String(length=128), nullable=False),
        sa.Column("network", sa.String(length=128), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.String(length=255), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.String(length=255), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("dropped_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host", "network"),
        **_TABLE,
    )
    op.create_table(
        "service",
        sa.Column("decoy", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("decoy", "name"),
        **_TABLE,
    )
    op.create_table(
        "session",
        sa.Column("id", _KEY, autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=64), nullable=False),
        sa.Column("decoy", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(length=128), nullable=False),
        sa.Column("attacker", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("commands", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_TABLE,
    )
    op.create_index("session_attacker", "session", ["attacker", "id"], unique=False)
    op.create_index("session_decoy", "session", ["decoy", "id"], unique=False)
    op.create_index("session_uid", "session", ["uid"], unique=True)
    op.create_table(
        "tally",
        sa.Column("width", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("network", sa.String(length=128), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("width", "start", "network", "type"),
        **_TABLE,
    )
    op.execute("INSERT INTO counter (id, next) VALUES (1, 1)")
