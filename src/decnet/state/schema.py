"""Tables of the state database."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)

FORMAT = 1
"""Version of the tables; in the database as PRAGMA user_version, and per network as it was last written."""

metadata = MetaData()

network = Table(
    "network",
    metadata,
    Column("name", String, primary_key=True),
    Column("lineage", String, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("format", Integer, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("created", Integer, nullable=False),
    Column("file", String, nullable=False),
    Column("runtime", String, nullable=False),
    Column("env", String, nullable=False),
)
"""``created`` in Unix seconds."""

resource = Table(
    "resource",
    metadata,
    Column("network", String, ForeignKey("network.name"), nullable=False),
    Column("id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("hash", String, nullable=False),
    Column("hash_version", Integer, nullable=False),
    Column("blob", String, index=True),
    Column("file", String, nullable=False),
    Column("line", Integer, nullable=False),
    PrimaryKeyConstraint("network", "id"),
)

journal = Table(
    "journal",
    metadata,
    Column("network", String, ForeignKey("network.name"), nullable=False),
    Column("serial", Integer, nullable=False),
    Column("op", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("resource", String, nullable=False),
    Column("action", String, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("time", Float, nullable=False),
    Column("reason", String, nullable=False),
    Column("file", String, nullable=False),
    Column("line", Integer, nullable=False),
    PrimaryKeyConstraint("network", "serial", "op"),
)
"""``state`` is planned, intent, done, failed or resolved; ``serial`` that of the run."""

degraded = Table(
    "degraded",
    metadata,
    Column("network", String, ForeignKey("network.name"), nullable=False),
    Column("decoy", String, nullable=False),
    Column("reason", String, nullable=False),
    PrimaryKeyConstraint("network", "decoy"),
)
"""What the event log has been told that decoys go without, so that it is told once. A state that is older has no such table."""

blob = Table(
    "blob",
    metadata,
    Column("hash", String, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""Contents of the bundles that are applied."""
