"""Strings: GET, SET and kin, counters, bits."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from decnet.services.redis.call import NOT_FLOAT, NOT_INTEGER, SYNTAX, Call, number, option, real
from decnet.services.redis.dataset import milliseconds
from decnet.services.redis.reply import OK, Refused
from decnet.services.redis.request import integer
from decnet.services.redis.table import command, wrong_arity

STRING_LIMIT = 512 * 1024 * 1024
TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
OVERFLOW = "ERR increment or decrement would overflow"
_UNITS = {"EX": (1000, False), "PX": (1, False), "EXAT": (1000, True), "PXAT": (1, True)}
_FAR = 2**63 // 1000


def deadline(call: Call, word: str, text: bytes) -> int:
    """A time to live or a time of the options EX, PX, EXAT, PXAT, as Unix milliseconds. Raises `Refused`."""
    scale, absolute = _UNITS[word]
    value = number(text)
    name = call.spec.name
    if value <= 0 or value > (2**63 - 1) // scale:
        raise Refused(f"ERR invalid expire time in '{name}' command")
    when = value * scale + (0 if absolute else milliseconds())
    if when >= 2**63:
        raise Refused(f"ERR invalid expire time in '{name}' command")
    return when


def _read(call: Call) -> Any:
    value = call.find(bytes)
    if value is None:
        call.state.stats.misses += 1
    else:
        call.state.stats.hits += 1
    return value


@command("get")
def get(call: Call) -> Any:
    return _read(call)


@command("set")
def set_(call: Call) -> Any:
    args, db, key = call.args, call.db, call.key
    only, keep, returns, when = "", False, False, None
    at = 3
    while at < len(args):
        word = option(args[at])
        if word in {"NX", "XX"} and only in {"", word}:
            only = word
        elif word == "GET":
            returns = True
        elif word == "KEEPTTL" and when is None:
            keep = True
        elif word in _UNITS and when is None and not keep and at + 1 < len(args):
            at += 1
            when = (word, args[at])
        else:
            raise Refused(SYNTAX)
        at += 1
    expires = deadline(call, *when) if when else None
    old = call.find(bytes) if returns else db.get(key)
    if (only == "NX" and old is not None) or (only == "XX" and old is None):
        return old if returns else None
    db.put(key, args[2], keep_ttl=keep)
    if expires is not None:
        db.expire(key, expires)
        if expires <= milliseconds():
            db.get(key)
    return old if returns else OK


@command("setnx")
def setnx(call: Call) -> Any:
    if call.db.get(call.key) is not None:
        return 0
    call.db.put(call.key, call.args[2])
    return 1


@command("setex")
def setex(call: Call) -> Any:
    return _set_for(call, "EX")


@command("psetex")
def psetex(call: Call) -> Any:
    return _set_for(call, "PX")


def _set_for(call: Call, word: str) -> Any:
    when = deadline(call, word, call.args[2])
    call.db.put(call.key, call.args[3])
    call.db.expire(call.key, when)
    return OK


@command("getset")
def getset(call: Call) -> Any:
    old = _read(call)
    call.db.put(call.key, call.args[2])
    return old


@command("getdel")
def getdel(call: Call) -> Any:
    old = _read(call)
    call.db.delete(call.key)
    return old


@command("getex")
def getex(call: Call) -> Any:
    args = call.args
    expires: tuple[int | None] | None = None
    if len(args) > 2:
        word = option(args[2])
        if word == "PERSIST" and len(args) == 3:
            expires = (None,)
        elif word in _UNITS and len(args) == 4:
            expires = (deadline(call, word, args[3]),)
        else:
            raise Refused(SYNTAX)
    value = _read(call)
    if value is not None and expires is not None:
        call.db.expire(call.key, expires[0])
    return value


@command("mget")
def mget(call: Call) -> Any:
    values = [call.db.get(key) for key in call.args[1:]]
    return [value if isinstance(value, bytes) else None for value in values]


@command("mset")
def mset(call: Call) -> Any:
    if len(call.args) % 2 == 0:
        raise wrong_arity("mset")
    for key, value in zip(call.args[1::2], call.args[2::2], strict=True):
        call.db.put(key, value)
    return OK


@command("msetnx")
def msetnx(call: Call) -> Any:
    if len(call.args) % 2 == 0:
        raise wrong_arity("msetnx")
    if any(call.db.get(key) is not None for key in call.args[1::2]):
        return 0
    mset(call)
    return 1


@command("append")
def append(call: Call) -> Any:
    value = (call.find(bytes) or b"") + call.args[2]
    call.db.put(call.key, value, keep_ttl=True)
    return len(value)


@command("strlen")
def strlen(call: Call) -> Any:
    return len(_read(call) or b"")


@command("getrange", "substr")
def getrange(call: Call) -> Any:
    start, end = call.integer(2), call.integer(3)
    value = call.find(bytes) or b""
    size = len(value)
    if start < 0 and end < 0 and start > end:
        return b""
    start = max(0, start + size if start < 0 else start)
    end = max(0, end + size if end < 0 else end)
    return value[start : end + 1] if size else b""


@command("setrange")
def setrange(call: Call) -> Any:
    offset, part = call.integer(2), call.args[3]
    if offset < 0:
        raise Refused("ERR offset is out of range")
    value = call.find(bytes) or b""
    if not part:
        return len(value)
    if offset + len(part) > STRING_LIMIT:
        raise Refused(TOO_LONG)
    call.state.dataset.room(max(0, offset + len(part) - len(value)))
    value = value.ljust(offset, b"\0")
    value = value[:offset] + part + value[offset + len(part) :]
    call.db.put(call.key, value, keep_ttl=True)
    return len(value)


def _add(call: Call, amount: int) -> Any:
    text = call.find(bytes)
    value = 0 if text is None else integer(text)
    if value is None:
        raise Refused(NOT_INTEGER)
    value += amount
    if not -(2**63) <= value < 2**63:
        raise Refused(OVERFLOW)
    call.db.put(call.key, b"%d" % value, keep_ttl=True)
    return value


@command("incr")
def incr(call: Call) -> Any:
    return _add(call, 1)


@command("decr")
def decr(call: Call) -> Any:
    return _add(call, -1)


@command("incrby")
def incrby(call: Call) -> Any:
    return _add(call, call.integer(2))


@command("decrby")
def decrby(call: Call) -> Any:
    amount = call.integer(2)
    if amount == -(2**63):
        raise Refused("ERR decrement would overflow")
    return _add(call, -amount)


@command("incrbyfloat")
def incrbyfloat(call: Call) -> Any:
    value = call.find(bytes)
    total = add_decimal(value or b"0", call.args[2])
    call.db.put(call.key, total, keep_ttl=True)
    return total


def add_decimal(value: bytes, amount: bytes, problem: str = NOT_FLOAT) -> bytes:
    """A sum as INCRBYFLOAT prints it: at most 17 decimals, no zeros at the end. Raises `Refused`."""
    for text in (value, amount):
        if abs(real(text, problem if text is value else NOT_FLOAT)) > 1e300:
            raise Refused("ERR increment would produce NaN or Infinity")
    total = _extended(_extended(_fraction(value)) + _extended(_fraction(amount)))
    units = round(abs(total) * 10**17)
    whole, part = divmod(units, 10**17)
    shown = f"{whole}.{part:017d}".rstrip("0").rstrip(".")
    return ("-" + shown if total < 0 and units else shown).encode()


def _fraction(text: bytes) -> Fraction:
    word = text.decode()
    return Fraction(float.fromhex(word)) if "x" in word.lower() else Fraction(word)


def _extended(value: Fraction) -> Fraction:
    """The nearest x87 long double, which has 64 bits of mantissa: what redis counts with here."""
    if not value:
        return value
    shift = 64 - (abs(value.numerator).bit_length() - value.denominator.bit_length())
    scaled = value * Fraction(2) ** shift
    while abs(scaled) >= 2**64:
        shift -= 1
        scaled /= 2
    return Fraction(round(scaled)) / Fraction(2) ** shift
