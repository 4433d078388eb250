"""Sorted sets."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option, real
from decnet.services.redis.commands.keys import cursor, scan_options, scan_page
from decnet.services.redis.commands.lists import bounds, seconds, wait_for
from decnet.services.redis.dataset import WRONG_TYPE, Set, SortedSet, measure
from decnet.services.redis.reply import NO_ARRAY, Refused, double
from decnet.services.redis.table import command

NOT_RANGE = "ERR min or max is not a float"
NOT_LEX = "ERR min or max not valid string range item"
Pairs = list[tuple[float, bytes]]


def _value(call: Call) -> SortedSet:
    value: SortedSet | None = call.find(SortedSet)
    if value is None:
        value = call.db.values[call.key] = SortedSet()
    return value


@command("zadd")
def zadd(call: Call) -> Any:  # noqa: C901, PLR0912 (the options bear on each other)
    words: set[str] = set()
    at = 2
    while at < len(call.args) and option(call.args[at]) in {"NX", "XX", "GT", "LT", "CH", "INCR"}:
        words.add(option(call.args[at]))
        at += 1
    rest = call.args[at:]
    if not rest or len(rest) % 2:
        raise Refused(SYNTAX)
    if {"NX", "XX"} <= words:
        raise Refused("ERR XX and NX options at the same time are not compatible")
    if len(words & {"GT", "LT", "NX"}) > 1:
        raise Refused("ERR GT, LT, and/or NX options at the same time are not compatible")
    if "INCR" in words and len(rest) > 2:
        raise Refused("ERR INCR option supports a single increment-element pair")
    scores = [real(text) for text in rest[::2]]
    value = call.find(SortedSet)
    if value is None:
        if "XX" in words:
            return None if "INCR" in words else 0
        value = _value(call)
    added = changed = 0
    result: float | None = None
    for score, member in zip(scores, rest[1::2], strict=True):
        old = value.scores.get(member)
        new = score if old is None or "INCR" not in words else old + score
        if math.isnan(new):
            raise Refused("ERR resulting score is not a number (NaN)")
        if old is None:
            if "XX" in words:
                continue
            added += 1
        elif "NX" in words or ("GT" in words and new <= old) or ("LT" in words and new >= old):
            continue
        elif new != old:
            changed += 1
        value.put(member, new)
        result = new
    call.db.changed(call.key, added + changed)
    if "INCR" in words:
        return result
    return added + changed if "CH" in words else added


@command("zincrby")
def zincrby(call: Call) -> Any:
    amount = real(call.args[2])
    old = (call.find(SortedSet) or SortedSet()).scores.get(call.args[3], 0.0)
    if math.isnan(old + amount):
        raise Refused("ERR resulting score is not a number (NaN)")
    _value(call).put(call.args[3], old + amount)
    call.db.changed(call.key)
    return old + amount


@command("zrem")
def zrem(call: Call) -> Any:
    value = call.find(SortedSet)
    if value is None:
        return 0
    gone = sum(value.drop(member) for member in call.args[2:])
    if gone:
        call.db.changed(call.key, gone)
    return gone


@command("zcard")
def zcard(call: Call) -> Any:
    return len(call.find(SortedSet) or ())


@command("zscore")
def zscore(call: Call) -> Any:
    return (call.find(SortedSet) or SortedSet()).scores.get(call.args[2])


@command("zmscore")
def zmscore(call: Call) -> Any:
    value = call.find(SortedSet) or SortedSet()
    return [value.scores.get(member) for member in call.args[2:]]


@command("zrank", "zrevrank")
def zrank(call: Call) -> Any:
    value = call.find(SortedSet)
    if value is None or call.args[2] not in value.scores:
        return None
    rank: int = value.rank(call.args[2])
    return rank if call.spec.name == "zrank" else len(value) - 1 - rank


def _score_end(text: bytes) -> tuple[float, bool]:
    exclusive = text[:1] == b"("
    return real(text[1:] if exclusive else text, NOT_RANGE), exclusive


def _by_score(value: SortedSet, low: bytes, high: bytes) -> tuple[int, int]:
    (start, after), (end, before) = _score_end(low), _score_end(high)
    order = value.order
    first = (bisect_right if after else bisect_left)(order, start, key=lambda pair: pair[0])
    last = (bisect_left if before else bisect_right)(order, end, key=lambda pair: pair[0])
    return first, max(first, last)


def _lex_end(text: bytes) -> tuple[bytes, str]:
    if text in {b"-", b"+"}:
        return b"", text.decode()
    if text[:1] not in {b"[", b"("}:
        raise Refused(NOT_LEX)
    return text[1:], text[:1].decode()


def _by_lex(value: SortedSet, low: bytes, high: bytes) -> tuple[int, int]:
    (start, opening), (end, closing) = _lex_end(low), _lex_end(high)
    members = [member for _, member in value.order]
    first, last = _place(members, start, opening, 0), _place(members, end, closing, 1)
    return first, max(first, last)


def _place(members: list[bytes], edge: bytes, kind: str, side: int) -> int:
    """Where a lexical range begins (``side`` 0) or ends (1)."""
    if kind in "-+":
        return 0 if kind == "-" else len(members)
    return bisect_left(members, edge) if (kind == "[") != bool(side) else bisect_right(members, edge)


@command("zcount")
def zcount(call: Call) -> Any:
    first, last = _by_score(call.find(SortedSet) or SortedSet(), call.args[2], call.args[3])
    return last - first


@command("zlexcount")
def zlexcount(call: Call) -> Any:
    first, last = _by_lex(call.find(SortedSet) or SortedSet(), call.args[2], call.args[3])
    return last - first


def _scored(call: Call, pairs: Pairs) -> list[Any]:
    if call.client.out.resp3:
        return [[member, score] for score, member in pairs]
    return [part for score, member in pairs for part in (member, double(score))]


@command("zrange", "zrevrange", "zrangebyscore", "zrevrangebyscore", "zrangebylex", "zrevrangebylex")
def zrange(call: Call) -> Any:
    pairs, scores = _range(call, call.args, call.spec.name)
    return _scored(call, pairs) if scores else [member for _, member in pairs]


@command("zrangestore")
def zrangestore(call: Call) -> Any:
    pairs, _ = _range(call, [call.args[0], *call.args[2:]], "zrange")
    return _store(call, SortedSet((member, score) for score, member in pairs))


def _range(call: Call, args: list[bytes], name: str) -> tuple[Pairs, bool]:  # noqa: C901 (one branch an option)
    how = "SCORE" if "byscore" in name else "LEX" if "bylex" in name else ""
    backwards, scores, limit = "rev" in name, False, None
    plain, at = name == "zrange", 4
    while at < len(args):
        word = option(args[at])
        if word == "WITHSCORES" and "lex" not in name:
            scores = True
        elif word == "LIMIT" and at + 2 < len(args):
            limit = (number(args[at + 1]), number(args[at + 2]))
            at += 2
        elif word == "REV" and plain:
            backwards = True
        elif word in {"BYSCORE", "BYLEX"} and plain:
            how = word.removeprefix("BY")
        else:
            raise Refused(SYNTAX)
        at += 1
    if limit and not how:
        raise Refused("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
    if scores and how == "LEX":
        raise Refused("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
    low, high = (args[3], args[2]) if backwards and how else (args[2], args[3])
    empty = SortedSet()
    if how:
        # The ends are read before the key is looked at: a wrong one is told even where there is no key.
        (_by_score if how == "SCORE" else _by_lex)(empty, low, high)
        value = call.db.of(SortedSet, args[1]) or empty
        first, last = (_by_score if how == "SCORE" else _by_lex)(value, low, high)
        pairs = value.order[first:last]
        if backwards:
            pairs.reverse()
    else:
        start, end = number(low), number(high)
        value = call.db.of(SortedSet, args[1]) or empty
        first, last = bounds(start, end, len(value))
        pairs = value.order[::-1][first:last] if backwards else value.order[first:last]
    if limit:
        pairs = _limited(pairs, *limit)
    return pairs, scores


def _limited(pairs: Pairs, offset: int, count: int) -> Pairs:
    if offset < 0:
        return []
    return pairs[offset:] if count < 0 else pairs[offset : offset + count]


@command("zremrangebyrank", "zremrangebyscore", "zremrangebylex")
def zremrange(call: Call) -> Any:
    find: Callable[..., tuple[int, int]] = {
        "zremrangebyscore": _by_score,
        "zremrangebylex": _by_lex,
    }.get(call.spec.name, lambda value, low, high: bounds(number(low), number(high), len(value)))
    find(SortedSet(), call.args[2], call.args[3])
    value = call.find(SortedSet)
    if value is None:
        return 0
    first, last = find(value, call.args[2], call.args[3])
    gone = [member for _, member in value.order[first:last]]
    for member in gone:
        value.drop(member)
    if gone:
        call.db.changed(call.key, len(gone))
    return len(gone)


@command("zpopmin", "zpopmax")
def zpop(call: Call) -> Any:
    count = 1
    if len(call.args) > 2:
        if len(call.args) > 3:
            raise Refused(SYNTAX)
        count = number(call.args[2], "ERR value is out of range, must be positive")
        if count < 0:
            raise Refused("ERR value is out of range, must be positive")
    popped = pop(call, call.key, count, highest=call.spec.name == "zpopmax")
    if len(call.args) == 2 and call.client.out.resp3:
        return [part for score, member in popped for part in (member, score)]
    return _scored(call, popped)


def pop(call: Call, key: bytes, count: int, *, highest: bool) -> Pairs:
    """Take up to ``count`` members off an end of a sorted set that is there."""
    value = call.db.of(SortedSet, key)
    if value is None or not count:
        return []
    pairs: Pairs = value.order[-count:][::-1] if highest else value.order[:count]
    for _, member in pairs:
        value.drop(member)
    call.db.changed(key, len(pairs))
    return pairs


@command("bzpopmin", "bzpopmax")
def blocking_pop(call: Call) -> Any:
    keys, patience = call.args[1:-1], seconds(call.args[-1])

    def attempt() -> Any:
        for key in keys:
            for score, member in pop(call, key, 1, highest=call.spec.name == "bzpopmax"):
                return [key, member, score]
        return None

    return wait_for(call, keys, patience, attempt, NO_ARRAY)


@command("zrandmember")
def zrandmember(call: Call) -> Any:
    value = call.find(SortedSet) or SortedSet()
    if len(call.args) == 2:
        return call.state.random.choice(value.order)[1] if value else None
    count = number(call.args[2])
    scores = len(call.args) > 3
    if scores and (len(call.args) > 4 or option(call.args[3]) != "WITHSCORES"):
        raise Refused(SYNTAX)
    if not value or not count:
        return []
    if count < 0:
        pairs = call.state.random.choices(value.order, k=min(-count, 100_000))
    else:
        pairs = call.state.random.sample(value.order, min(count, len(value)))
    return _scored(call, pairs) if scores else [member for _, member in pairs]


@command("zunion", "zinter", "zdiff")
def combine(call: Call) -> Any:
    result, scores = _combined(call, call.args[1:], call.spec.name[1:], store=False)
    return _scored(call, result.order) if scores else [member for _, member in result.order]


@command("zunionstore", "zinterstore", "zdiffstore")
def combine_store(call: Call) -> Any:
    result, _ = _combined(call, call.args[2:], call.spec.name[1:].removesuffix("store"), store=True)
    return _store(call, result)


def _store(call: Call, result: SortedSet) -> int:
    call.state.dataset.room(measure(result))
    call.db.delete(call.key)
    if result:
        call.db.put(call.key, result)
    return len(result)


def _combined(call: Call, args: list[bytes], kind: str, *, store: bool) -> tuple[SortedSet, bool]:
    count = number(args[0])
    if count < 1:
        raise Refused(f"ERR at least 1 input key is needed for '{call.spec.name}' command")
    if count > len(args) - 1:
        raise Refused(SYNTAX)
    inputs = [member_scores(call, key) for key in args[1 : 1 + count]]
    weights, merge, scores, at = [1.0] * count, "SUM", False, 1 + count
    while at < len(args):
        word, left = option(args[at]), len(args) - at - 1
        if word == "WEIGHTS" and left >= count and kind != "diff":
            weights = [
                real(text, "ERR weight value is not a float") for text in args[at + 1 : at + 1 + count]
            ]
            at += count
        elif (
            word == "AGGREGATE" and left and kind != "diff" and option(args[at + 1]) in {"SUM", "MIN", "MAX"}
        ):
            merge = option(args[at + 1])
            at += 1
        elif word == "WITHSCORES" and not store:
            scores = True
        else:
            raise Refused(SYNTAX)
        at += 1
    return SortedSet(_merged(inputs, weights, merge, kind).items()), scores


def member_scores(call: Call, key: bytes) -> dict[bytes, float]:
    """Members and scores of a sorted set, or of a set whose scores are 1. Raises `Refused`."""
    value = call.db.get(key)
    if value is None:
        return {}
    if isinstance(value, Set):
        return dict.fromkeys(value, 1.0)
    if isinstance(value, SortedSet):
        return value.scores
    raise Refused(WRONG_TYPE)


def _merged(
    inputs: list[dict[bytes, float]], weights: list[float], merge: str, kind: str
) -> dict[bytes, float]:
    if kind == "diff":
        rest = inputs[1:]
        return {m: score for m, score in inputs[0].items() if not any(m in other for other in rest)}
    join = _JOIN[merge]
    merged: dict[bytes, float] = {}
    for scores, weight in zip(inputs, weights, strict=True):
        for member, score in scores.items():
            weighted = 0.0 if math.isnan(score * weight) else score * weight
            merged[member] = join(merged[member], weighted) if member in merged else weighted
    if kind == "inter":
        return {m: score for m, score in merged.items() if all(m in other for other in inputs)}
    return merged


def _sum(one: float, other: float) -> float:
    return 0.0 if math.isnan(one + other) else one + other


_JOIN: dict[str, Callable[[float, float], float]] = {"SUM": _sum, "MIN": min, "MAX": max}


@command("zscan")
def zscan(call: Call) -> Any:
    start = cursor(call.args[2])
    match, count, _ = scan_options(call.args[3:])
    value = call.find(SortedSet) or SortedSet()
    if len(value) <= 128:
        following, found = 0, [member for _, member in value.order]
    else:
        following, found = scan_page(value.scores, start, count)
    members = [member for member in found if match is None or match(member)]
    return [b"%d" % following, [part for m in members for part in (m, double(value.scores[m]))]]
