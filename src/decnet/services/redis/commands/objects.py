"""What a value is inside: OBJECT, MEMORY USAGE."""

from __future__ import annotations

from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option
from decnet.services.redis.dataset import measure, type_name
from decnet.services.redis.reply import Refused
from decnet.services.redis.request import integer
from decnet.services.redis.table import command


@command("object|encoding")
def object_encoding(call: Call) -> Any:
    value = call.db.get(call.args[2])
    return None if value is None else encoding(value).encode()


@command("object|refcount")
def object_refcount(call: Call) -> Any:
    value = call.db.get(call.args[2])
    if value is None:
        return None
    shared = isinstance(value, bytes) and (integer(value) or -1) in range(10000)
    return 2**31 - 1 if shared or value == b"0" else 1


@command("object|idletime")
def object_idletime(call: Call) -> Any:
    used = call.db.used_at.get(call.args[2])
    if call.db.values.get(call.args[2]) is None:
        return None
    return int(max(0, call.client.active - (used or 0)))


@command("object|freq")
def object_freq(call: Call) -> Any:
    if call.db.get(call.args[2]) is None:
        return None
    raise Refused(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching "
        "between policies at runtime LRU and LFU data will take some time to adjust."
    )


def encoding(value: Any) -> str:  # noqa: PLR0911 (one return a type)
    """OBJECT ENCODING by the default thresholds of redis 7."""
    kind = type_name(value)
    if kind == "string":
        if integer(value) is not None:
            return "int"
        return "embstr" if len(value) <= 44 else "raw"
    if kind in {"list", "stream"}:
        return "quicklist" if kind == "list" else "stream"
    if kind == "set":
        if len(value) <= 512 and all(integer(member) is not None for member in value):
            return "intset"
        return "hashtable"
    limit, names = (128, value.scores) if kind == "zset" else (512, value)
    longest = max((len(name) for name in names), default=0)
    if kind == "hash":
        longest = max([longest, *map(len, value.values())])
    if len(names) <= limit and longest <= 64:
        return "listpack"
    return "skiplist" if kind == "zset" else "hashtable"


@command("memory|usage")
def memory_usage(call: Call) -> Any:
    args = call.args
    if len(args) > 3:
        if len(args) != 5 or option(args[3]) != "SAMPLES":
            raise Refused(SYNTAX)
        number(args[4])
    value = call.db.get(args[2])
    if value is None:
        return None
    return 16 * ((measure(value) + len(args[2]) + 9) // 16) + 48
