"""What is told of a client's commands: one event each up to a number, and labels for the known attacks."""

from __future__ import annotations

import hashlib

from decnet.events import EventType
from decnet.services.redis.call import Call
from decnet.services.redis.client import Client
from decnet.services.redis.quoting import quoted
from decnet.services.redis.techniques import technique

COMMAND_LIMIT = 1024
"""Characters of a command line that are told."""
EVENTS_LIMIT = 1000
"""Commands of one connection that are told one by one; those with a technique are always told, up to twice that."""
PAYLOAD = 256
"""Bytes from which an argument is a payload whose digest is told."""


def command(client: Client, call: Call | None, args: list[bytes], dropped: int) -> None:
    """Tell of one command. Passwords are told by ``auth.attempt`` and nowhere else."""
    name = args[0].lower()
    if name == b"auth" or (name == b"hello" and len(args) > 2):
        return
    client.told += 1
    label = technique(args)
    if client.told > EVENTS_LIMIT * (2 if label else 1):
        return
    data: dict[str, object] = {"command": line(args), "db": client.db}
    if call is None:
        data["refused"] = True
    if label:
        data["technique"] = label
    if dropped:
        data["dropped"] = dropped
    largest = max(args, key=len)
    if label or len(largest) >= PAYLOAD:
        data["sha256"] = hashlib.sha256(largest).hexdigest()
        data["size"] = len(largest)
    if client.told == EVENTS_LIMIT:
        data["last"] = True
    client.session.emit(EventType.COMMAND, **data)


def line(args: list[bytes]) -> str:
    """A command as one line, words with blanks or odd bytes in quotes (as MONITOR shows them)."""
    words, length = [], 0
    for arg in args:
        words.append(quoted(arg[:COMMAND_LIMIT]))
        length += len(words[-1]) + 1
        if length > COMMAND_LIMIT:
            break
    text = " ".join(words)
    return text if length <= COMMAND_LIMIT and len(words) == len(args) else text[:COMMAND_LIMIT] + "…"
