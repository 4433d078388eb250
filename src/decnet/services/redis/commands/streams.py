"""Streams: adding, reading, trimming. The groups of consumers are in `consumers`."""

from __future__ import annotations

from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option
from decnet.services.redis.commands.keys import NO_KEY
from decnet.services.redis.commands.lists import wait_for
from decnet.services.redis.dataset import milliseconds
from decnet.services.redis.reply import NO_ARRAY, OK, Refused
from decnet.services.redis.stream import LAST, NODE, ZERO, Id, Stream, shown
from decnet.services.redis.table import command, wrong_arity

BAD_ID = "ERR Invalid stream ID specified as stream command argument"
TOO_SMALL = "ERR The ID specified in XADD is equal or smaller than the target stream top item"


def parse_id(text: bytes, missing: int = 0) -> Id:
    """``ms-seq``, or ``ms`` with ``missing`` as the second. Raises `Refused`."""
    first, dash, second = text.partition(b"-")
    for part in (first, second) if dash else (first,):
        if not part.isdigit() or len(part) > 20 or int(part) >= 2**64:
            raise Refused(BAD_ID)
    return int(first), int(second) if dash else missing


def edge(text: bytes, *, low: bool) -> Id:
    """An end of a range: ``-``, ``+``, an id, or one behind ``(`` that is not included. Raises `Refused`."""
    if text in {b"-", b"+"}:
        return ZERO if text == b"-" else LAST
    one = parse_id(text.removeprefix(b"("), 0 if low else 2**64 - 1)
    if not text.startswith(b"("):
        return one
    if one == (LAST if low else ZERO):
        raise Refused(f"ERR invalid {'start' if low else 'end'} ID for the interval")
    if low:
        return (one[0], one[1] + 1) if one[1] < LAST[1] else (one[0] + 1, 0)
    return (one[0], one[1] - 1) if one[1] else (one[0] - 1, LAST[1])


@command("xadd")
def xadd(call: Call) -> Any:
    at, make, trim = 2, True, None
    while at < len(call.args):
        word = option(call.args[at])
        if word in {"MAXLEN", "MINID"}:
            trim, at = _trimming(call, at)
        elif word == "NOMKSTREAM":
            make, at = False, at + 1
        else:
            break
    rest = call.args[at:]
    if len(rest) < 3 or len(rest) % 2 == 0:
        raise wrong_arity("xadd")
    asked = rest[0]
    open_end = asked.endswith(b"-*") and asked != b"-*"
    wanted = None if asked == b"*" else parse_id(asked[:-2] if open_end else asked)
    if wanted == ZERO and not open_end:
        raise Refused("ERR The ID specified in XADD must be greater than 0-0")
    stream = call.find(Stream)
    if stream is None:
        if not make:
            return None
        stream = Stream()
    one = _following(stream, wanted, open_end=open_end)
    call.db.values[call.key] = stream
    stream.append(one, rest[1:])
    if trim:
        _trim(stream, trim)
    call.db.changed(call.key)
    return shown(one)


def _following(stream: Stream, wanted: Id | None, *, open_end: bool) -> Id:
    """The id of the next entry. Raises `Refused`."""
    last = stream.last
    if wanted is None:
        wanted, open_end = (max(milliseconds(), last[0]), 0), True
    if open_end:
        wanted = (wanted[0], last[1] + 1 if wanted[0] == last[0] else 0)
        if wanted == ZERO:
            wanted = (0, 1)
    if wanted <= last:
        raise Refused(TOO_SMALL)
    return wanted


_Trim = tuple[str, bool, int, Id]


def _trimming(call: Call, at: int) -> tuple[_Trim, int]:
    """``MAXLEN|MINID [=|~] threshold [LIMIT count]``: what it says, and where it ends. Raises `Refused`."""
    args, kind = call.args, option(call.args[at])
    at += 1
    about = False
    if at + 1 < len(args) and args[at] in {b"~", b"="}:
        about = args[at] == b"~"
        at += 1
    if at >= len(args):
        raise Refused(SYNTAX)
    length, least = 0, ZERO
    if kind == "MAXLEN":
        length = number(args[at])
        if length < 0:
            raise Refused("ERR The MAXLEN argument must be >= 0.")
    else:
        least = parse_id(args[at])
    at += 1
    if at + 1 < len(args) and option(args[at]) == "LIMIT":
        if number(args[at + 1]) < 0:
            raise Refused("ERR The LIMIT argument must be >= 0.")
        if not about:
            raise Refused("ERR syntax error, LIMIT cannot be used without the special ~ option")
        at += 2
    return (kind, about, length, least), at


def _trim(stream: Stream, trim: _Trim) -> int:
    kind, about, length, least = trim
    extra = len(stream.order) - length if kind == "MAXLEN" else len(stream.between(ZERO, least))
    if kind == "MINID" and least in stream.entries:
        extra -= 1
    return stream.trim(max(0, extra // NODE * NODE if about else extra))


@command("xtrim")
def xtrim(call: Call) -> Any:
    if option(call.args[2]) not in {"MAXLEN", "MINID"}:
        raise Refused(SYNTAX)
    trim, at = _trimming(call, 2)
    if at != len(call.args):
        raise Refused(SYNTAX)
    stream = call.find(Stream)
    gone = _trim(stream, trim) if stream else 0
    if gone:
        call.db.changed(call.key, gone)
    return gone


@command("xlen")
def xlen(call: Call) -> Any:
    stream = call.find(Stream)
    return len(stream.order) if stream else 0


@command("xrange", "xrevrange")
def xrange(call: Call) -> Any:
    args, backwards = call.args, call.spec.name == "xrevrange"
    low, high = edge(args[3 if backwards else 2], low=True), edge(args[2 if backwards else 3], low=False)
    count = -1
    if len(args) > 4:
        if len(args) != 6 or option(args[4]) != "COUNT":
            raise Refused(SYNTAX)
        count = max(0, call.integer(5))
    stream = call.find(Stream)
    if stream is None:
        return []
    if count == 0:
        return NO_ARRAY
    found = stream.between(low, high)
    if backwards:
        found.reverse()
    return [stream.entry(one) for one in (found if count < 0 else found[:count])]


@command("xdel")
def xdel(call: Call) -> Any:
    ids = [parse_id(text) for text in call.args[2:]]
    stream = call.find(Stream)
    gone = sum(stream.drop(one) for one in ids) if stream else 0
    if gone:
        call.db.changed(call.key, gone)
    return gone


@command("xsetid")
def xsetid(call: Call) -> Any:
    args = call.args
    wanted, added, deleted, at = parse_id(args[2]), -1, ZERO, 3
    while at < len(args):
        word = option(args[at])
        if at + 1 >= len(args) or word not in {"ENTRIESADDED", "MAXDELETEDID"}:
            raise Refused(SYNTAX)
        if word == "ENTRIESADDED":
            added = number(args[at + 1])
            if added < 0:
                raise Refused("ERR entries_added must be positive")
        else:
            deleted = parse_id(args[at + 1])
            if deleted > wanted:
                raise Refused(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
                )
        at += 2
    stream = call.find(Stream)
    if stream is None:
        raise Refused(NO_KEY)
    if stream.order and wanted < stream.order[-1]:
        raise Refused("ERR The ID specified in XSETID is smaller than the target stream top item")
    if added >= 0 and added < len(stream.order):
        raise Refused("ERR The entries_added specified in XSETID is smaller than the target stream length")
    stream.last = wanted
    stream.added = added if added >= 0 else stream.added
    stream.deleted = max(stream.deleted, deleted)
    call.db.changed(call.key)
    return OK


def reading(call: Call, at: int) -> tuple[int, float | None, bool, list[bytes], list[bytes]]:
    """Words of XREAD and XREADGROUP from ``at``: count, seconds to wait, NOACK, keys, ids. Raises `Refused`."""
    args, name = call.args, call.spec.name
    count, patience, silent = 0, None, False
    while at < len(args):
        word, left = option(args[at]), len(args) - at - 1
        if word == "BLOCK" and left:
            wait = number(args[at + 1], "ERR timeout is not an integer or out of range")
            if wait < 0:
                raise Refused("ERR timeout is negative")
            patience, at = wait / 1000, at + 2
        elif word == "COUNT" and left:
            count, at = max(0, number(args[at + 1])), at + 2
        elif word == "NOACK" and name == "xreadgroup":
            silent, at = True, at + 1
        elif word == "STREAMS" and left:
            names = args[at + 1 :]
            if len(names) % 2:
                raise Refused(
                    f"ERR Unbalanced {name.upper()} list of streams: for each stream key an ID or "
                    f"'{'$' if name == 'xread' else '>'}' must be specified."
                )
            half = len(names) // 2
            return count, patience, silent, names[:half], names[half:]
        else:
            raise Refused(SYNTAX)
    raise Refused(SYNTAX)


def by_stream(call: Call, found: list[tuple[bytes, Any]]) -> Any:
    """What was read of each stream: pairs, a map in RESP3."""
    return dict(found) if call.client.out.resp3 else [[key, entries] for key, entries in found]


@command("xread")
def xread(call: Call) -> Any:
    count, patience, _, keys, texts = reading(call, 1)
    after: list[Id] = []
    for key, text in zip(keys, texts, strict=True):
        stream = call.find(Stream, key)
        if text == b">":
            raise Refused(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
            )
        after.append((stream.last if stream else ZERO) if text == b"$" else parse_id(text))

    def attempt() -> Any:
        found: list[tuple[bytes, Any]] = []
        for key, seen in zip(keys, after, strict=True):
            stream = call.find(Stream, key)
            if stream is not None and stream.last > seen:
                ids = stream.between((seen[0], seen[1] + 1), LAST)
                ids = ids[:count] if count else ids
                if ids:
                    found.append((key, [stream.entry(one) for one in ids]))
        return by_stream(call, found) if found else None

    if patience is None:
        return attempt() or NO_ARRAY
    return wait_for(call, keys, patience, attempt, NO_ARRAY)
