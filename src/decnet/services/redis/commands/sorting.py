"""SORT."""

from __future__ import annotations

from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option
from decnet.services.redis.dataset import SortedSet, measure, type_name
from decnet.services.redis.reply import Refused
from decnet.services.redis.table import command


@command("sort", "sort_ro")
def sort(call: Call) -> Any:  # noqa: C901 (one branch an option)
    args, at = call.args, 2
    by: bytes | None = None
    gets: list[bytes] = []
    limit, store = (0, -1), None
    descending = alpha = False
    while at < len(args):
        word, left = option(args[at]), len(args) - at - 1
        if word in {"ASC", "DESC"}:
            descending = word == "DESC"
        elif word == "ALPHA":
            alpha = True
        elif word == "LIMIT" and left >= 2:
            limit = (number(args[at + 1]), number(args[at + 2]))
            at += 2
        elif word == "STORE" and left >= 1 and call.spec.name == "sort":
            store, at = args[at + 1], at + 1
        elif word == "BY" and left >= 1:
            by, at = args[at + 1], at + 1
        elif word == "GET" and left >= 1:
            gets.append(args[at + 1])
            at += 1
        else:
            raise Refused(SYNTAX)
        at += 1
    items = _sortable(call)
    if by is None or b"*" in by:
        items = _sorted(call, items, by, alpha=alpha, descending=descending)
    start = max(0, limit[0])
    items = items[start:] if limit[1] < 0 else items[start : start + limit[1]]
    result = [_looked_up(call, pattern, item) for item in items for pattern in gets] if gets else items
    if store is None:
        return result
    kept = [item or b"" for item in result]
    call.state.dataset.room(measure(kept))
    call.db.delete(store)
    if kept:
        call.db.put(store, kept)
    return len(kept)


def _sortable(call: Call) -> list[bytes]:
    value = call.db.get(call.key)
    if value is None:
        return []
    if isinstance(value, SortedSet):
        return [member for _, member in value.order]
    if isinstance(value, bytes) or type_name(value) not in {"list", "set"}:
        raise Refused("WRONGTYPE Operation against a key holding the wrong kind of value")
    return list(value)


def _sorted(
    call: Call, items: list[bytes], by: bytes | None, *, alpha: bool, descending: bool
) -> list[bytes]:
    weights: list[tuple[Any, bytes]] = []
    for item in items:
        weight = item if by is None else _looked_up(call, by, item)
        if alpha:
            weights.append((weight or b"", item))
            continue
        try:
            weights.append((float(weight or b"0"), item))
        except ValueError:
            raise Refused("ERR One or more scores can't be converted into double") from None
    return [item for _, item in sorted(weights, reverse=descending)]


def _looked_up(call: Call, pattern: bytes, item: bytes) -> bytes | None:
    if pattern == b"#":
        return item
    if b"*" not in pattern:
        return None
    key, arrow, field = pattern.partition(b"->")
    value = call.db.get(key.replace(b"*", item, 1))
    if arrow and field:
        return value.get(field) if type(value) is dict else None
    return value if isinstance(value, bytes) else None
