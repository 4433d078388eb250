# ruff: noqa: C901, PLR0912, PLR0915 (a command has as many branches as options)
"""sort, uniq, shuf."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable
from hashlib import blake2b
from itertools import pairwise
from typing import Any, NamedTuple

from decnet.services.shell.run import Run, UsageFault, program, split_lines, why
from decnet.services.shell.scanner import text_bytes

MAX_LINES = 100_000
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


class Key(NamedTuple):
    """One sort key: fields and characters from 1, and its flags; ``end`` 0 is the end of the line."""

    start: int
    start_char: int
    end: int
    end_char: int
    flags: str


def _key(text: str) -> Key:
    match = re.fullmatch(
        r"(\d{1,6})(?:\.(\d{1,6}))?([bdfghiMnrV]*)(?:,(\d{1,6})(?:\.(\d{1,6}))?([bdfghiMnrV]*))?", text
    )
    if match is None or match[1] == "0":
        raise UsageFault(
            f"invalid number at field start: invalid count at start of ‘{text}’"
            if not match
            else "field number is zero: invalid field specification ‘" + text + "’",
            2,
        )
    return Key(
        int(match[1]), int(match[2] or 1), int(match[4] or 0), int(match[5] or 0), match[3] + (match[6] or "")
    )


def _piece(line: str, key: Key, separator: str) -> str:
    if separator:
        fields = line.split(separator)
        joined = separator
    else:
        fields = re.findall(r"[ \t]*[^ \t]+|[ \t]+$", line)
        joined = ""
    start = fields[key.start - 1 :] if key.start <= len(fields) else []
    if not start:
        return ""
    if "b" in key.flags or (not separator and key.start_char > 1):
        start[0] = start[0].lstrip(" \t")
    if key.end:
        count = key.end - key.start + 1
        start = start[: max(0, count)]
        if key.end_char and start and len(start) == count:
            start[-1] = start[-1][: key.end_char]
    return joined.join(start)[key.start_char - 1 :]


def _numeric(text: str) -> float:
    match = re.match(r"\s*(-?)(\d{0,300})(\.\d{0,300})?", text)
    return float((match[1] + (match[2] or "0") + (match[3] or "")) if match else 0)


def _human(text: str) -> tuple[int, float]:
    match = re.match(r"\s*(-?\d{0,200}\.?\d{0,200})([KMGTPE]?)", text)
    if match is None or not re.search(r"\d", match[1]):
        return 0, 0.0
    value = float(match[1])
    scale = "_KMGTPE".index(match[2] or "_")
    return (scale if value >= 0 else -scale), value


def _version(text: str) -> list[tuple[int, int, str]]:
    return [(1, int(p), "") if p.isdigit() else (0, 0, p) for p in re.findall(r"\d{1,200}|\D+", text)]


def _value(text: str, flags: str) -> Any:
    if "n" in flags or "g" in flags:
        return _numeric(text)
    if "h" in flags:
        return _human(text)
    if "V" in flags:
        return _version(text)
    if "M" in flags:
        return _MONTHS.index(text.strip()[:3].upper()) + 1 if text.strip()[:3].upper() in _MONTHS else 0
    if "d" in flags:
        text = re.sub(r"[^\w \t]", "", text)
    if "f" in flags:
        text = text.upper()
    return text_bytes(text)


class _Reversed:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment]  # what is compared by value alone has none


def _ordering(keys: list[Key], separator: str, flags: str) -> Callable[[str], list[Any]]:
    plain = "".join(c for c in flags if c in "bdfghiMnrV")

    def order(line: str) -> list[Any]:
        made: list[Any] = []
        for key in keys:
            own = key.flags if key.flags.strip("b") else key.flags + plain
            value = _value(_piece(line, Key(*key[:4], own), separator), own)
            made.append(_Reversed(value) if "r" in own else value)
        if not keys:
            value = _value(line.lstrip(" \t") if "b" in plain else line, plain)
            made.append(_Reversed(value) if "r" in plain else value)
        return made

    return order


@program("sort")
async def sort(run: Run) -> int:
    keys: list[Key] = []
    args: list[str] = []
    rest = list(run.args)
    while rest:
        arg = rest.pop(0)
        if arg.startswith("--key=") or (re.match(r"-[bdfghiMnrVus]*k", arg) and not arg.startswith("--")):
            head, _, text = arg[1:].partition("k") if not arg.startswith("--") else ("", "", arg[6:])
            args += [f"-{head}"] if head else []
            if not text:
                if not rest:
                    raise UsageFault("option requires an argument -- 'k'", 2, hint=True)
                text = rest.pop(0)
            keys.append(_key(text))
        else:
            args.append(arg)
    run.args = args
    found, names = run.options(
        "bdfghiMnrVucsmzt:o:RCS:T:",
        (
            "reverse",
            "numeric-sort",
            "unique",
            "field-separator=",
            "output=",
            "human-numeric-sort",
            "version-sort",
            "ignore-case",
            "stable",
            "random-sort",
            "general-numeric-sort",
            "check",
        ),
    )
    names_of = {
        "reverse": "r",
        "numeric-sort": "n",
        "unique": "u",
        "human-numeric-sort": "h",
        "version-sort": "V",
        "ignore-case": "f",
        "stable": "s",
        "random-sort": "R",
        "general-numeric-sort": "g",
        "check": "c",
    }
    flags = "".join(names_of.get(name, name) for name in found if len(name) == 1 or name in names_of)
    separator = found.get("t", found.get("field-separator", ""))
    if len(separator) > 1:
        raise UsageFault(f"multi-character tab '{separator}'", 2)
    lines: list[str] = []
    seen = 0
    for name in names or ["-"]:
        try:
            lines += split_lines(await run.all(run.reader(name)))
            seen += 1
        except OSError as problem:
            await run.complain(f"cannot read: {name}: {why(problem)}")
            return 2
    lines = lines[:MAX_LINES]
    order = _ordering(keys, separator, flags)
    if "c" in flags:
        for number, (a, b) in enumerate(pairwise(lines), 2):
            if order(b) < order(a):
                return await run.complain(f"{(names or ['-'])[0]}:{number}: disorder: {b}")
        return 0
    if "R" in flags:
        salt = run.machine.draw.bytes(16)
        lines = await _sorted(run, lines, lambda line: blake2b(text_bytes(line), key=salt).digest())
    else:
        last = _ordering([], "", "r" if "r" in flags else "") if not set("us") & set(flags) else None
        lines = await _sorted(run, lines, (lambda line: [order(line), last(line)]) if last else order)
    if "u" in flags:
        kept: list[str] = []
        before: Any = None
        for line in lines:
            here = order(line)
            if not kept or here != before:
                kept.append(line)
            before = here
        lines = kept
    target = found.get("o", found.get("output"))
    if target:
        run.fs.write(run.who, run.path(target), text_bytes("".join(line + "\n" for line in lines)))
        return 0
    await run.lines(lines)
    return 0


async def _sorted(run: Run, lines: list[str], order: Callable[[str], Any]) -> list[str]:
    """Sort in pieces, letting others run between them."""
    pieces: list[list[str]] = []
    for start in range(0, len(lines), 500):
        pieces.append(sorted(lines[start : start + 500], key=order))
        await run.session.budget.spend(100)
    if len(pieces) < 2:
        return pieces[0] if pieces else []
    out: list[str] = []
    for line in heapq.merge(*pieces, key=order):
        out.append(line)
        if len(out) % 256 == 0:
            await run.session.budget.spend(100)
    return out


@program("uniq")
async def uniq(run: Run) -> int:
    found, names = run.options(
        "cdiuf:s:w:z",
        ("count", "repeated", "unique", "ignore-case", "skip-fields=", "skip-chars=", "check-chars="),
    )
    flags = {
        {"count": "c", "repeated": "d", "unique": "u", "ignore-case": "i"}.get(name, name) for name in found
    }
    fields = int(found.get("f", "0")[:6]) if found.get("f", "0").isdigit() else 0
    skip = int(found.get("s", "0")[:6]) if found.get("s", "0").isdigit() else 0

    def of(line: str) -> str:
        for _ in range(fields):
            line = re.sub(r"^[ \t]*[^ \t]*", "", line)
        line = line[skip:]
        return line.lower() if "i" in flags else line

    groups: list[tuple[str, int]] = []
    async for line in run.text_lines(names[:1]):
        if groups and of(groups[-1][0]) == of(line):
            groups[-1] = (groups[-1][0], groups[-1][1] + 1)
        else:
            groups.append((line, 1))
    picked = [
        (line, n) for line, n in groups if not ("d" in flags and n < 2) and not ("u" in flags and n > 1)
    ]
    await run.lines(f"{n:7} {line}" if "c" in flags else line for line, n in picked)
    return 0


@program("shuf")
async def shuf(run: Run) -> int:
    found, names = run.options("n:i:er", ("head-count=",))
    lines = names if "e" in found else [line async for line in run.text_lines(names)]
    match = re.fullmatch(r"(\d{1,9})-(\d{1,9})", found.get("i", ""))
    if match:
        lines = [str(n) for n in range(int(match[1]), min(int(match[2]), int(match[1]) + 5000) + 1)]
    text = found.get("n", "5000")
    await run.lines(
        run.machine.draw.sample(lines[:5000], int(text) if text.isdigit() and len(text) < 6 else 5000)
    )
    return 0
