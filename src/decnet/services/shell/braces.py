"""Brace expansion: ``a{b,c}d`` and ``{1..5}`` (bash(1), Brace Expansion), bounded."""

from __future__ import annotations

import re
from itertools import pairwise

from decnet.services.shell.limits import MAX_WORDS
from decnet.services.shell.syntax import Lit, Part, Word

_RANGE = re.compile(r"(-?\d{1,18}|[A-Za-z])\.\.(-?\d{1,18}|[A-Za-z])(?:\.\.(-?\d{1,18}))?")


class TooMany(Exception):  # noqa: N818 (an answer)
    """More words than can be held; ``count`` of them."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def expand(word: Word) -> list[Word]:
    """The words that a word with braces stands for; itself when it has none. Raises `TooMany`."""
    if not any(isinstance(part, Lit) and not part.quoted and "{" in part.text for part in word.parts):
        return [word]
    items: list[str | Part] = []
    for part in word.parts:
        if isinstance(part, Lit) and not part.quoted:
            items.extend(part.text)
        else:
            items.append(part)
    return [_word(made) for made in _expand(items, 0)]


def _word(items: list[str | Part]) -> Word:
    parts: list[Part] = []
    plain: list[str] = []
    for item in items:
        if isinstance(item, str):
            plain.append(item)
            continue
        if plain:
            parts.append(Lit("".join(plain)))
            plain.clear()
        parts.append(item)
    if plain:
        parts.append(Lit("".join(plain)))
    return Word(tuple(parts))


def _expand(items: list[str | Part], depth: int) -> list[list[str | Part]]:
    for start, item in enumerate(items):
        if item != "{":
            continue
        end, commas = _close(items, start)
        if end < 0:
            continue
        inner = items[start + 1 : end]
        choices = _choices(inner, commas, start, depth)
        if choices is None:
            continue
        tails = _expand(items[end + 1 :], depth + 1) if depth < 40 else [items[end + 1 :]]
        if len(choices) * len(tails) > MAX_WORDS:
            raise TooMany(len(choices) * len(tails))
        head = items[:start]
        return [[*head, *choice, *tail] for choice in choices for tail in tails]
    return [items]


def _close(items: list[str | Part], start: int) -> tuple[int, list[int]]:
    """Where the brace closes, and the commas on its level."""
    level = 0
    commas: list[int] = []
    for at in range(start, len(items)):
        item = items[at]
        if item == "{":
            level += 1
        elif item == "}":
            level -= 1
            if level == 0:
                return at, commas
        elif item == "," and level == 1:
            commas.append(at)
    return -1, []


def _choices(
    inner: list[str | Part], commas: list[int], start: int, depth: int
) -> list[list[str | Part]] | None:
    if commas:
        found: list[list[str | Part]] = []
        edges = [start, *commas, start + 1 + len(inner)]
        for left, right in pairwise(edges):
            piece = inner[left - start : right - start - 1]
            found += _expand(piece, depth + 1) if depth < 40 else [piece]
            if len(found) > MAX_WORDS:
                raise TooMany(len(found))
        return found
    if not all(isinstance(item, str) for item in inner):
        return None
    match = _RANGE.fullmatch("".join(item for item in inner if isinstance(item, str)))
    if match is None or match[1].isalpha() != match[2].isalpha():
        return None
    return [list(text) for text in _range(match[1], match[2], match[3])]


def _range(first: str, last: str, step: str | None) -> list[str]:
    letters = first.isalpha()
    low, high = (ord(first), ord(last)) if letters else (int(first), int(last))
    stride = abs(int(step)) if step else 1
    stride = stride or 1
    count = abs(high - low) // stride + 1
    if count > MAX_WORDS:
        raise TooMany(count)
    sign = 1 if high >= low else -1
    numbers = [low + sign * stride * n for n in range(count)]
    if letters:
        return [chr(number) for number in numbers]
    padded = any(re.match(r"-?0\d", text) for text in (first, last))
    width = max(len(first), len(last)) if padded else 0
    return [f"{number:0{width}d}" if width else str(number) for number in numbers]
