"""Shell patterns (POSIX.1-2017 XCU 2.13): matched as sets of states, so that no pattern takes more than length times length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeAlias

_CLASSES: dict[str, Callable[[str], bool]] = {
    "alpha": str.isalpha,
    "digit": lambda c: c in "0123456789",
    "alnum": str.isalnum,
    "upper": str.isupper,
    "lower": str.islower,
    "space": lambda c: c in " \t\n\r\f\v",
    "blank": lambda c: c in " \t",
    "punct": lambda c: c.isascii() and c.isprintable() and not c.isalnum() and c != " ",
    "print": str.isprintable,
    "graph": lambda c: c.isprintable() and c != " ",
    "cntrl": lambda c: ord(c) < 32 or ord(c) == 127,
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
}
CLASSES = _CLASSES
Item: TypeAlias = "str | Bracket | None"
"""A character, a set, or None for ``*``; the empty string is ``?``."""
MAX_STEPS = 400_000


class Bracket:
    """``[a-z]``, ``[!…]``, ``[[:digit:]]``."""

    __slots__ = ("_classes", "_negated", "_ranges")

    def __init__(self, body: str, *, negated: bool, escapes: bool = True) -> None:
        self._negated = negated
        self._classes: list[str] = []
        self._ranges: list[tuple[str, str]] = []
        at = 0
        while at < len(body):
            if body.startswith("[:", at) and ":]" in body[at:]:
                end = body.index(":]", at)
                self._classes.append(body[at + 2 : end])
                at = end + 2
                continue
            if body[at] == "\\" and escapes and at + 1 < len(body):
                at += 1
            if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
                self._ranges.append((body[at], body[at + 2]))
                at += 3
            else:
                self._ranges.append((body[at], body[at]))
                at += 1

    def __contains__(self, char: str) -> bool:
        found = any(low <= char <= high for low, high in self._ranges) or any(
            _CLASSES[name](char) for name in self._classes if name in _CLASSES
        )
        return found != self._negated


def bracket_end(text: str, start: int) -> int:
    """Where the bracket expression that opens at ``start`` closes; -1 where it does not."""
    at = start + 1
    if text[at : at + 1] in ("!", "^"):
        at += 1
    if text[at : at + 1] == "]":
        at += 1
    while at < len(text):
        if text.startswith("[:", at) and ":]" in text[at + 2 :]:
            at = text.index(":]", at + 2) + 2
            continue
        if text[at] == "]":
            return at
        at += 2 if text[at] == "\\" else 1
    return -1


@lru_cache(maxsize=256)
def compile_pattern(text: str, *, fold: bool = False) -> tuple[Item, ...]:
    """A pattern as items; a backslash makes the next character itself."""
    items: list[Item] = []
    at = 0
    text = text.lower() if fold else text
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            at += 1
            items.append(text[at])
        elif char == "*":
            if not items or items[-1] is not None:
                items.append(None)
        elif char == "?":
            items.append("")
        elif char == "[" and (end := bracket_end(text, at)) > 0:
            body = text[at + 1 : end]
            negated = body[:1] in ("!", "^")
            items.append(Bracket(body[1:] if negated else body, negated=negated))
            at = end
        else:
            items.append(char)
        at += 1
    return tuple(items)


def escape(text: str) -> str:
    """A pattern that matches just this text."""
    return "".join("\\" + c if c in "*?[]\\" else c for c in text)


def is_pattern(text: str) -> bool:
    """Whether there is anything but literal characters."""
    return any(c in text for c in "*?[\\")


def _closure(items: tuple[Item, ...], states: set[int]) -> set[int]:
    extra = set(states)
    for state in states:
        at = state
        while at < len(items) and items[at] is None:
            at += 1
            extra.add(at)
    return extra


def _hits(item: Item, char: str) -> bool:
    if isinstance(item, str):
        return item in ("", char)
    return item is not None and char in item


def ends(items: tuple[Item, ...], text: str, start: int = 0) -> Iterator[int]:
    """Every end of a match that begins at ``start``, shortest first."""
    states = _closure(items, {0})
    done = len(items)
    for at in range(start, len(text) + 1):
        if done in states:
            yield at
        if at == len(text) or not states:
            return
        following: set[int] = set()
        for state in states:
            if state == done:
                continue
            item = items[state]
            if item is None:
                following.add(state)
            elif _hits(item, text[at]):
                following.add(state + 1)
        states = _closure(items, following)


def matches(pattern: str, text: str, *, fold: bool = False) -> bool:
    """Whether the whole text matches."""
    if not is_pattern(pattern):
        return pattern.lower() == text.lower() if fold else pattern == text
    items = compile_pattern(pattern, fold=fold)
    if items == (None,):
        return True
    text = text.lower() if fold else text
    if len(items) * len(text) > MAX_STEPS:
        return False
    return any(end == len(text) for end in ends(items, text))


def trim(text: str, pattern: str, *, suffix: bool, longest: bool) -> str:
    """``${x#p}``, ``${x##p}``, ``${x%p}``, ``${x%%p}``."""
    items = compile_pattern(pattern)
    if len(items) * len(text) > MAX_STEPS:
        return text
    if suffix:
        items, text = items[::-1], text[::-1]
    found = list(ends(items, text)) if longest else list(_first(ends(items, text)))
    kept = text[found[-1] :] if found else text
    return kept[::-1] if suffix else kept


def _first(found: Iterator[int]) -> Iterator[int]:
    for end in found:
        yield end
        return


def substitute(text: str, pattern: str, replacement: str, *, every: bool, anchor: str) -> str:
    """``${x/p/r}``, ``${x//p/r}``, ``${x/#p/r}``, ``${x/%p/r}``; the longest match each time."""
    if not pattern and not anchor:
        return text
    if not is_pattern(pattern) and not anchor:
        return text.replace(pattern, replacement, -1 if every else 1)
    items = compile_pattern(pattern)
    if anchor == "%":
        return next(
            (
                text[:at] + replacement
                for at in range(max(0, len(text) - 2000), len(text) + 1)
                if len(text) in ends(items, text, at)
            ),
            text,
        )
    out: list[str] = []
    at, steps = 0, 0
    while at < len(text) and steps < MAX_STEPS:
        found = list(ends(items, text, at))
        steps += (found[-1] - at if found else 1) * len(items) + 1
        if found and found[-1] > at:
            out.append(replacement)
            at = found[-1]
            if not every:
                break
        elif anchor:
            break
        else:
            out.append(text[at])
            at += 1
    return "".join(out) + text[at:]
