# ruff: noqa: C901, PLR0911 (a grammar has as many branches as rules)
"""``test``, ``[`` and ``[[``: the primaries, and the two grammars around them."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from decnet.services.shell import patterns, regex
from decnet.services.shell.nodes import Stat
from decnet.services.shell.syntax import Lit, Word

if TYPE_CHECKING:
    from decnet.services.shell.interpreter import Interpreter

UNARY = frozenset("abcdefghkprstuwxzGLNOSnovR")
BINARY = frozenset(
    ("=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef", "=~")
)
_COMPARE = ("-eq", "-ne", "-lt", "-le", "-gt", "-ge")


class ConditionFault(Exception):  # noqa: N818 (the attacker's)
    """A test that cannot be evaluated."""


def _integer(text: str) -> int:
    digits = text.strip()
    if not (digits.lstrip("+-").isascii() and digits.lstrip("+-").isdigit()) or len(digits) > 20:
        raise ConditionFault(f"{text}: integer expression expected")
    return int(digits)


def _found(shell: Interpreter, name: str, *, follow: bool = True) -> Stat | None:
    if not name:
        return None
    try:
        return shell.machine.fs.stat(shell.env.who, shell.path(name), follow=follow)
    except OSError:
        return None


_TYPES = {
    "f": stat.S_ISREG,
    "d": stat.S_ISDIR,
    "b": stat.S_ISBLK,
    "c": stat.S_ISCHR,
    "p": stat.S_ISFIFO,
    "S": stat.S_ISSOCK,
}
_BITS = {"u": stat.S_ISUID, "g": stat.S_ISGID, "k": stat.S_ISVTX}


def unary(shell: Interpreter, op: str, value: str) -> bool:
    """``-f path`` and the like."""
    letter = op[1]
    if letter in "nz":
        return bool(value) == (letter == "n")
    if letter in "vR":
        return value in shell.env.variables and not shell.env.variables[value].unset
    if letter == "o":
        return value in shell.env.options
    if letter == "t":
        return shell.session.tty and shell.fds.table.get(int(value) if value.isdigit() else -1) in (
            shell.session.terminal,
            shell.session.keyboard,
        )
    info = _found(shell, value, follow=letter not in "hL")
    if info is None:
        return False
    if letter in "rwx":
        want = {"r": 4, "w": 2, "x": 1}[letter]
        return shell.machine.fs.access(shell.env.who, shell.path(value), want)
    if letter in _TYPES:
        return _TYPES[letter](info.mode)
    if letter in _BITS:
        return bool(info.mode & _BITS[letter])
    answers = {
        "s": info.size > 0,
        "O": info.uid == shell.env.who.uid,
        "G": info.gid == shell.env.who.gid,
        "N": False,
    }
    return stat.S_ISLNK(info.mode) if letter in "hL" else answers.get(letter, True)


def binary(shell: Interpreter, left: str, op: str, right: str) -> bool:
    """``a = b``, ``1 -lt 2``, ``x -nt y``."""
    if op in _COMPARE:
        a, b = _integer(left), _integer(right)
        return (a == b, a != b, a < b, a <= b, a > b, a >= b)[_COMPARE.index(op)]
    if op in ("-nt", "-ot", "-ef"):
        one, two = _found(shell, left), _found(shell, right)
        if op == "-ef":
            return one is not None and two is not None and one.inode == two.inode
        newer, older = (one, two) if op == "-nt" else (two, one)
        return newer is not None and (older is None or newer.mtime > older.mtime)
    if op == "<":
        return left < right
    if op == ">":
        return left > right
    return (left == right) == (op != "!=")


class Plain:
    """The grammar of ``test``: words that are expanded already."""

    def __init__(self, shell: Interpreter, words: list[str]) -> None:
        self._shell = shell
        self._words = words
        self._at = 0

    def value(self) -> bool:
        """Whether it holds. Raises `ConditionFault`."""
        words = self._words
        if len(words) <= 4:
            return self._short(words)
        result = self._or()
        if self._at < len(words):
            raise ConditionFault("too many arguments")
        return result

    def _short(self, words: list[str]) -> bool:
        """POSIX's rules by number of arguments."""
        match words:
            case []:
                return False
            case [one]:
                return one != ""
            case ["!", one]:
                return one == ""
            case [op, one] if _is_unary(op):
                return unary(self._shell, op, one)
            case [op, _]:
                raise ConditionFault(f"{op}: unary operator expected")
            case [left, op, right] if op in BINARY - {"=~"}:
                return binary(self._shell, left, op, right)
            case [left, "-a", right]:
                return bool(left) and bool(right)
            case [left, "-o", right]:
                return bool(left) or bool(right)
            case ["!", *rest]:
                return not self._short(rest)
            case ["(", *rest, ")"]:
                return self._short(rest)
            case [_, op, _]:
                raise ConditionFault(f"{op}: binary operator expected")
        result = self._or()
        if self._at < len(words):
            raise ConditionFault("too many arguments")
        return result

    def _or(self) -> bool:
        value = self._and()
        while self._take("-o"):
            value = self._and() or value
        return value

    def _and(self) -> bool:
        value = self._not()
        while self._take("-a"):
            value = self._not() and value
        return value

    def _not(self) -> bool:
        negated = False
        while self._take("!"):
            negated = not negated
        return self._primary() != negated

    def _take(self, word: str) -> bool:
        if self._words[self._at : self._at + 1] == [word]:
            self._at += 1
            return True
        return False

    def _primary(self) -> bool:
        rest = self._words[self._at :]
        if not rest:
            raise ConditionFault("argument expected")
        if len(rest) > 2 and rest[1] in BINARY - {"=~"}:
            self._at += 3
            return binary(self._shell, *rest[:3])
        if len(rest) > 1 and _is_unary(rest[0]):
            self._at += 2
            return unary(self._shell, rest[0], rest[1])
        if rest[0] == "(" and ")" in rest:
            end = self._at + rest.index(")")
            value = Plain(self._shell, self._words[self._at + 1 : end]).value()
            self._at = end + 1
            return value
        self._at += 1
        return rest[0] != ""


def _is_unary(op: str) -> bool:
    return len(op) == 2 and op[0] == "-" and op[1] in UNARY


class _Extended:
    """The grammar of ``[[``: words are expanded when they are reached."""

    def __init__(self, shell: Interpreter, words: tuple[Word, ...]) -> None:
        self._shell = shell
        self._words = words
        self._at = 0

    def _raw(self, offset: int = 0) -> str:
        at = self._at + offset
        return self._words[at].source if at < len(self._words) else ""

    async def either(self, live: bool) -> bool:
        value = await self.both(live)
        while self._raw() == "||":
            self._at += 1
            value = await self.both(live and not value) or value
        return value

    async def both(self, live: bool) -> bool:
        value = await self._one(live)
        while self._raw() == "&&":
            self._at += 1
            value = await self._one(live and value) and value
        return value

    async def _one(self, live: bool) -> bool:
        if self._raw() == "!":
            self._at += 1
            return not await self._one(live)
        if self._raw() == "(":
            self._at += 1
            value = await self.either(live)
            self._at += 1
            return value
        if _is_unary(self._raw()) and self._at + 1 < len(self._words) and self._raw(1) not in BINARY:
            op = self._raw()
            self._at += 2
            operand = await self._text(self._words[self._at - 1]) if live else ""
            return live and unary(self._shell, op, operand)
        left = self._words[self._at] if self._at < len(self._words) else Word(())
        if self._raw(1) in BINARY:
            op, right = self._raw(1), self._words[self._at + 2 : self._at + 3]
            self._at += 3
            return live and await self._compare(left, op, right[0] if right else Word(()))
        self._at += 1
        return live and bool(await self._text(left))

    async def _text(self, word: Word) -> str:
        return await self._shell.expander.single(word)

    async def _compare(self, left: Word, op: str, right: Word) -> bool:
        text = await self._text(left)
        if op in ("=", "==", "!="):
            pattern = await self._shell.expander.pattern(right)
            return patterns.matches(pattern, text) == (op != "!=")
        if op == "=~":
            return await self._regex(text, right)
        other = await self._text(right)
        if op in _COMPARE:
            evaluate = self._shell.expander.evaluate
            return binary(self._shell, str(evaluate(text)), op, str(evaluate(other)))
        return binary(self._shell, text, op, other)

    async def _regex(self, text: str, right: Word) -> bool:
        pieces = await self._shell.expander.segments(right)
        source = "".join(regex.quote(piece) if quoted else piece for piece, quoted in pieces)
        if all(isinstance(part, Lit) and part.quoted for part in right.parts):
            source = regex.quote("".join(piece for piece, _ in pieces))
        try:
            found = regex.compile_regex(source, extended=True).search(text)
        except regex.RegexFault:
            raise ConditionFault("syntax error in regular expression") from None
        groups = found.groups if found else ()
        self._shell.env.set_items("BASH_REMATCH", {str(n): group or "" for n, group in enumerate(groups)})
        return found is not None


async def evaluate_words(shell: Interpreter, words: tuple[Word, ...]) -> bool:
    """Whether ``[[ words ]]`` holds. Raises `ConditionFault`."""
    return await _Extended(shell, words).either(live=True)
