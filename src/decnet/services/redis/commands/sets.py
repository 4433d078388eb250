"""Sets."""

from __future__ import annotations

from functools import reduce
from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option
from decnet.services.redis.commands.hashes import chosen
from decnet.services.redis.commands.keys import cursor, scan_options, scan_page
from decnet.services.redis.dataset import Set, measure
from decnet.services.redis.reply import Members, Refused
from decnet.services.redis.table import command


@command("sadd")
def sadd(call: Call) -> Any:
    value = call.find(Set)
    if value is None:
        value = call.db.values[call.key] = Set()
    before = len(value)
    value.update(dict.fromkeys(call.args[2:]))
    if len(value) != before:
        call.db.changed(call.key, len(value) - before)
    return len(value) - before


@command("srem")
def srem(call: Call) -> Any:
    value = call.find(Set)
    if value is None:
        return 0
    before = len(value)
    for member in call.args[2:]:
        value.pop(member, None)
    gone = before - len(value)
    if gone:
        call.db.changed(call.key, gone)
    return gone


@command("smembers")
def smembers(call: Call) -> Any:
    return Members(call.find(Set) or ())


@command("scard")
def scard(call: Call) -> Any:
    return len(call.find(Set) or ())


@command("sismember")
def sismember(call: Call) -> Any:
    return 1 if call.args[2] in (call.find(Set) or ()) else 0


@command("smismember")
def smismember(call: Call) -> Any:
    value = call.find(Set) or ()
    return [1 if member in value else 0 for member in call.args[2:]]


@command("smove")
def smove(call: Call) -> Any:
    source, target = call.find(Set), call.find(Set, call.args[2])
    member = call.args[3]
    if source is None or member not in source:
        return 0
    if call.args[1] == call.args[2]:
        return 1
    del source[member]
    call.db.changed(call.key)
    if target is None:
        target = call.db.values[call.args[2]] = Set()
    target[member] = None
    call.db.changed(call.args[2])
    return 1


@command("spop")
def spop(call: Call) -> Any:
    count = None
    if len(call.args) > 2:
        if len(call.args) > 3:
            raise Refused(SYNTAX)
        count = number(call.args[2], "ERR value is out of range, must be positive")
        if count < 0:
            raise Refused("ERR value is out of range, must be positive")
    value = call.find(Set)
    if value is None:
        return None if count is None else Members()
    taken = chosen(call, list(value), 1 if count is None else count)
    for member in taken:
        del value[member]
    if taken:
        call.db.changed(call.key, len(taken))
    return taken[0] if count is None else Members(taken)


@command("srandmember")
def srandmember(call: Call) -> Any:
    if len(call.args) > 3:
        raise Refused(SYNTAX)
    if len(call.args) == 3:
        count = number(call.args[2])
        return chosen(call, list(call.find(Set) or ()), count)
    value = call.find(Set)
    return call.state.random.choice(list(value)) if value else None


def _combined(call: Call, kind: str, keys: list[bytes]) -> Set:
    values = [call.find(Set, key) or Set() for key in keys]
    if kind == "union":
        return Set(dict.fromkeys(member for value in values for member in value))
    if kind == "inter":
        rest = values[1:]
        return Set(dict.fromkeys(m for m in values[0] if all(m in value for value in rest)))
    return reduce(lambda left, right: Set(dict.fromkeys(m for m in left if m not in right)), values)


@command("sunion", "sinter", "sdiff")
def combine(call: Call) -> Any:
    return Members(_combined(call, call.spec.name[1:], call.args[1:]))


@command("sunionstore", "sinterstore", "sdiffstore")
def combine_store(call: Call) -> Any:
    result = _combined(call, call.spec.name[1:].removesuffix("store"), call.args[2:])
    call.state.dataset.room(measure(result))
    call.db.delete(call.key)
    if result:
        call.db.put(call.key, result)
    return len(result)


@command("sintercard")
def sintercard(call: Call) -> Any:
    count = number(call.args[1], "ERR numkeys should be greater than 0")
    if count <= 0:
        raise Refused("ERR numkeys should be greater than 0")
    if count > len(call.args) - 2:
        raise Refused("ERR Number of keys can't be greater than number of args")
    limit, rest = 0, call.args[2 + count :]
    while rest:
        if option(rest[0]) != "LIMIT" or len(rest) < 2:
            raise Refused(SYNTAX)
        limit = number(rest[1], "ERR LIMIT can't be negative")
        if limit < 0:
            raise Refused("ERR LIMIT can't be negative")
        rest = rest[2:]
    found = len(_combined(call, "inter", call.args[2 : 2 + count]))
    return min(found, limit) if limit else found


@command("sscan")
def sscan(call: Call) -> Any:
    start = cursor(call.args[2])
    match, count, _ = scan_options(call.args[3:])
    value = call.find(Set) or Set()
    following, found = scan_page(value, start, count) if value else (0, [])
    return [b"%d" % following, [member for member in found if match is None or match(member)]]
