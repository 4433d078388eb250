"""Groups of consumers that share a stream."""

from __future__ import annotations

from collections import Counter
from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option
from decnet.services.redis.commands.keys import NO_KEY
from decnet.services.redis.commands.lists import wait_for
from decnet.services.redis.commands.streams import by_stream, edge, parse_id, reading
from decnet.services.redis.dataset import milliseconds
from decnet.services.redis.reply import NO_ARRAY, OK, Refused
from decnet.services.redis.stream import LAST, NODE, ZERO, Group, Id, Pending, Stream, shown
from decnet.services.redis.table import command

NO_STREAM = (
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option "
    "to create an empty stream automatically."
)
GROUPS_LIMIT = 256


def _no_group(name: bytes, key: bytes) -> Refused:
    told = b"NOGROUP No such consumer group '%b' for key name '%b'"
    return Refused(told % (name[:128], key[:128]))


def _group(call: Call, key: bytes, name: bytes) -> tuple[Stream, Group]:
    stream = call.find(Stream, key)
    if stream is None:
        raise Refused(NO_STREAM)
    group = stream.groups.get(name)
    if group is None:
        raise _no_group(name, key)
    return stream, group


@command("xgroup|create", "xgroup|setid")
def xgroup_create(call: Call) -> Any:
    args, at = call.args, 5
    creating = call.spec.name.endswith("create")
    make, read = False, None
    while at < len(args):
        word = option(args[at])
        if word == "MKSTREAM" and creating:
            make, at = True, at + 1
        elif word == "ENTRIESREAD" and at + 1 < len(args):
            read = number(args[at + 1])
            if read < -1:
                raise Refused("ERR value for ENTRIESREAD must be positive or -1")
            at += 2
        else:
            raise Refused(SYNTAX)
    stream = call.find(Stream, args[2])
    if stream is None:
        if not make:
            raise Refused(NO_STREAM)
        stream = Stream()
    last = stream.last if args[4] == b"$" else parse_id(args[4])
    if creating and args[3] in stream.groups:
        raise Refused("BUSYGROUP Consumer Group name already exists")
    if not creating and args[3] not in stream.groups:
        raise _no_group(args[3], args[2])
    if creating and len(stream.groups) >= GROUPS_LIMIT:
        raise Refused("OOM command not allowed when used memory > 'maxmemory'.")
    call.db.values[args[2]] = stream
    group = stream.groups.setdefault(args[3], Group(last, None))
    group.last, group.read = last, None if read in {None, -1} else read
    call.db.changed(args[2])
    return OK


@command("xgroup|destroy")
def xgroup_destroy(call: Call) -> Any:
    stream = call.find(Stream, call.args[2])
    if stream is None:
        raise Refused(NO_STREAM)
    gone = stream.groups.pop(call.args[3], None)
    if gone is not None:
        call.db.changed(call.args[2])
    return int(gone is not None)


@command("xgroup|createconsumer")
def xgroup_createconsumer(call: Call) -> Any:
    _, group = _group(call, call.args[2], call.args[3])
    if call.args[4] in group.consumers:
        return 0
    _seen(group, call.args[4])
    call.db.changed(call.args[2])
    return 1


@command("xgroup|delconsumer")
def xgroup_delconsumer(call: Call) -> Any:
    _, group = _group(call, call.args[2], call.args[3])
    mine = [one for one, pending in group.pending.items() if pending.consumer == call.args[4]]
    for one in mine:
        del group.pending[one]
    if group.consumers.pop(call.args[4], None) is not None:
        call.db.changed(call.args[2])
    return len(mine)


def _seen(group: Group, consumer: bytes) -> None:
    if consumer not in group.consumers and len(group.consumers) >= GROUPS_LIMIT:
        raise Refused("OOM command not allowed when used memory > 'maxmemory'.")
    group.consumers[consumer] = milliseconds()


@command("xreadgroup")
def xreadgroup(call: Call) -> Any:
    if option(call.args[1]) != "GROUP":
        raise Refused(SYNTAX)
    name, consumer = call.args[2], call.args[3]
    count, patience, silent, keys, texts = reading(call, 4)
    _readable(call, name, keys, texts)

    def attempt() -> Any:
        found: list[tuple[bytes, Any]] = []
        for key, text in zip(keys, texts, strict=True):
            stream = call.find(Stream, key)
            group = stream.groups.get(name) if stream else None
            if group is None:
                raise Refused("NOGROUP the consumer group this client was blocked on no longer exists")
            _seen(group, consumer)
            if text != b">":
                found.append((key, _history(stream, group, consumer, parse_id(text), count)))
            elif entries := _fresh(stream, group, consumer, count, silent=silent):
                found.append((key, entries))
                call.state.dataset.dirty += 1
        return by_stream(call, found) if found else None

    if patience is None:
        return attempt() or NO_ARRAY
    return wait_for(call, keys, patience, attempt, NO_ARRAY)


def _readable(call: Call, name: bytes, keys: list[bytes], texts: list[bytes]) -> None:
    """Raises `Refused` where a stream, its group or an id is wrong."""
    for key, text in zip(keys, texts, strict=True):
        stream = call.find(Stream, key)
        if stream is None or name not in stream.groups:
            told = b"NOGROUP No such key '%b' or consumer group '%b' in XREADGROUP with GROUP option"
            raise Refused(told % (key[:128], name[:128]))
        if text == b"$":
            raise Refused(
                "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer "
                "by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty "
                "result set."
            )
        if text != b">":
            parse_id(text)


def _history(stream: Stream, group: Group, consumer: bytes, after: Id, count: int) -> list[Any]:
    mine = sorted(one for one, p in group.pending.items() if p.consumer == consumer and one > after)
    chosen = mine[:count] if count else mine
    return [stream.entry(one) if one in stream.entries else [shown(one), NO_ARRAY] for one in chosen]


def _fresh(stream: Stream, group: Group, consumer: bytes, count: int, *, silent: bool) -> list[Any]:
    ids = stream.between((group.last[0], group.last[1] + 1), LAST)
    for one in ids[:count] if count else ids:
        gaps = group.read is None or stream.has_gaps(one)
        group.read = stream.distance(one) if gaps else (group.read or 0) + 1
        group.last = one
        if not silent:
            group.pending[one] = Pending(consumer, milliseconds())
    return [stream.entry(one) for one in (ids[:count] if count else ids)]


@command("xack")
def xack(call: Call) -> Any:
    stream = call.find(Stream)
    group = stream.groups.get(call.args[2]) if stream else None
    if group is None:
        return 0
    ids = [parse_id(text) for text in call.args[3:]]
    return sum(group.pending.pop(one, None) is not None for one in ids)


def _pending_of(call: Call) -> tuple[Stream, Group]:
    stream = call.find(Stream)
    group = stream.groups.get(call.args[2]) if stream else None
    if stream is None or group is None:
        told = b"NOGROUP No such key '%b' or consumer group '%b'"
        raise Refused(told % (call.key[:128], call.args[2][:128]))
    return stream, group


@command("xpending")
def xpending(call: Call) -> Any:
    args = call.args
    idle, at = 0, 3
    if len(args) > 3 and option(args[3]) == "IDLE":
        if len(args) < 8:
            raise Refused(SYNTAX)
        idle, at = call.integer(4), 5
    if len(args) != 3 and not 3 <= len(args) - at <= 4:
        raise Refused(SYNTAX)
    if len(args) > 3:
        count = max(0, number(args[at + 2]))
        low, high = edge(args[at], low=True), edge(args[at + 1], low=False)
    _, group = _pending_of(call)
    ids = sorted(group.pending)
    if len(args) == 3:
        if not ids:
            return [0, None, None, NO_ARRAY]
        owners = Counter(pending.consumer for pending in group.pending.values())
        told = [[name, b"%d" % owners[name]] for name in sorted(owners)]
        return [len(ids), shown(ids[0]), shown(ids[-1]), told]
    wanted = args[at + 3] if len(args) - at == 4 else None
    now, rows = milliseconds(), []
    for one in ids:
        pending = group.pending[one]
        if low <= one <= high and wanted in {None, pending.consumer} and now - pending.delivered >= idle:
            rows.append([shown(one), pending.consumer, max(0, now - pending.delivered), pending.count])
    return rows[:count]


@command("xclaim")
def xclaim(call: Call) -> Any:
    args = call.args
    stream, group = _pending_of(call)
    least = max(0, number(args[4], "ERR Invalid min-idle-time argument for XCLAIM"))
    at = 5
    ids = []
    while at < len(args) and args[at][:1].isdigit():
        ids.append(parse_id(args[at]))
        at += 1
    words = _claim_words(args, at)
    _seen(group, args[3])
    now, claimed = milliseconds(), []
    for one in ids:
        pending = group.pending.get(one)
        if one not in stream.entries:
            group.pending.pop(one, None)
            continue
        if pending is None:
            if "FORCE" not in words:
                continue
            pending = group.pending[one] = Pending(args[3], 0, 0)
        if now - pending.delivered < least:
            continue
        pending.consumer = args[3]
        pending.delivered = words.get("TIME", now - words.get("IDLE", 0))
        pending.count = words.get("RETRYCOUNT", pending.count + ("JUSTID" not in words))
        claimed.append(shown(one) if "JUSTID" in words else stream.entry(one))
    return claimed


def _claim_words(args: list[bytes], at: int) -> dict[str, int]:
    words: dict[str, int] = {}
    while at < len(args):
        word = option(args[at])
        if word in {"FORCE", "JUSTID"}:
            words[word] = 1
        elif word in {"IDLE", "TIME", "RETRYCOUNT"} and at + 1 < len(args):
            at += 1
            words[word] = max(0, number(args[at], f"ERR Invalid {word} option argument for XCLAIM"))
        elif word == "LASTID" and at + 1 < len(args):
            at += 1
            parse_id(args[at])
        else:
            raise Refused(b"ERR Unrecognized XCLAIM option '%b'" % args[at][:128])
        at += 1
    return words


@command("xautoclaim")
def xautoclaim(call: Call) -> Any:
    args = call.args
    least = max(0, number(args[4], "ERR Invalid min-idle-time argument for XAUTOCLAIM"))
    start, count, only, at = edge(args[5], low=True), 100, False, 6
    while at < len(args):
        word = option(args[at])
        if word == "COUNT" and at + 1 < len(args):
            count, at = number(args[at + 1], "ERR COUNT must be > 0"), at + 1
            if count < 1:
                raise Refused("ERR COUNT must be > 0")
        elif word == "JUSTID":
            only = True
        else:
            raise Refused(SYNTAX)
        at += 1
    stream, group = _pending_of(call)
    _seen(group, args[3])
    now, claimed, gone = milliseconds(), [], []
    left = sorted(one for one in group.pending if one >= start)
    for one in left[: count * 10]:
        pending = group.pending[one]
        if one not in stream.entries:
            del group.pending[one]
            gone.append(shown(one))
        elif now - pending.delivered >= least:
            pending.consumer, pending.delivered = args[3], now
            pending.count += not only
            claimed.append(shown(one) if only else stream.entry(one))
        left = left[1:]
        if len(claimed) + len(gone) >= count:
            break
    return [shown(left[0] if left else ZERO), claimed, gone]


@command("xinfo|stream")
def xinfo_stream(call: Call) -> Any:
    stream = call.find(Stream, call.args[2])
    if stream is None:
        raise Refused(NO_KEY)
    if len(call.args) > 3 and option(call.args[3]) != "FULL":
        raise Refused(SYNTAX)
    order, nodes = stream.order, -(-len(stream.order) // NODE)
    head: dict[bytes, Any] = {
        b"length": len(order),
        b"radix-tree-keys": nodes,
        b"radix-tree-nodes": nodes + 1,
        b"last-generated-id": shown(stream.last),
        b"max-deleted-entry-id": shown(stream.deleted),
        b"entries-added": stream.added,
        b"recorded-first-entry-id": shown(order[0] if order else ZERO),
    }
    if len(call.args) == 3:
        return head | {
            b"groups": len(stream.groups),
            b"first-entry": stream.entry(order[0]) if order else None,
            b"last-entry": stream.entry(order[-1]) if order else None,
        }
    return head | {
        b"entries": [stream.entry(one) for one in order[:10]],
        b"groups": [_full(stream, name, group) for name, group in sorted(stream.groups.items())],
    }


def _full(stream: Stream, name: bytes, group: Group) -> dict[bytes, Any]:
    ids = sorted(group.pending)
    return {
        b"name": name,
        b"last-delivered-id": shown(group.last),
        b"entries-read": group.read,
        b"lag": stream.lag(group),
        b"pel-count": len(ids),
        b"pel": [[shown(i), p.consumer, p.delivered, p.count] for i in ids[:10] if (p := group.pending[i])],
        b"consumers": [
            {
                b"name": consumer,
                b"seen-time": seen,
                b"pel-count": sum(p.consumer == consumer for p in group.pending.values()),
                b"pel": [
                    [shown(i), p.delivered, p.count]
                    for i in ids
                    if (p := group.pending[i]).consumer == consumer
                ][:10],
            }
            for consumer, seen in sorted(group.consumers.items())
        ],
    }


@command("xinfo|groups")
def xinfo_groups(call: Call) -> Any:
    stream = call.find(Stream, call.args[2])
    if stream is None:
        raise Refused(NO_KEY)
    return [
        {
            b"name": name,
            b"consumers": len(group.consumers),
            b"pending": len(group.pending),
            b"last-delivered-id": shown(group.last),
            b"entries-read": group.read,
            b"lag": stream.lag(group),
        }
        for name, group in sorted(stream.groups.items())
    ]


@command("xinfo|consumers")
def xinfo_consumers(call: Call) -> Any:
    stream = call.find(Stream, call.args[2])
    if stream is None:
        raise Refused(NO_KEY)
    group = stream.groups.get(call.args[3])
    if group is None:
        raise _no_group(call.args[3], call.args[2])
    now = milliseconds()
    return [
        {
            b"name": name,
            b"pending": sum(pending.consumer == name for pending in group.pending.values()),
            b"idle": max(0, now - seen),
        }
        for name, seen in sorted(group.consumers.items())
    ]
