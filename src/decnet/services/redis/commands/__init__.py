"""The commands, by family; importing this package registers them all."""

from decnet.services.redis.commands import (
    admin,
    clients,
    configuration,
    hashes,
    introspection,
    keys,
    lists,
    pubsub,
    replication,
    scripting,
    sets,
    sortedsets,
    strings,
    transactions,
)

__all__ = [
    "admin",
    "clients",
    "configuration",
    "hashes",
    "introspection",
    "keys",
    "lists",
    "pubsub",
    "replication",
    "scripting",
    "sets",
    "sortedsets",
    "strings",
    "transactions",
]
