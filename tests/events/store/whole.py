"""All that is in a store, as values that can be compared: numbers and the order of batches left out."""

from __future__ import annotations

from sqlalchemy import select

from decnet.events.store import Repository, schema


def rows(store: Repository, table, *columns):
    with store._connection() as connection:
        return sorted(tuple(row) for row in connection.execute(select(*(table.c[name] for name in columns))))


def everything(store: Repository) -> dict[str, object]:
    """Events, and every count of them, by names."""
    seen = ("first_seen", "last_seen", "events")
    with store._connection() as connection:
        c = schema.contact.c
        met = sorted(
            tuple(row)
            for row in connection.execute(
                select(schema.attacker.c.ip, schema.decoy.c.name, c.first_seen, c.last_seen, c.events)
                .join(schema.attacker, schema.attacker.c.id == c.attacker)
                .join(schema.decoy, schema.decoy.c.id == c.decoy)
            )
        )
        u = schema.credential_use.c
        uses = sorted(
            tuple(row)
            for row in connection.execute(
                select(
                    schema.credential.c.principal, schema.credential.c.secret, u.first_seen, u.last_seen, u.events,
                    schema.decoy.c.name,
                )
                .join(schema.credential, schema.credential.c.id == u.credential)
                .join(schema.decoy, schema.decoy.c.id == u.decoy)
            )
        )  # fmt: skip
    return {
        "events": [one.event for one in store.every()],
        "decoys": rows(store, schema.decoy, "network", "name", *seen, "sessions", "attempts"),
        "services": rows(store, schema.service, "name", *seen),
        "attackers": rows(store, schema.attacker, "ip", *seen, "sessions", "attempts", "commands", "uploads"),
        "sessions": rows(
            store,
            schema.session,
            "uid",
            "service",
            *seen,
            "attempts",
            "commands",
            "received",
            "sent",
            "closed",
        ),
        "contacts": met,
        "credentials": rows(
            store, schema.credential, "principal", "secret", "secret_kind", *seen, "accepted"
        ),
        "uses": uses,
        "artifacts": rows(store, schema.artifact, "sha256", "size", "name", *seen),
        "tallies": rows(store, schema.tally, "width", "start", "network", "type", "events"),
    }
