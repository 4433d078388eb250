"""Hashes."""

from __future__ import annotations

from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option
from decnet.services.redis.commands.keys import cursor, scan_options, scan_page
from decnet.services.redis.commands.strings import OVERFLOW, add_decimal
from decnet.services.redis.reply import OK, Refused, pairs
from decnet.services.redis.request import integer
from decnet.services.redis.table import command, wrong_arity

RANDOM_LIMIT = 100_000
"""Elements that one command of a random choice with repetition may ask for."""
OUT_OF_RANGE = "ERR value is out of range"


def _hash(call: Call) -> dict[bytes, bytes]:
    """The hash, made where there is none."""
    value: dict[bytes, bytes] | None = call.find(dict)
    if value is None:
        value = call.db.values[call.key] = {}
    return value


def _set(call: Call) -> int:
    words = call.args[2:]
    if len(words) % 2:
        raise wrong_arity(call.spec.name)
    value = _hash(call)
    before = len(value)
    value.update(zip(words[::2], words[1::2], strict=True))
    call.db.changed(call.key)
    return len(value) - before


@command("hset")
def hset(call: Call) -> Any:
    return _set(call)


@command("hmset")
def hmset(call: Call) -> Any:
    _set(call)
    return OK


@command("hsetnx")
def hsetnx(call: Call) -> Any:
    value = _hash(call)
    if call.args[2] in value:
        return 0
    value[call.args[2]] = call.args[3]
    call.db.changed(call.key)
    return 1


@command("hget")
def hget(call: Call) -> Any:
    return (call.find(dict) or {}).get(call.args[2])


@command("hmget")
def hmget(call: Call) -> Any:
    value = call.find(dict) or {}
    return [value.get(field) for field in call.args[2:]]


@command("hgetall")
def hgetall(call: Call) -> Any:
    return dict(call.find(dict) or {})


@command("hkeys")
def hkeys(call: Call) -> Any:
    return list(call.find(dict) or ())


@command("hvals")
def hvals(call: Call) -> Any:
    return list((call.find(dict) or {}).values())


@command("hlen")
def hlen(call: Call) -> Any:
    return len(call.find(dict) or ())


@command("hexists")
def hexists(call: Call) -> Any:
    return 1 if call.args[2] in (call.find(dict) or {}) else 0


@command("hstrlen")
def hstrlen(call: Call) -> Any:
    return len((call.find(dict) or {}).get(call.args[2], b""))


@command("hdel")
def hdel(call: Call) -> Any:
    value = call.find(dict)
    if value is None:
        return 0
    gone = sum(value.pop(field, None) is not None for field in call.args[2:])
    if gone:
        call.db.changed(call.key, gone)
    return gone


@command("hincrby")
def hincrby(call: Call) -> Any:
    amount = call.integer(3)
    old = (call.find(dict) or {}).get(call.args[2], b"0")
    value = integer(old)
    if value is None:
        raise Refused("ERR hash value is not an integer")
    value += amount
    if not -(2**63) <= value < 2**63:
        raise Refused(OVERFLOW)
    _hash(call)[call.args[2]] = b"%d" % value
    call.db.changed(call.key)
    return value


@command("hincrbyfloat")
def hincrbyfloat(call: Call) -> Any:
    old = (call.find(dict) or {}).get(call.args[2], b"0")
    total = add_decimal(old, call.args[3], "ERR hash value is not a float")
    _hash(call)[call.args[2]] = total
    call.db.changed(call.key)
    return total


@command("hscan")
def hscan(call: Call) -> Any:
    start = cursor(call.args[2])
    match, count, _ = scan_options(call.args[3:])
    value = call.find(dict) or {}
    # A small hash is one flat block in the real server and comes in one page.
    following, found = (0, list(value)) if len(value) <= 512 else scan_page(value, start, count)
    fields = [field for field in found if match is None or match(field)]
    return [b"%d" % following, pairs((field, value[field]) for field in fields)]


@command("hrandfield")
def hrandfield(call: Call) -> Any:
    value = call.find(dict)
    with_values = len(call.args) > 3
    if with_values and (len(call.args) > 4 or option(call.args[3]) != "WITHVALUES"):
        raise Refused(SYNTAX)
    if len(call.args) == 2:
        return call.state.random.choice(list(value)) if value else None
    fields = chosen(call, list(value or ()), number(call.args[2]))
    if not with_values:
        return fields
    found = [(field, value[field]) for field in fields]
    return [list(pair) for pair in found] if call.client.out.resp3 else pairs(found)


def chosen(call: Call, items: list[bytes], count: int) -> list[bytes]:
    """``count`` of the items by chance; a negative count may repeat them. Raises `Refused`."""
    if not -(2**62) <= count <= 2**62:
        raise Refused(OUT_OF_RANGE)
    if not items or count == 0:
        return []
    if count < 0:
        return call.state.random.choices(items, k=min(-count, RANDOM_LIMIT))
    if count >= len(items):
        return items
    return call.state.random.sample(items, count)
