# ruff: noqa: PLR0911 (a grammar has as many branches as rules)
"""Reading words: quotes, expansions and what they nest. The lower half of the parser."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from decnet.services.shell.syntax import Arith, Bad, CommandSub, Lit, Param, Part, ProcessSub, Sequence, Word

MAX_NESTING = 40
METACHARACTERS = frozenset(" \t\n;&|()<>")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED = re.compile(r"(!?)([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])")
_OPERATORS = (":-", ":=", ":?", ":+", "##", "%%", "//", "/#", "/%", "^^", ",,", *"-=?+#%/^,:@")
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "v": "\v",
}


class Incomplete(Exception):  # noqa: N818 (not an error: more input is wanted)
    """The text ends within a construct; ``wanted`` is what was looked for."""

    def __init__(self, wanted: str, line: int = 1) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.line = line


class SyntaxFault(Exception):  # noqa: N818 (the attacker's fault)
    """The text is no shell script; ``token`` is where that was seen (``newline`` at the end of a line)."""

    def __init__(self, token: str, line: int) -> None:
        super().__init__(token)
        self.token = token
        self.line = line


def ansi_c(text: str) -> str:
    r"""What ``$'…'`` and ``echo -e`` make of backslash escapes (bash(1), QUOTING)."""

    def one(match: re.Match[str]) -> str:
        body = match[1]
        if body[0] in _ESCAPES:
            return _ESCAPES[body[0]]
        if body[0] in "uU" and len(body) > 1:
            return bytes_text(chr(min(int(body[1:], 16), 0x10FFFF)).encode("utf-8", "surrogatepass"))
        if body[0] == "x" and len(body) > 1:
            return "\udcff\0"[1] if int(body[1:], 16) == 0 else byte(int(body[1:], 16))
        if body[0] == "c" and len(body) > 1:
            return chr(ord(body[1]) & 31)
        if body[0] in "01234567":
            return byte(int(body, 8) & 255)
        return body if body in "\\'\"?" else "\\" + body

    pattern = r"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|c.|.)"
    return normal(re.sub(pattern, one, text, flags=re.DOTALL))


def byte(value: int) -> str:
    """One byte as the shell's text has it: bytes past ASCII as surrogates until `normal` joins them."""
    return chr(value) if value < 128 else chr(0xDC00 + value)


def bytes_text(data: bytes) -> str:
    """Bytes as the shell's text."""
    return data.decode("utf-8", "surrogateescape")


def text_bytes(text: str) -> bytes:
    """The shell's text as bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def normal(text: str) -> str:
    """Text in which bytes that make up UTF-8 characters have become these."""
    return text if text.isascii() else bytes_text(text_bytes(text))


class Scanner(ABC):
    """A position in a text; `word` reads one word. The parser above gives it `sequence_until` for ``$(…)``."""

    def __init__(self, text: str, *, depth: int = 0, ash: bool = False) -> None:
        self.text = text
        self.at = 0
        self.depth = depth
        self.ash = ash
        self.line_base = 1

    def line(self) -> int:
        """Number of the current line, from 1."""
        return self.line_base + self.text.count("\n", 0, self.at)

    def peek(self, count: int = 1) -> str:
        """The next characters."""
        return self.text[self.at : self.at + count]

    @abstractmethod
    def substitution(self) -> Sequence:
        """The commands of ``$(…)``: from here to the closing parenthesis."""

    @abstractmethod
    def nested(self, text: str) -> Sequence:
        """The commands of a text of its own (backquotes)."""

    def deeper(self) -> None:
        """Guard against nesting that would exhaust the stack."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise SyntaxFault(self.peek() or "newline", self.line())

    def word(self, stop: frozenset[str] = METACHARACTERS) -> Word:
        """A word up to a metacharacter; empty when there is none here."""
        start = self.at
        parts: list[Part] = []
        plain: list[str] = []

        def flush() -> None:
            if plain:
                parts.append(Lit("".join(plain)))
                plain.clear()

        while self.at < len(self.text):
            char = self.text[self.at]
            if char in "<>" and self.peek(2)[1:] == "(" and not self.ash and char in stop:
                flush()
                self.at += 2
                self.deeper()
                parts.append(ProcessSub(self.substitution(), char))
                self.depth -= 1
                continue
            if char in stop:
                break
            if char in "\\'\"$`":
                special = self._special(char, quoted=False)
                if special is None:
                    plain.append(char)
                elif special:
                    flush()
                    parts.extend(special)
                continue
            plain.append(char)
            self.at += 1
        flush()
        return Word(tuple(parts), self.text[start : self.at])

    def _special(self, char: str, *, quoted: bool) -> list[Part] | None:
        """Parts made by a quoting or expanding character here; None where it stands for itself (and was passed)."""
        if char == "\\":
            return self._backslash(quoted=quoted)
        if char == "'":
            self.at += 1
            return [Lit(self._upto("'"), quoted=True)]
        if char == '"':
            self.at += 1
            return self._double_quoted()
        if char == "`":
            return [self._backquoted(quoted=quoted)]
        return self._dollar(quoted=quoted)

    def _upto(self, end: str) -> str:
        close = self.text.find(end, self.at)
        if close < 0:
            raise Incomplete(end, self.line())
        taken = self.text[self.at : close]
        self.at = close + 1
        return taken

    def _backslash(self, *, quoted: bool) -> list[Part] | None:
        following = self.peek(2)[1:]
        if following == "\n":
            self.at += 2
            if self.at >= len(self.text):
                raise Incomplete("line", self.line())
            return []
        if not following:
            raise Incomplete("line", self.line())
        if quoted and following not in '$`"\\':
            self.at += 1
            return None
        self.at += 2
        return [Lit(following, quoted=True)]

    def _double_quoted(self, *, close: str = '"') -> list[Part]:
        """The parts of a double-quoted string, or of a here-document's body when ``close`` is empty."""
        parts: list[Part] = []
        plain: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == close:
                break
            special: list[Part] | None = None
            if char in "\\$`":
                if char == "\\" and not close and self.peek(2)[1:] == '"':
                    self.at += 1
                else:
                    special = self._special(char, quoted=True)
            else:
                self.at += 1
            if special is None:
                plain.append(char)
            elif special and all(isinstance(part, Lit) for part in special):
                plain.extend(part.text for part in special if isinstance(part, Lit))
            elif special:
                parts.append(Lit("".join(plain), quoted=True))
                plain.clear()
                parts.extend(special)
        else:
            if close:
                raise Incomplete(close, self.line())
        self.at += len(close)
        if plain or not parts:
            parts.append(Lit("".join(plain), quoted=True))
        return parts

    def here_body(self) -> Word:
        """The whole text as the body of a here-document."""
        return Word(tuple(self._double_quoted(close="")), self.text)

    def quoted_word(self) -> Word:
        """The whole text as within double quotes."""
        return Word(tuple(self._double_quoted(close="")), self.text)

    def _backquoted(self, *, quoted: bool) -> Part:
        self.at += 1
        start = self.at
        while self.at < len(self.text) and self.text[self.at] != "`":
            self.at += 2 if self.text[self.at] == "\\" else 1
        if self.at >= len(self.text):
            raise Incomplete("`", self.line())
        body = self.text[start : self.at]
        self.at += 1
        escaped = r'\\([$`\\"])' if quoted else r"\\([$`\\])"
        self.deeper()
        sequence = self.nested(re.sub(escaped, r"\1", body))
        self.depth -= 1
        return CommandSub(sequence, quoted)

    def _dollar(self, *, quoted: bool) -> list[Part] | None:
        following = self.peek(2)[1:]
        if following == "(":
            return [self._parenthesis(quoted=quoted)]
        if following == "{":
            self.at += 2
            self.deeper()
            part = self._braced(quoted=quoted)
            self.depth -= 1
            return [part]
        if following == "'" and not quoted:
            self.at += 2
            return [Lit(ansi_c(self._escaped_upto()), quoted=True)]
        if following == '"' and not quoted:
            self.at += 2
            return self._double_quoted()
        match = NAME.match(self.text, self.at + 1)
        if match:
            self.at = match.end()
            return [Param(match[0], quoted=quoted)]
        if following and following in "@*#?$!-0123456789":
            self.at += 2
            return [Param(following, quoted=quoted)]
        self.at += 1
        return None

    def _escaped_upto(self) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] != "'":
            self.at += 2 if self.text[self.at] == "\\" else 1
        if self.at >= len(self.text):
            raise Incomplete("'", self.line())
        self.at += 1
        return self.text[start : self.at - 1]

    def _parenthesis(self, *, quoted: bool) -> Part:
        self.deeper()
        if self.peek(3) == "$((":
            start = self.at
            self.at += 3
            expression = self._arithmetic()
            if expression is not None:
                self.depth -= 1
                return Arith(expression, quoted)
            self.at = start
        self.at += 2
        body = self.substitution()
        self.depth -= 1
        return CommandSub(body, quoted)

    def _arithmetic(self) -> Word | None:
        """The expression up to ``))``; None where the parentheses turn out to be a subshell's."""
        start, level = self.at, 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "(":
                level += 1
            elif char == ")" and level:
                level -= 1
            elif char == ")":
                if self.peek(2) != "))":
                    return None
                body = self.text[start : self.at]
                self.at += 2
                return self.inner(body).quoted_word()
            self.at += 1
        raise Incomplete(")", self.line())

    def inner(self, text: str) -> Scanner:
        """A scanner of the same kind over another text, one level deeper."""
        made = type(self)(text, depth=self.depth + 1, ash=self.ash)
        made.line_base = self.line()
        if made.depth > MAX_NESTING:
            raise SyntaxFault(text[:1], self.line())
        return made

    def _braced(self, *, quoted: bool) -> Part:
        start = self.at
        length = self.peek() == "#" and self.peek(2) not in ("#}", "#-", "#:", "#?", "##", "#%", "#/")
        if self.peek(2) == "##" and self.peek(3) == "##}":
            length = True
        if length:
            self.at += 1
        match = _BRACED.match(self.text, self.at)
        if match is None:
            return self._bad(start)
        indirect, name = match[1] == "!", match[2]
        self.at = match.end()
        index = self._index() if self.peek() == "[" else None
        if indirect and self.peek(2) in ("*}", "@}"):
            self.at += 2
            return Param(name, "prefix", quoted=quoted)
        if indirect and index is not None and index.source in ("@", "*"):
            if self.peek() != "}":
                return self._bad(start)
            self.at += 1
            return Param(name, "keys", index=index, quoted=quoted)
        if self.peek() == "}":
            self.at += 1
            return Param(name, "length" if length else "", None, index, indirect, quoted)
        op = next((op for op in _OPERATORS if self.text.startswith(op, self.at)), "")
        if not op or length:
            return self._bad(start)
        self.at += len(op)
        arg = self._argument(quoted=quoted, pattern=op[0] in "#%/^,")
        return Param(name, op, arg, index, indirect, quoted)

    def _argument(self, *, quoted: bool, pattern: bool) -> Word:
        """The word after the operator, up to the closing brace."""
        start = self.at
        if not quoted or pattern:
            word = self.word(frozenset("}"))
            if self.peek() != "}":
                raise Incomplete("}", self.line())
            self.at += 1
            return word
        parts: list[Part] = []
        plain: list[str] = []
        while self.peek() not in ("}", ""):
            char = self.peek()
            special: list[Part] | None = None
            if char == "\\" and self.peek(2)[1:] == "}":
                self.at += 2
                special = [Lit("}", quoted=True)]
            elif char in '\\$`"':
                special = self._special(char, quoted=True)
            else:
                self.at += 1
            if special is None:
                plain.append(char)
            else:
                parts.append(Lit("".join(plain), quoted=True))
                plain.clear()
                parts.extend(special)
        if not self.peek():
            raise Incomplete("}", self.line())
        parts.append(Lit("".join(plain), quoted=True))
        self.at += 1
        return Word(tuple(parts), self.text[start : self.at - 1])

    def _index(self) -> Word:
        self.at += 1
        start, level = self.at, 1
        while self.at < len(self.text):
            level += {"[": 1, "]": -1}.get(self.text[self.at], 0)
            self.at += 1
            if not level:
                body = self.text[start : self.at - 1]
                word = self.inner(body).quoted_word()
                return Word(word.parts, body)
        raise Incomplete("]", self.line())

    def _bad(self, start: int) -> Part:
        level = 1
        while self.at < len(self.text):
            level += {"{": 1, "}": -1}.get(self.text[self.at], 0)
            self.at += 1
            if not level:
                return Bad("${" + self.text[start : self.at])
        raise Incomplete("}", self.line())
