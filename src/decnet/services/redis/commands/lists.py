"""Lists, and waiting for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option, real
from decnet.services.redis.execute import Wait
from decnet.services.redis.reply import NO_ARRAY, OK, Refused
from decnet.services.redis.table import command

NOT_POSITIVE = "ERR value is out of range, must be positive"
NO_KEY = "ERR no such key"


def _push(call: Call, *, left: bool, create: bool) -> Any:
    value = call.find(list)
    if value is None:
        if not create:
            return 0
        value = call.db.values[call.key] = []
    if left:
        value[:0] = call.args[:1:-1]
    else:
        value += call.args[2:]
    call.db.changed(call.key, len(call.args) - 2)
    return len(value)


@command("lpush")
def lpush(call: Call) -> Any:
    return _push(call, left=True, create=True)


@command("rpush")
def rpush(call: Call) -> Any:
    return _push(call, left=False, create=True)


@command("lpushx")
def lpushx(call: Call) -> Any:
    return _push(call, left=True, create=False)


@command("rpushx")
def rpushx(call: Call) -> Any:
    return _push(call, left=False, create=False)


@command("lpop", "rpop")
def pop(call: Call) -> Any:
    left = call.spec.name == "lpop"
    if len(call.args) == 2:
        value = call.find(list)
        return None if value is None else take(call, call.key, left=left)
    count = number(call.args[2], NOT_POSITIVE)
    if count < 0:
        raise Refused(NOT_POSITIVE)
    value = call.find(list)
    if value is None:
        return NO_ARRAY
    return [take(call, call.key, left=left) for _ in range(min(count, len(value)))]


def take(call: Call, key: bytes, *, left: bool) -> bytes:
    """The first or last item of a list that is there, removed from it."""
    value = call.db.values[key]
    item: bytes = value.pop(0 if left else -1)
    call.db.changed(key)
    return item


@command("llen")
def llen(call: Call) -> Any:
    return len(call.find(list) or ())


@command("lrange")
def lrange(call: Call) -> Any:
    start, end = call.integer(2), call.integer(3)
    value = call.find(list) or []
    first, last = bounds(start, end, len(value))
    return value[first:last]


def bounds(start: int, end: int, size: int) -> tuple[int, int]:
    """A range of redis (both ends included, negative from the end) as a slice."""
    first = max(0, start + size if start < 0 else start)
    last = end + size if end < 0 else end
    return (first, min(last, size - 1) + 1) if first <= last else (0, 0)


@command("lindex")
def lindex(call: Call) -> Any:
    value = call.find(list)
    if value is None:
        return None
    index = call.integer(2)
    return value[index] if -len(value) <= index < len(value) else None


@command("lset")
def lset(call: Call) -> Any:
    value = call.find(list)
    if value is None:
        raise Refused(NO_KEY)
    index = call.integer(2)
    if not -len(value) <= index < len(value):
        raise Refused("ERR index out of range")
    value[index] = call.args[3]
    call.db.changed(call.key)
    return OK


@command("linsert")
def linsert(call: Call) -> Any:
    where = option(call.args[2])
    if where not in {"BEFORE", "AFTER"}:
        raise Refused(SYNTAX)
    value = call.find(list)
    if value is None:
        return 0
    if call.args[3] not in value:
        return -1
    value.insert(value.index(call.args[3]) + (where == "AFTER"), call.args[4])
    call.db.changed(call.key)
    return len(value)


@command("lrem")
def lrem(call: Call) -> Any:
    count = call.integer(2)
    value = call.find(list)
    if value is None:
        return 0
    wanted = call.args[3]
    found = [place for place, item in enumerate(value) if item == wanted]
    if count:
        found = found[:count] if count > 0 else found[count:]
    gone = set(found)
    if gone:
        value[:] = [item for place, item in enumerate(value) if place not in gone]
        call.db.changed(call.key, len(gone))
    return len(gone)


@command("ltrim")
def ltrim(call: Call) -> Any:
    start, end = call.integer(2), call.integer(3)
    value = call.find(list)
    if value is not None:
        first, last = bounds(start, end, len(value))
        value[:] = value[first:last]
        call.db.changed(call.key)
    return OK


@command("lpos")
def lpos(call: Call) -> Any:
    args, rank, count, longest = call.args, 1, -1, 0
    at = 3
    while at < len(args):
        word = option(args[at])
        if at + 1 >= len(args) or word not in {"RANK", "COUNT", "MAXLEN"}:
            raise Refused(SYNTAX)
        if word == "RANK":
            rank = number(args[at + 1])
            if rank == 0:
                raise Refused(
                    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
                    "negative to start from the end of the list"
                )
        else:
            value_ = number(args[at + 1])
            if value_ < 0:
                raise Refused(f"ERR {word} can't be negative")
            count, longest = (value_, longest) if word == "COUNT" else (count, value_)
        at += 2
    value = call.find(list) or []
    places = range(len(value)) if rank > 0 else range(len(value) - 1, -1, -1)
    if longest:
        places = places[:longest]
    found = [place for place in places if value[place] == args[2]][abs(rank) - 1 :]
    if count < 0:
        return found[0] if found else None
    return found[:count] if count else found


def _side(text: bytes) -> bool:
    word = option(text)
    if word not in {"LEFT", "RIGHT"}:
        raise Refused(SYNTAX)
    return word == "LEFT"


def _moved(call: Call, source: bytes, target: bytes, *, left: bool, to_left: bool) -> bytes | None:
    if call.db.of(list, source) is None:
        return None
    call.db.of(list, target)
    item = take(call, source, left=left)
    value = call.db.values.setdefault(target, [])
    value.insert(0 if to_left else len(value), item)
    call.db.changed(target)
    return item


@command("lmove")
def lmove(call: Call) -> Any:
    args = call.args
    left, to_left = _side(args[3]), _side(args[4])
    return _moved(call, args[1], args[2], left=left, to_left=to_left)


@command("rpoplpush")
def rpoplpush(call: Call) -> Any:
    return _moved(call, call.args[1], call.args[2], left=False, to_left=True)


def seconds(text: bytes) -> float:
    """A timeout; 0 is for ever. Raises `Refused`."""
    value = real(text, "ERR timeout is not a float or out of range")
    if value < 0:
        raise Refused("ERR timeout is negative")
    if value > 2**53:
        raise Refused("ERR timeout is out of range")
    return value


def wait_for(call: Call, keys: list[bytes], patience: float, attempt: Callable[[], Any], late: Any) -> Any:
    """What ``attempt`` gives, now or as soon as it gives something. In a transaction nothing waits: ``late``."""
    reply = attempt()
    if reply is not None:
        return reply
    if call.client.executing:
        return late
    raise Wait(keys, patience, attempt)


@command("blpop", "brpop")
def blocking_pop(call: Call) -> Any:
    keys, patience = call.args[1:-1], seconds(call.args[-1])

    def attempt() -> Any:
        for key in keys:
            if call.db.of(list, key) is not None:
                return [key, take(call, key, left=call.spec.name == "blpop")]
        return None

    return wait_for(call, keys, patience, attempt, NO_ARRAY)


@command("blmove")
def blmove(call: Call) -> Any:
    args = call.args
    left, to_left, patience = _side(args[3]), _side(args[4]), seconds(args[5])
    return wait_for(
        call,
        [args[1]],
        patience,
        lambda: _moved(call, args[1], args[2], left=left, to_left=to_left),
        None,
    )


@command("brpoplpush")
def brpoplpush(call: Call) -> Any:
    args = call.args
    patience = seconds(args[3])
    return wait_for(
        call, [args[1]], patience, lambda: _moved(call, args[1], args[2], left=False, to_left=True), None
    )
