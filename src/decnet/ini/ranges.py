"""Ranges in section names, as in Ansible's inventories: ``web[01:05]``, ``rack-[a:c]-node[1:9:2]``.

Both ends are included; an empty start is 0; a leading zero pads; a third number is the step; letters run by code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from math import prod
from typing import overload

MAX_NAMES = 65_536
_RANGE = re.compile(r"\[([^\[\]]*)\]")
_NUMBERS = re.compile(r"([0-9]{0,9}):([0-9]{1,9})(?::([0-9]{1,9}))?")
_LETTERS = re.compile(r"([A-Za-z]):([A-Za-z])(?::([0-9]{1,9}))?")


def expand(name: str) -> tuple[str, ...]:
    """Every name that a section name stands for, in order (the last range runs fastest); itself without a range.

    Raises `ValueError` with a sentence for the user: a malformed range, an empty one, or more than 65,536 names.
    """
    if "[" not in name and "]" not in name:
        return (name,)
    return tuple("".join(words) for words in product(*map(list, _pieces(name))))


def check(name: str) -> tuple[str, int]:
    """The longest name of a range and how many names there are, without making them. Raises as `expand` does."""
    if "[" not in name and "]" not in name:
        return name, 1
    pieces = _pieces(name)
    return "".join(max((words[0], words[-1]), key=len) for words in pieces), prod(map(len, pieces))


class _Padded(Sequence[str]):
    """The words of one numeric range, made when asked for: a range may have a thousand million."""

    def __init__(self, numbers: range, width: int) -> None:
        self.numbers, self.width = numbers, width

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(str(number).zfill(self.width) for number in self.numbers[index])
        return str(self.numbers[index]).zfill(self.width)


def _pieces(name: str) -> list[Sequence[str]]:
    """The constant and the ranged parts of a name, in turn."""
    pieces: list[Sequence[str]] = []
    for number, part in enumerate(_RANGE.split(name)):
        if number % 2:
            pieces.append(_range(part))
        elif "[" in part or "]" in part:
            raise ValueError("a range is written [01:05] or [a:c]; its brackets do not match")
        else:
            pieces.append((part,))
    count = prod(map(len, pieces))
    if count > MAX_NAMES:
        raise ValueError(f"the ranges make {count} names; at most {MAX_NAMES} are possible")
    return pieces


def _range(body: str) -> Sequence[str]:
    numbers = _NUMBERS.fullmatch(body)
    letters = _LETTERS.fullmatch(body)
    if numbers:
        first, last, step = numbers[1] or "0", numbers[2], int(numbers[3] or 1)
        padded = len(first) > 1 and first[0] == "0"
        if padded and len(first) != len(last):
            raise ValueError(f"the ends of the range [{body}] must be equally long when the first is padded")
        width = len(first) if padded else 0
        low, high = int(first), int(last)
    elif letters:
        low, high, step, width = ord(letters[1]), ord(letters[2]), int(letters[3] or 1), -1
        if letters[1].islower() != letters[2].islower():
            raise ValueError(f"the range [{body}] mixes upper and lower case")
    else:
        raise ValueError(f"[{body}] is no range; write [01:05], [1:9:2] or [a:c]")
    if step < 1:
        raise ValueError(f"the step of the range [{body}] must be at least 1")
    if low > high:
        raise ValueError(f"the range [{body}] is empty: it ends before it starts")
    numbers_of = range(low, high + 1, step)
    return tuple(map(chr, numbers_of)) if width < 0 else _Padded(numbers_of, width)
