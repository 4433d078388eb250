"""The event store: SQLite, PostgreSQL or MariaDB behind `get_repository`. Nothing that faces attackers imports it."""

from decnet.events.store.address import VARIABLE, Address, address
from decnet.events.store.database import CONNECTIONS
from decnet.events.store.ingest import Intake, Recap
from decnet.events.store.match import fits
from decnet.events.store.prune import Limits
from decnet.events.store.record import micros_of, moment_of, record, records, stamp
from decnet.events.store.repository import Repository, get_repository
from decnet.events.store.values import (
    Artifact,
    Attacker,
    Bar,
    Credential,
    Decoy,
    Pruned,
    Session,
    Stats,
    Stored,
    Visit,
    Wanted,
)
from decnet.events.store.writer import Source, Taken

__all__ = [
    "CONNECTIONS",
    "VARIABLE",
    "Address",
    "Artifact",
    "Attacker",
    "Bar",
    "Credential",
    "Decoy",
    "Intake",
    "Limits",
    "Pruned",
    "Recap",
    "Repository",
    "Session",
    "Source",
    "Stats",
    "Stored",
    "Taken",
    "Visit",
    "Wanted",
    "address",
    "fits",
    "get_repository",
    "micros_of",
    "moment_of",
    "record",
    "records",
    "stamp",
]
