"""POSIX regular expressions (XBD 9) on Python's engine, with its bad cases cut off.

A backtracking engine takes exponential time on patterns such as ``(a+)+$``, and nothing can interrupt it. So a pattern
is read here, its worst case estimated from what repeats within what, and a text that is too long for it is cut.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from decnet.services.shell.patterns import bracket_end

STEPS = 300_000
"""Steps of the engine that one search may take at worst: some milliseconds."""
MAX_PATTERN = 2000
_CLASS_TEXT = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r" \t\n\r\f\v",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "print": " -~",
    "graph": "!-~",
    "cntrl": r"\x00-\x1f\x7f",
    "xdigit": "0-9A-Fa-f",
}


class RegexFault(Exception):  # noqa: N818 (the attacker's)
    """An invalid pattern; the text is what regcomp(3) says."""


class Found(NamedTuple):
    """A match: where, and the groups (the whole first)."""

    start: int
    end: int
    groups: tuple[str | None, ...]


class Regex:
    """A compiled pattern."""

    __slots__ = ("_pattern", "_reach")

    def __init__(self, pattern: re.Pattern[str], reach: int) -> None:
        self._pattern = pattern
        self._reach = reach

    def search(self, text: str, start: int = 0) -> Found | None:
        """The first match at or after ``start``."""
        limit = min(len(text), start + self._reach)
        match = self._pattern.search(text, start, limit)
        if match is None:
            return None
        return Found(match.start(), match.end(), (match[0], *match.groups()))

    @property
    def groups(self) -> int:
        """Number of groups."""
        return self._pattern.groups


def quote(text: str) -> str:
    """A pattern (extended) that matches just this text."""
    return re.sub(r"([][\\^$.|?*+(){}])", r"\\\1", text)


@lru_cache(maxsize=256)
def compile_regex(source: str, *, extended: bool, fold: bool = False) -> Regex:
    r"""A pattern in POSIX's basic or extended syntax, with GNU's ``\\w \\b \\< \\> \\+ \\? \\|``. Raises `RegexFault`."""
    if len(source) > MAX_PATTERN:
        raise RegexFault("Regular expression too big")
    reader = _Translator(source, extended=extended)
    translated = reader.text()
    try:
        pattern = re.compile(translated, re.IGNORECASE if fold else 0)
    except (re.error, OverflowError, RecursionError):
        raise RegexFault("Invalid regular expression") from None
    if reader.nested:
        reach = 24
    else:
        reach = int(STEPS ** (1 / (reader.repeats + 1))) if reader.repeats else 1 << 20
        reach = max(reach, 24)
    return Regex(pattern, reach)


class _Translator:
    """From POSIX to Python, counting what repeats."""

    def __init__(self, source: str, *, extended: bool) -> None:
        self._source = source
        self._extended = extended
        self._at = 0
        self._out: list[str] = []
        self._groups: list[tuple[int, int]] = []
        self.repeats = 0
        self.nested = False

    def text(self) -> str:
        atom = -1
        while self._at < len(self._source):
            lexeme = self._lexeme()
            atom = self._emit(lexeme, atom)
        if self._groups:
            raise RegexFault("Unmatched ( or \\(")
        return "".join(self._out)

    def _lexeme(self) -> str:
        """The next lexeme; operators are given as in extended syntax with a mark before them."""
        char = self._source[self._at]
        self._at += 1
        if char == "\\":
            if self._at >= len(self._source):
                raise RegexFault("Trailing backslash")
            following = self._source[self._at]
            self._at += 1
            if not self._extended and following in "(){}|+?":
                return "\0" + following
            return "\\" + following
        if self._extended and char in "(){}|+?":
            return "\0" + char
        return char

    def _emit(self, lexeme: str, atom: int) -> int:
        here = len(self._out)
        if lexeme == "\0(":
            self._groups.append((here, self.repeats))
            self._out.append("(")
            return -1
        if lexeme == "\0)":
            if not self._groups:
                raise RegexFault("Unmatched ) or \\)")
            self._out.append(")")
            return self._groups.pop()[0]
        if lexeme == "\0|":
            self._out.append("|")
            return -1
        if lexeme in ("*", "\0+", "\0?", "\0{"):
            return self._repeat(lexeme, atom)
        self._out.append(self._single(lexeme, start=atom == -1 and self._leading()))
        return -1 if self._out[-1] in ("^", "(?:^)") else here

    def _leading(self) -> bool:
        return not self._out or self._out[-1] in ("(", "|")

    def _repeat(self, lexeme: str, atom: int) -> int:
        if atom < 0:
            if lexeme == "*" or not self._extended:
                self._out.append(re.escape(lexeme[-1]))
                return len(self._out) - 1
            if lexeme == "\0{":
                self._out.append(r"\{")
                return len(self._out) - 1
            return -1
        bounds = lexeme[-1]
        unbounded = lexeme in ("*", "\0+")
        if lexeme == "\0{":
            bounds, unbounded = self._bounds()
        inside = "".join(self._out[atom:])
        if (
            (unbounded or bounds[0] == "{")
            and inside.startswith("(")
            and re.search(r"(?<!\\)[*+|{?]", inside)
        ):
            self.nested = True
        self.repeats += unbounded
        if self._out[-1][-1:] in "*+?}" and len(self._out) - 1 > atom:
            self._out[atom:] = ["(?:" + inside + ")"]
        self._out.append(bounds)
        return atom

    def _bounds(self) -> tuple[str, bool]:
        match = re.match(r"(\d*)(,?)(\d*)" + (r"\}" if self._extended else r"\\\}"), self._source[self._at :])
        if match is None or not (match[1] or match[2]):
            if self._extended:
                return r"\{", False
            raise RegexFault("Invalid preceding regular expression")
        self._at += match.end()
        low, high = int(match[1] or 0), int(match[3] or 0)
        if max(low, high) > 255 or (match[3] and high < low):
            raise RegexFault("Invalid content of \\{\\}")
        return "{" + f"{low}{match[2]}{match[3]}" + "}", bool(match[2]) and (not match[3] or high > 10)

    def _single(self, lexeme: str, *, start: bool) -> str:
        if lexeme == "[":
            return self._bracket()
        if lexeme == ".":
            return "."
        if lexeme == "^":
            return "^" if self._extended or start else r"\^"
        if lexeme == "$":
            rest = self._source[self._at :]
            last = not rest or rest.startswith((r"\)", r"\|"))
            return r"\Z" if self._extended or last else r"\$"
        if lexeme[0] == "\\":
            return self._escaped(lexeme[1])
        return re.escape(lexeme[-1])

    @staticmethod
    def _escaped(char: str) -> str:
        special = {"<": r"\b(?=\w)", ">": r"\b(?<=\w)", "`": r"\A", "'": r"\Z", "n": "\\n", "t": "\\t"}
        if char in special:
            return special[char]
        if char in "wWsSbB" or char in "123456789":
            return "\\" + char
        return re.escape(char)

    def _bracket(self) -> str:
        start = self._at - 1
        end = self._end(start)
        if end < 0:
            raise RegexFault("Unmatched [, [^, [:, [., or [=")
        body = self._source[start + 1 : end]
        self._at = end + 1
        negated = body.startswith("^")
        body = body[1:] if negated else body
        out: list[str] = []
        at = 0
        while at < len(body):
            match = re.match(r"\[:(\w+):\]", body[at:])
            if match:
                if match[1] not in _CLASS_TEXT:
                    raise RegexFault("Invalid character class name")
                out.append(_CLASS_TEXT[match[1]])
                at += match.end()
                continue
            if body[at] == "-" and 0 < at < len(body) - 1:
                out.append("-")
                if body[at + 1] < body[at - 1]:
                    raise RegexFault("Invalid range end")
            else:
                out.append("\\" + body[at] if body[at] in "\\[]^-&~|" else body[at])
            at += 1
        return f"[{'^' if negated else ''}{''.join(out)}]"

    def _end(self, start: int) -> int:
        if "\\" in self._source[start:]:
            masked = self._source.replace("\\", "/")
            return bracket_end(masked.replace("!", "x"), start)
        return bracket_end(self._source, start)
