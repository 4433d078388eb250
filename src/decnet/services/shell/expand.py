# ruff: noqa: C901, PLR0911 (a grammar has as many branches as rules)
"""Word expansion (POSIX.1-2017 XCU 2.6): tilde, parameter, command, arithmetic, splitting, pathnames, quote removal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from decnet.services.shell import braces, patterns
from decnet.services.shell.arithmetic import ArithmeticFault, Evaluator
from decnet.services.shell.environment import Variable
from decnet.services.shell.limits import MAX_TEXT, MAX_WORDS, Exhausted
from decnet.services.shell.scanner import bytes_text
from decnet.services.shell.syntax import Arith, Bad, CommandSub, Lit, Param, Part, ProcessSub, Word

if TYPE_CHECKING:
    from decnet.services.shell.interpreter import Interpreter

Segment = tuple[str, bool]
"""Text, and whether it was quoted."""
SPECIAL = frozenset("@*#?$!-0123456789")


class ExpansionFault(Exception):  # noqa: N818 (the attacker's)
    """A word that cannot be expanded; the text is the shell's message. ``fatal`` ends a script."""

    def __init__(self, message: str, *, status: int = 1, fatal: bool = True) -> None:
        super().__init__(message)
        self.status = status
        self.fatal = fatal


class Fields:
    """Fields under construction: each a list of segments."""

    __slots__ = ("_open", "done", "size")

    def __init__(self) -> None:
        self.done: list[list[Segment]] = []
        self._open: list[Segment] | None = None
        self.size = 0

    def add(self, text: str, *, quoted: bool) -> None:
        """Text at the end of the current field; quoted text makes one even when empty."""
        self.size += len(text)
        if self.size > MAX_TEXT or len(self.done) > MAX_WORDS:
            raise Exhausted
        if text or quoted:
            if self._open is None:
                self._open = []
            self._open.append((text, quoted))

    def cut(self) -> None:
        """The current field ends, if there is one."""
        if self._open is not None:
            self.done.append(self._open)
            self._open = None

    def split(self, text: str, ifs: str) -> None:
        """Unquoted text from an expansion, split at ``ifs`` (XCU 2.6.5)."""
        if not text:
            return
        if not ifs:
            self.add(text, quoted=False)
            return
        white = "".join(c for c in ifs if c in " \t\n")
        hard = "".join(c for c in ifs if c not in " \t\n")
        blank = f"[{re.escape(white)}]" if white else "(?!)"
        mark = f"[{re.escape(hard)}]" if hard else "(?!)"
        at = 0
        for match in re.finditer(f"{blank}*{mark}{blank}*|{blank}+", text):
            piece = text[at : match.start()]
            firm = any(c in hard for c in match[0])
            if piece or (firm and (at > 0 or self._open is None)):
                self.add(piece, quoted=firm and not piece)
            self.cut()
            at = match.end()
        self.add(text[at:], quoted=False)


class Expander:
    """Expands words in an interpreter's environment."""

    def __init__(self, shell: Interpreter) -> None:
        self.shell = shell
        self.env = shell.env

    async def words(self, words: tuple[Word, ...]) -> list[str]:
        """All fields of all words."""
        found: list[str] = []
        for word in words:
            literal = word.literal()
            if literal is not None and not set(literal) & set("~{*?["):
                found.append(literal)
                continue
            for one in self._braced(word):
                found += await self._fields(one)
            if len(found) > MAX_WORDS:
                raise Exhausted
        return found

    def _braced(self, word: Word) -> list[Word]:
        if self.shell.ash or "B" in self.env.options:
            return [word]
        try:
            return braces.expand(word)
        except braces.TooMany as many:
            self.shell.complain(f"brace expansion: failed to allocate memory for {many.count} elements")
            return [word]

    async def _fields(self, word: Word) -> list[str]:
        fields = Fields()
        await self._parts(self._tilde(word).parts, fields, split=True)
        fields.cut()
        found: list[str] = []
        for segments in fields.done:
            text = "".join(text for text, _ in segments)
            if "f" not in self.env.options and any(not q and any(c in t for c in "*?[") for t, q in segments):
                pattern = "".join(patterns.escape(t) if q else t for t, q in segments)
                names = await self.shell.glob(pattern)
                if names:
                    found += names
                    continue
            found.append(text)
        return found

    async def single(self, word: Word, *, assignment: bool = False) -> str:
        """The word as one text: no splitting, no pathnames."""
        literal = word.literal()
        if literal is not None and "~" not in literal:
            return literal
        fields = Fields()
        await self._parts(self._tilde(word, assignment=assignment).parts, fields, split=False)
        fields.cut()
        return " ".join("".join(text for text, _ in segments) for segments in fields.done)

    async def pattern(self, word: Word) -> str:
        """The word as a pattern, in which what was quoted stands for itself."""
        fields = Fields()
        await self._parts(self._tilde(word).parts, fields, split=False)
        fields.cut()
        return " ".join(
            "".join(patterns.escape(t) if q else t for t, q in segments) for segments in fields.done
        )

    async def segments(self, word: Word) -> list[Segment]:
        """The word's text in pieces that know whether they were quoted."""
        fields = Fields()
        await self._parts(self._tilde(word).parts, fields, split=False)
        fields.cut()
        return [segment for field in fields.done for segment in field]

    def _tilde(self, word: Word, *, assignment: bool = False) -> Word:
        first = word.parts[0] if word.parts else None
        if not isinstance(first, Lit) or first.quoted or "~" not in first.text:
            return word
        text = first.text
        if assignment:
            text = re.sub(r"(^|:)(~[^/:]*)", lambda m: m[1] + self._home(m[2]), text)
        elif text.startswith("~"):
            match = re.match(r"~[^/]*", text)
            if match and (match.end() < len(text) or len(word.parts) == 1):
                home = self._home(match[0])
                if home != match[0]:
                    rest = Lit(text[match.end() :])
                    return Word((Lit(home, quoted=True), rest, *word.parts[1:]), word.source)
        return Word((Lit(text), *word.parts[1:]), word.source)

    def _home(self, tilde: str) -> str:
        name = tilde[1:]
        if not name:
            home = self.env.get("HOME")
            return home if home is not None else self.shell.machine.user(self.env.who.name).home
        if name in ("+", "-"):
            return self.env.get("PWD" if name == "+" else "OLDPWD") or tilde
        user = self.shell.machine.users().get(name)
        return user.home if user else tilde

    async def _parts(self, parts: tuple[Part, ...], fields: Fields, *, split: bool) -> None:
        for part in parts:
            if isinstance(part, Lit):
                fields.add(part.text, quoted=part.quoted)
            elif isinstance(part, Param):
                await self._param(part, fields, split=split)
            elif isinstance(part, CommandSub):
                output = (await self.shell.capture(part.body)).rstrip("\n")
                self._value(output, fields, quoted=part.quoted, split=split)
            elif isinstance(part, Arith):
                value = str(await self.arithmetic(part.expression))
                self._value(value, fields, quoted=part.quoted, split=split)
            elif isinstance(part, ProcessSub):
                fields.add(await self.shell.process_substitution(part), quoted=True)
            elif isinstance(part, Bad):
                raise ExpansionFault(f"{part.text}: bad substitution")

    def _value(self, value: str, fields: Fields, *, quoted: bool, split: bool) -> None:
        if quoted or not split:
            fields.add(value, quoted=quoted)
        else:
            fields.split(value, self.ifs())

    def ifs(self) -> str:
        """The field separators."""
        value = self.env.get("IFS")
        return " \t\n" if value is None else value

    async def arithmetic(self, expression: Word) -> int:
        """The value of an arithmetic expression. Raises `ExpansionFault`."""
        text = await self.single(expression)
        return self.evaluate(text)

    def evaluate(self, text: str) -> int:
        """The value of an expression whose parameters are expanded."""
        if len(text) > 65_536:
            raise Exhausted
        try:
            return Evaluator(text, self._number_text, self._assign).value()
        except ArithmeticFault as fault:
            if self.shell.ash:
                message = "divide by zero" if "division by 0" in str(fault) else "arithmetic syntax error"
                raise ExpansionFault(message, status=2) from None
            raise ExpansionFault(str(fault)) from None

    def _number_text(self, name: str) -> str:
        base, bracket, index = name.partition("[")
        if not bracket:
            value = self.env.get(base)
            if value is None and "u" in self.env.options:
                raise ExpansionFault(f"{base}: unbound variable", status=127)
            return value or ""
        variable = self.env.variables.get(base, Variable())
        return self._item(variable, self._key(variable, index[:-1])) or ""

    def _assign(self, name: str, value: str) -> None:
        base, bracket, index = name.partition("[")
        self.assign(base, value, index=index[:-1] if bracket else None)

    def _key(self, variable: Variable, index: str) -> str:
        if variable.associative:
            return index
        number = self.evaluate(index)
        if number < 0 and variable.items:
            number += max(int(key) for key in variable.items) + 1
        return str(number)

    @staticmethod
    def _item(variable: Variable, key: str) -> str | None:
        if variable.items is None:
            return variable.value if key == "0" and not variable.unset else None
        return variable.items.get(key)

    def assign(self, name: str, value: str, *, index: str | None = None, append: bool = False) -> None:
        """``name[index]=value``. Raises `ExpansionFault` for a read-only variable."""
        variable = self.env.variables.get(name, Variable())
        if variable.readonly:
            raise ExpansionFault(
                f"{name}: readonly variable" if not self.shell.ash else f"{name}: is read only"
            )
        if index is not None:
            key = self._key(variable, index)
            scalar = {"0": variable.value} if variable.value else {}
            items = dict(variable.items if variable.items is not None else scalar)
            items[key] = items.get(key, "") + value if append else value
            self.env.set_items(name, items)
            return
        if variable.integer:
            value = str(self.evaluate(value) + (self.evaluate(variable.value) if append else 0))
        elif append:
            value = (self.env.get(name) or "") + value
        self.env.set(name, value)

    # Parameters

    async def _param(self, part: Param, fields: Fields, *, split: bool) -> None:
        name = part.name
        if part.indirect:
            name = self._special(name) or ""
            if not re.fullmatch(r"[A-Za-z_]\w*|[@*#?$!-]|\d+", name):
                raise ExpansionFault(
                    f"{part.name}: invalid indirect expansion"
                    if not name
                    else f"{name}: invalid variable name"
                )
        many = await self._many(part, name)
        if many is not None:
            await self._list(part, many, fields, split=split)
            return
        value = await self._scalar(part, name)
        if part.op == "length":
            fields.add(str(len(value or "")), quoted=part.quoted)
            return
        if part.op in (":-", "-", ":+", "+"):
            missing = value is None or (part.op[0] == ":" and not value)
            if missing != (part.op[-1] == "-"):
                self._value(
                    value or "" if part.op[-1] == "-" else "", fields, quoted=part.quoted, split=split
                )
            elif part.arg is not None:
                word = part.arg if part.quoted else self._tilde(part.arg)
                if part.quoted:
                    fields.add(await self.single(word), quoted=True)
                else:
                    await self._parts(word.parts, fields, split=split)
            return
        value = await self._operated(part, name, value)
        if value is None and "u" in self.env.options and not part.op:
            shown = f"{name}: unbound variable" if not self.shell.ash else f"{name}: parameter not set"
            raise ExpansionFault(shown, status=127 if not self.shell.ash else 2)
        self._value(value or "", fields, quoted=part.quoted, split=split)

    async def _many(self, part: Param, name: str) -> list[str] | None:
        """The values of ``$@``, ``${a[@]}``, ``${!a[@]}``, ``${!p*}``; None for a single value."""
        if part.op == "prefix":
            return sorted(v for v in self.env.variables if v.startswith(part.name))
        if name in ("@", "*") and part.index is None:
            return list(self.env.positional)
        if part.index is not None and part.index.source in ("@", "*"):
            variable = self.env.variables.get(name, Variable(unset=True))
            items = variable.items
            if items is None:
                items = {} if variable.unset else {"0": variable.value}
            keys = list(items) if variable.associative else sorted(items, key=int)
            return keys if part.op == "keys" else [items[key] for key in keys]
        return None

    async def _list(self, part: Param, values: list[str], fields: Fields, *, split: bool) -> None:
        star = part.name == "*" or (part.index is not None and part.index.source == "*")
        if part.op == "length":
            fields.add(str(len(values)), quoted=part.quoted)
            return
        if part.op == ":":
            values = await self._slice(part, values)
        elif part.op in (":-", "-", ":+", "+"):
            missing = not values or (part.op[0] == ":" and not "".join(values))
            if missing == (part.op[-1] == "-") and part.arg is not None:
                await self._parts(part.arg.parts, fields, split=split)
                return
            if part.op[-1] == "+":
                return
        elif part.op and part.op not in ("keys", "prefix"):
            values = [await self._edited(part, value) for value in values]
        if part.quoted and star:
            fields.add(self.ifs()[:1].join(values), quoted=True)
            return
        if not split and not part.quoted:
            fields.add((self.ifs()[:1] if star else " ").join(values), quoted=False)
            return
        for position, value in enumerate(values):
            if position:
                fields.cut()
            if part.quoted:
                fields.add(value, quoted=True)
            else:
                fields.split(value, self.ifs())

    async def _slice(self, part: Param, values: list[str]) -> list[str]:
        offset, length = await self._bounds(part)
        if part.name in ("@", "*") and part.index is None:
            values = [self.env.name, *values]
        start = offset if offset >= 0 else max(0, len(values) + offset)
        return values[start:] if length is None else values[start : start + max(0, length)]

    async def _scalar(self, part: Param, name: str) -> str | None:
        if part.index is not None:
            variable = self.env.variables.get(name, Variable(unset=True))
            index = await self.single(part.index)
            return self._item(variable, self._key(variable, index))
        return self._special(name)

    def _special(self, name: str) -> str | None:
        """A parameter by name, special ones included."""
        env = self.env
        if name.isdigit():
            number = int(name[:9])
            if number == 0:
                return env.name
            return env.positional[number - 1] if number <= len(env.positional) else None
        simple = {
            "#": str(len(env.positional)),
            "?": str(env.status),
            "$": str(env.pid),
            "!": str(env.background) if env.background else "",
            "-": self.shell.flags(),
            "@": " ".join(env.positional),
            "*": " ".join(env.positional),
        }
        if name in simple:
            return simple[name]
        return env.get(name) if name in env.variables else self.shell.dynamic(name)

    async def _operated(self, part: Param, name: str, value: str | None) -> str | None:
        op = part.op
        if not op or op in ("keys", "prefix"):
            return value
        missing = value is None or (op[0] == ":" and not value)
        if op in (":=", "="):
            if missing and part.arg is not None:
                value = await self.single(part.arg)
                self.assign(name, value)
            return value
        if op in (":?", "?"):
            if missing:
                message = await self.single(part.arg) if part.arg and part.arg.parts else ""
                default = "parameter null or not set" if op == ":?" else "parameter not set"
                raise ExpansionFault(f"{name}: {message or default}", status=127 if not self.shell.ash else 2)
            return value
        if value is None:
            if "u" in self.env.options:
                raise ExpansionFault(f"{name}: unbound variable", status=127)
            value = ""
        return await self._edited(part, value)

    async def _edited(self, part: Param, value: str) -> str:
        op, arg = part.op, part.arg or Word(())
        if op == ":":
            offset, length = await self._bounds(part)
            start = offset if offset >= 0 else len(value) + offset
            if start < 0:
                return ""
            if length is None:
                return value[start:]
            end = start + length if length >= 0 else len(value) + length
            if end < start:
                raise ExpansionFault(f"{arg.source.partition(':')[2].strip()}: substring expression < 0")
            return value[start:end]
        if op in ("#", "##", "%", "%%"):
            pattern = await self.pattern(arg)
            return patterns.trim(value, pattern, suffix=op[0] == "%", longest=len(op) == 2)
        if op[0] == "/":
            return await self._replaced(op, arg, value)
        if op[0] in "^,":
            return self._cased(op, await self.pattern(arg), value)
        if op == "@":
            return _transformed(arg.source, value)
        return value

    async def _replaced(self, op: str, arg: Word, value: str) -> str:
        before, after = _divided(arg)
        pattern = await self.pattern(before)
        replacement = ""
        for text, quoted in await self.segments(after):
            replacement += text if quoted or self.shell.ash else text.replace("\\&", "\0").replace("&", "\1")
        if "\1" in replacement and not patterns.is_pattern(pattern):
            replacement = replacement.replace("\1", "&")
        replacement = replacement.replace("\1", "&").replace("\0", "&")
        return patterns.substitute(value, pattern, replacement, every=op == "//", anchor=op[1:].strip("/"))

    @staticmethod
    def _cased(op: str, pattern: str, value: str) -> str:
        change = str.upper if op[0] == "^" else str.lower
        if len(op) == 1:
            head = value[:1]
            return (change(head) if not pattern or patterns.matches(pattern, head) else head) + value[1:]
        return "".join(change(c) if not pattern or patterns.matches(pattern, c) else c for c in value)

    async def _bounds(self, part: Param) -> tuple[int, int | None]:
        text = await self.single(part.arg) if part.arg else ""
        level = 0
        for at, char in enumerate(text):
            level += {"(": 1, ")": -1, "?": 1}.get(char, 0)
            if char == ":" and level <= 0:
                return self.evaluate(text[:at]), self.evaluate(text[at + 1 :])
            level -= char == ":"
        return self.evaluate(text), None


def _divided(arg: Word) -> tuple[Word, Word]:
    """A word cut at its first unquoted slash (the first character of a pattern may be one)."""
    for at, part in enumerate(arg.parts):
        if isinstance(part, Lit) and not part.quoted:
            cut = part.text.find("/", 1 if at == 0 and part.text.startswith("/") else 0)
            if cut >= 0:
                before = (*arg.parts[:at], Lit(part.text[:cut]))
                after = (Lit(part.text[cut + 1 :]), *arg.parts[at + 1 :])
                return Word(before), Word(after)
    return arg, Word(())


def _transformed(kind: str, value: str) -> str:
    if kind == "Q":
        return "'" + value.replace("'", "'\\''") + "'"
    if kind == "E":
        from decnet.services.shell.scanner import ansi_c  # noqa: PLC0415 (seldom)

        return ansi_c(value)
    changes = {"U": value.upper(), "L": value.lower(), "u": value[:1].upper() + value[1:]}
    return changes.get(kind, value if kind not in ("a", "A") else "")


def decode(data: bytes) -> str:
    """Output of a command as the shell's text: NULs are dropped, as bash does."""
    return bytes_text(data.replace(b"\0", b""))
