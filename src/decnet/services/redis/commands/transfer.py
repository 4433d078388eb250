"""Values that leave and come: DUMP, RESTORE, MIGRATE, SYNC. The server itself contacts nobody."""

from __future__ import annotations

from typing import Any

from decnet.services.redis import rdb
from decnet.services.redis.call import SYNTAX, Call, number, option
from decnet.services.redis.dataset import KEY_COST, measure, milliseconds
from decnet.services.redis.reply import OK, Raw, Refused, Status
from decnet.services.redis.table import command


@command("dump")
def dump(call: Call) -> Any:
    value = call.db.get(call.key)
    return None if value is None else rdb.dump(value)


@command("restore", "restore-asking")
def restore(call: Call) -> Any:
    args = call.args
    replace, absolute = _restore_words(args)
    if not replace and call.db.get(call.key) is not None:
        raise Refused("BUSYKEY Target key name already exists.")
    ttl = call.integer(2)
    if ttl < 0:
        raise Refused("ERR Invalid TTL value, must be >= 0")
    if not rdb.checks(args[3]):
        raise Refused("ERR DUMP payload version or checksum are wrong")
    try:
        value = rdb.load(args[3])
    except ValueError:
        raise Refused("ERR Bad data format") from None
    call.state.dataset.room(measure(value) + KEY_COST)
    call.db.delete(call.key)
    when = ttl if absolute or not ttl else ttl + milliseconds()
    if when and when <= milliseconds():
        return OK
    call.db.put(call.key, value)
    if when:
        call.db.expire(call.key, when)
    return OK


def _restore_words(args: list[bytes]) -> tuple[bool, bool]:
    """Whether REPLACE and ABSTTL are said. Raises `Refused`."""
    at = 4
    replace = absolute = False
    while at < len(args):
        word = option(args[at])
        if word in {"IDLETIME", "FREQ"} and at + 1 < len(args):
            told = number(args[at + 1])
            if told < 0 or (word == "FREQ" and told > 255):
                why = (
                    "IDLETIME value, must be >= 0"
                    if word == "IDLETIME"
                    else "FREQ value, must be >= 0 and <= 255"
                )
                raise Refused(f"ERR Invalid {why}")
            at += 1
        elif word in {"REPLACE", "ABSTTL"}:
            replace, absolute = replace or word == "REPLACE", absolute or word == "ABSTTL"
        else:
            raise Refused(SYNTAX)
        at += 1
    return replace, absolute


@command("migrate")
def migrate(call: Call) -> Any:
    args, at = call.args, 6
    keys = [args[3]]
    while at < len(args):
        word, left = option(args[at]), len(args) - at - 1
        if word == "KEYS":
            if args[3]:
                raise Refused(
                    "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"
                )
            keys, at = args[at + 1 :], len(args)
        elif word in {"COPY", "REPLACE"}:
            at += 1
        elif word in {"AUTH", "AUTH2"} and left >= (1 if word == "AUTH" else 2):
            at += 2 if word == "AUTH" else 3
        else:
            raise Refused(SYNTAX)
    number(args[5])
    number(args[4])
    if all(call.db.get(key) is None for key in keys):
        return Status(b"NOKEY")
    raise Refused("IOERR error or timeout connecting to the client")


@command("sync", "psync")
def sync(call: Call) -> Any:
    """All of the data, as a replica gets it at first."""
    state = call.state
    if state.master is not None:
        raise Refused("NOMASTERLINK Can't SYNC while not connected with my master")
    call.client.replica = True
    data = rdb.snapshot(state.dataset.databases, ".".join(map(str, state.version)))
    head = f"+FULLRESYNC {state.replication_id} 0\r\n".encode() if call.spec.name == "psync" else b""
    return Raw(head + b"$%d\r\n" % len(data) + data)
