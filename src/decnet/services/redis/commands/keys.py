"""Keys whatever their type: existence, lifetime, names, iteration."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from decnet.services.redis.call import NOT_INTEGER, SYNTAX, Call, number, option
from decnet.services.redis.dataset import KEY_COST, measure, milliseconds, type_name
from decnet.services.redis.pattern import glob
from decnet.services.redis.reply import OK, Refused, Status
from decnet.services.redis.request import integer
from decnet.services.redis.table import command

NO_KEY = "ERR no such key"


@command("del", "unlink")
def delete(call: Call) -> Any:
    return sum(call.db.delete(key) for key in call.args[1:])


@command("exists", "touch")
def exists(call: Call) -> Any:
    return sum(call.db.get(key) is not None for key in call.args[1:])


@command("type")
def type_(call: Call) -> Any:
    value = call.db.get(call.key)
    return Status(b"none" if value is None else type_name(value).encode())


@command("ttl")
def ttl(call: Call) -> Any:
    left = _left(call)
    return left if left < 0 else (left + 500) // 1000


@command("pttl")
def pttl(call: Call) -> Any:
    return _left(call)


@command("expiretime")
def expiretime(call: Call) -> Any:
    when = _when(call)
    return when if when < 0 else (when + 500) // 1000


@command("pexpiretime")
def pexpiretime(call: Call) -> Any:
    return _when(call)


def _when(call: Call) -> int:
    if call.db.get(call.key) is None:
        return -2
    return call.db.expires.get(call.key, -1)


def _left(call: Call) -> int:
    when = _when(call)
    return when if when < 0 else max(0, when - milliseconds())


@command("expire", "pexpire", "expireat", "pexpireat")
def expire(call: Call) -> Any:
    name, db, key = call.spec.name, call.db, call.key
    value = call.integer(2)
    scale = 1 if name.startswith("p") else 1000
    base = 0 if name.endswith("at") else milliseconds()
    when = value * scale + base
    words = _conditions(call.args[3:])
    if abs(value) > (2**63 - 1) // scale or not -(2**63) <= when < 2**63:
        raise Refused(f"ERR invalid expire time in '{name}' command")
    if db.get(key) is None or not _allowed(words, db.expires.get(key), when):
        return 0
    if when <= milliseconds():
        db.delete(key)
    else:
        db.expire(key, when)
    return 1


def _conditions(args: list[bytes]) -> set[str]:
    words = set()
    for arg in args:
        word = option(arg)
        if word not in {"NX", "XX", "GT", "LT"}:
            raise Refused(b"ERR Unsupported option %b" % arg[:128])
        words.add(word)
    if "NX" in words and len(words) > 1:
        raise Refused("ERR NX and XX, GT or LT options at the same time are not compatible")
    if {"GT", "LT"} <= words:
        raise Refused("ERR GT and LT options at the same time are not compatible")
    return words


def _allowed(words: set[str], old: int | None, when: int) -> bool:
    if old is None:
        return not words & {"XX", "GT"}
    if "NX" in words or ("GT" in words and when <= old):
        return False
    return not ("LT" in words and when >= old)


@command("persist")
def persist(call: Call) -> Any:
    if call.db.get(call.key) is None or call.key not in call.db.expires:
        return 0
    call.db.expire(call.key, None)
    return 1


@command("rename")
def rename(call: Call) -> Any:
    _rename(call)
    return OK


@command("renamenx")
def renamenx(call: Call) -> Any:
    if call.db.get(call.key) is not None and call.db.get(call.args[2]) is not None:
        return 0
    _rename(call)
    return 1


def _rename(call: Call) -> None:
    db, old, new = call.db, call.key, call.args[2]
    value = db.get(old)
    if value is None:
        raise Refused(NO_KEY)
    if old == new:
        return
    when = db.expires.get(old)
    db.put(new, value)
    if when is not None:
        db.expires[new] = when
    db.values.pop(old)
    db.expires.pop(old, None)
    db.changed(old)


@command("copy")
def copy_(call: Call) -> Any:
    args = call.args
    target, replace, at = call.client.db, False, 3
    while at < len(args):
        word = option(args[at])
        if word == "REPLACE":
            replace = True
        elif word == "DB" and at + 1 < len(args):
            at += 1
            target = number(args[at])
            if not 0 <= target < len(call.state.dataset.databases):
                raise Refused("ERR DB index is out of range")
        else:
            raise Refused(SYNTAX)
        at += 1
    there = call.state.dataset.databases[target]
    if target == call.client.db and args[1] == args[2]:
        raise Refused("ERR source and destination objects are the same")
    value = call.db.get(call.key)
    if value is None or (there.get(args[2]) is not None and not replace):
        return 0
    call.state.dataset.room(measure(value) + KEY_COST)
    there.put(args[2], copy.deepcopy(value))
    if call.key in call.db.expires:
        there.expires[args[2]] = call.db.expires[call.key]
    return 1


@command("move")
def move(call: Call) -> Any:
    target = integer(call.args[2])
    if target is None:
        raise Refused(NOT_INTEGER)
    if not 0 <= target < len(call.state.dataset.databases):
        raise Refused("ERR DB index is out of range")
    if target == call.client.db:
        raise Refused("ERR source and destination objects are the same")
    there = call.state.dataset.databases[target]
    value = call.db.get(call.key)
    if value is None or there.get(call.key) is not None:
        return 0
    there.put(call.key, value)
    if call.key in call.db.expires:
        there.expires[call.key] = call.db.expires[call.key]
    call.db.values.pop(call.key)
    call.db.expires.pop(call.key, None)
    call.db.changed(call.key)
    return 1


@command("keys")
def keys(call: Call) -> Any:
    match = glob(call.args[1]).fullmatch
    return [key for key in call.db.present() if match(key)]


@command("randomkey")
def randomkey(call: Call) -> Any:
    present = list(call.db.present())
    return call.state.random.choice(present) if present else None


@command("dbsize")
def dbsize(call: Call) -> Any:
    call.db.purge()
    return len(call.db.values)


@command("flushdb", "flushall")
def flush(call: Call) -> Any:
    if len(call.args) > 2 or (len(call.args) == 2 and option(call.args[1]) not in {"SYNC", "ASYNC"}):
        raise Refused(SYNTAX)
    everything = call.spec.name == "flushall"
    for database in call.state.dataset.databases if everything else [call.db]:
        database.flush()
    if everything:
        call.state.dataset.dirty = 1
    return OK


@command("swapdb")
def swapdb(call: Call) -> Any:
    databases = call.state.dataset.databases
    indexes = []
    for position, word in ((1, "first"), (2, "second")):
        index = integer(call.args[position])
        if index is None:
            raise Refused(f"ERR invalid {word} DB index")
        if not 0 <= index < len(databases):
            raise Refused("ERR DB index is out of range")
        indexes.append(databases[index])
    one, other = indexes
    one.values, other.values = other.values, one.values
    one.expires, other.expires = other.expires, one.expires
    one.used_at, other.used_at = other.used_at, one.used_at
    return OK


def cursor(text: bytes) -> int:
    """The cursor of a SCAN. Raises `Refused`."""
    if not text.isdigit() or len(text) > 20 or int(text) >= 2**64:
        raise Refused("ERR invalid cursor")
    return int(text)


def scan_page(items: Iterable[bytes], start: int, count: int) -> tuple[int, list[bytes]]:
    """A page of a hash table as redis walks it (dictScan): by bucket, the bits of the cursor counted in reverse.

    Whatever comes or goes between two pages, what was there all the time is seen at least once.
    """
    present = list(items)
    bits = max(2, (len(present) - 1).bit_length()) if present else 0
    if not bits:
        return 0, []
    mask = (1 << bits) - 1
    buckets: dict[int, list[bytes]] = {}
    for item in present:
        buckets.setdefault(zlib.crc32(item) & mask, []).append(item)
    found: list[bytes] = []
    at, turns = start & mask, count * 10
    while True:
        found += buckets.get(at, ())
        at = _reversed(_reversed(at, bits) + 1 & mask, bits)
        turns -= 1
        if at == 0 or len(found) >= count or turns <= 0:
            return at, found


def _reversed(value: int, bits: int) -> int:
    return int(f"{value:0{bits}b}"[::-1], 2)


def scan_options(
    args: list[bytes], *, types: bool = False
) -> tuple[Callable[[bytes], object] | None, int, str]:
    """MATCH, COUNT and TYPE of a SCAN: a function that says whether a name matches, the count, the type."""
    match: Any = None
    count, kind, at = 10, "", 0
    while at < len(args):
        word = option(args[at])
        if at + 1 >= len(args):
            raise Refused(SYNTAX)
        if word == "COUNT":
            count = number(args[at + 1])
            if count < 1:
                raise Refused(SYNTAX)
        elif word == "MATCH":
            match = glob(args[at + 1]).fullmatch
        elif word == "TYPE" and types:
            kind = args[at + 1].lower().decode("latin-1")
        else:
            raise Refused(SYNTAX)
        at += 2
    return match, count, kind


@command("scan")
def scan(call: Call) -> Any:
    start = cursor(call.args[1])
    match, count, kind = scan_options(call.args[2:], types=True)
    following, found = scan_page(call.db.present(), start, count)
    found = [key for key in found if match is None or match(key)]
    if kind:
        found = [key for key in found if type_name(call.db.values[key]) == kind]
    return [b"%d" % following, found]


@command("wait")
def wait(call: Call) -> Any:
    call.integer(1)
    if call.integer(2, "ERR timeout is not an integer or out of range") < 0:
        raise Refused("ERR timeout is negative")
    return 0
