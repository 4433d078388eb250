"""Commands over several keys at once that came with redis 7: LMPOP, ZMPOP, their blocking forms, ZINTERCARD, LCS."""

from __future__ import annotations

from typing import Any

from decnet.services.redis.call import SYNTAX, Call, number, option
from decnet.services.redis.commands.lists import seconds, take, wait_for
from decnet.services.redis.commands.sortedsets import member_scores, pop
from decnet.services.redis.dataset import SortedSet
from decnet.services.redis.reply import NO_ARRAY, Refused
from decnet.services.redis.table import command

NOT_COUNT = "ERR count should be greater than 0"
NOT_NUMKEYS = "ERR numkeys should be greater than 0"
LCS_LIMIT = 1_000_000
"""Cells of the table of LCS: a quarter of a second."""


def _words(call: Call, at: int, sides: tuple[str, str]) -> tuple[list[bytes], bool, int]:
    """``numkeys key … SIDE [COUNT count]``: the keys, whether the first side, the count. Raises `Refused`."""
    args = call.args
    many = number(args[at], NOT_NUMKEYS)
    if many < 1:
        raise Refused(NOT_NUMKEYS)
    side = at + 1 + many
    if side >= len(args) or option(args[side]) not in sides:
        raise Refused(SYNTAX)
    count, rest = 1, args[side + 1 :]
    if rest:
        if len(rest) != 2 or option(rest[0]) != "COUNT":
            raise Refused(SYNTAX)
        count = number(rest[1], NOT_COUNT)
        if count < 1:
            raise Refused(NOT_COUNT)
    return args[at + 1 : side], option(args[side]) == sides[0], count


def _lists(call: Call, keys: list[bytes], count: int, *, left: bool) -> Any:
    for key in keys:
        value = call.db.of(list, key)
        if value is not None:
            many = min(count, len(value))
            return [key, [take(call, key, left=left) for _ in range(many)]]
    return None


@command("lmpop")
def lmpop(call: Call) -> Any:
    keys, left, count = _words(call, 1, ("LEFT", "RIGHT"))
    return _lists(call, keys, count, left=left) or NO_ARRAY


@command("blmpop")
def blmpop(call: Call) -> Any:
    patience = seconds(call.args[1])
    keys, left, count = _words(call, 2, ("LEFT", "RIGHT"))
    return wait_for(call, keys, patience, lambda: _lists(call, keys, count, left=left), NO_ARRAY)


def _sorted_sets(call: Call, keys: list[bytes], count: int, *, lowest: bool) -> Any:
    for key in keys:
        if call.db.of(SortedSet, key) is not None:
            return [key, [[member, score] for score, member in pop(call, key, count, highest=not lowest)]]
    return None


@command("zmpop")
def zmpop(call: Call) -> Any:
    keys, lowest, count = _words(call, 1, ("MIN", "MAX"))
    return _sorted_sets(call, keys, count, lowest=lowest) or NO_ARRAY


@command("bzmpop")
def bzmpop(call: Call) -> Any:
    patience = seconds(call.args[1])
    keys, lowest, count = _words(call, 2, ("MIN", "MAX"))
    return wait_for(call, keys, patience, lambda: _sorted_sets(call, keys, count, lowest=lowest), NO_ARRAY)


@command("zintercard")
def zintercard(call: Call) -> Any:
    args = call.args
    many = number(args[1])
    if many < 1:
        raise Refused("ERR at least 1 input key is needed for 'zintercard' command")
    if many > len(args) - 2:
        raise Refused(SYNTAX)
    inputs = [member_scores(call, key) for key in args[2 : 2 + many]]
    rest, limit = args[2 + many :], 0
    if rest:
        if len(rest) != 2 or option(rest[0]) != "LIMIT":
            raise Refused(SYNTAX)
        limit = number(rest[1], "ERR LIMIT can't be negative")
        if limit < 0:
            raise Refused("ERR LIMIT can't be negative")
    common = sum(all(member in other for other in inputs[1:]) for member in inputs[0])
    return min(common, limit) if limit else common


@command("lcs")
def lcs(call: Call) -> Any:
    args, at = call.args, 3
    words: set[str] = set()
    least = 0
    while at < len(args):
        word = option(args[at])
        if word == "MINMATCHLEN" and at + 1 < len(args):
            least, at = max(0, number(args[at + 1])), at + 1
        elif word in {"LEN", "IDX", "WITHMATCHLEN"}:
            words.add(word)
        else:
            raise Refused(SYNTAX)
        at += 1
    values = [call.db.get(key) for key in args[1:3]]
    if any(value is not None and not isinstance(value, bytes) for value in values):
        raise Refused("ERR The specified keys must contain string values")
    if {"LEN", "IDX"} <= words:
        raise Refused("ERR If you want both the length and indexes, please just use IDX.")
    a, b = (value or b"" for value in values)
    if len(a) * len(b) > LCS_LIMIT:
        raise Refused("ERR Insufficient memory, failed allocating transient memory for LCS")
    rows = _lengths(a, b)
    length = rows[-1][-1]
    if words == {"LEN"}:
        return length
    common, ranges = _common(a, b, rows)
    if "IDX" not in words:
        return common
    kept = [
        [list(one), list(two)] + [one[1] - one[0] + 1] * ("WITHMATCHLEN" in words)
        for one, two in ranges
        if one[1] - one[0] + 1 >= least
    ]
    return {b"matches": kept, b"len": length}


def _lengths(a: bytes, b: bytes) -> list[list[int]]:
    rows = [[0] * (len(b) + 1)]
    for byte in a:
        above, row = rows[-1], [0]
        for at, other in enumerate(b):
            row.append(above[at] + 1 if byte == other else max(above[at + 1], row[at]))
        rows.append(row)
    return rows


_Range = tuple[tuple[int, int], tuple[int, int]]


def _common(a: bytes, b: bytes, rows: list[list[int]]) -> tuple[bytes, list[_Range]]:
    """The subsequence, and where it runs in both, last first (t_string.c, lcsCommand)."""
    common, ranges = bytearray(), []
    i, j = len(a), len(b)
    run = 0
    while i > 0 and j > 0:
        if a[i - 1] == b[j - 1]:
            common.append(a[i - 1])
            i, j, run = i - 1, j - 1, run + 1
            if i > 0 and j > 0:
                continue
        if run:
            ranges.append(((i, i + run - 1), (j, j + run - 1)))
            run = 0
            continue
        if rows[i - 1][j] > rows[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return bytes(reversed(common)), ranges
