"""Runs an awk program over records."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable
from typing import Any

from decnet.services.shell.awk.parser import AwkFault, Node, Program
from decnet.services.shell.awk.values import (
    Numeric,
    Value,
    arithmetic,
    compare,
    formatted,
    from_input,
    number,
    text_of,
    truth,
)
from decnet.services.shell.commands.sed import replaced
from decnet.services.shell.regex import Regex, RegexFault, compile_regex

MAX_STRING = 256 * 1024
MAX_CELLS = 20_000
MAX_CALLS = 20


class _Jump(Exception):  # noqa: N818 (control flow)
    def __init__(self, kind: str, value: Any = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.value = value


class Awk:
    """One run: ``write`` takes (target, text), target ``""`` for standard output."""

    def __init__(
        self,
        program: Program,
        spend: Callable[[int], Awaitable[None]],
        write: Callable[[str, str], Awaitable[None]],
        ask: Callable[[str], Awaitable[str]],
    ) -> None:
        self.program = program
        self._spend = spend
        self._write = write
        self._ask = ask
        self.values: dict[str, Value] = {
            "FS": " ",
            "OFS": " ",
            "ORS": "\n",
            "RS": "\n",
            "SUBSEP": "\x1c",
            "NR": 0.0,
            "NF": 0.0,
            "FNR": 0.0,
            "CONVFMT": "%.6g",
            "OFMT": "%.6g",
            "RSTART": 0.0,
            "RLENGTH": -1.0,
            "FILENAME": "",
        }
        self.arrays: dict[str, dict[str, Value]] = {}
        self.frames: list[dict[str, Any]] = []
        self.record = ""
        self.fields: list[Value] = []
        self.lines: list[str] = []
        self.place = 0
        self.open_ranges: set[int] = set()
        self.random = 0.237788
        self.status = 0

    async def run(self, lines: list[str]) -> int:
        """BEGIN, the rules over every record, END; gives the exit status."""
        self.lines = lines
        try:
            for body in self.program.begin:
                await self.do(body)
            if self.program.rules or self.program.end:
                await self._records()
        except _Jump as jump:
            if jump.kind != "exit":
                raise AwkFault(f"{jump.kind} used in a wrong place") from None
        try:
            for body in self.program.end:
                await self.do(body)
        except _Jump as jump:
            if jump.kind != "exit":
                raise AwkFault(f"{jump.kind} used in a wrong place") from None
        return self.status

    async def _records(self) -> None:
        while self.next_record():
            try:
                for place, (first, last, body) in enumerate(self.program.rules):
                    if await self._applies(place, first, last):
                        if body is None:
                            await self._write("", self.record + text_of(self.values["ORS"]))
                        else:
                            await self.do(body)
            except _Jump as jump:
                if jump.kind not in ("next", "nextfile"):
                    raise

    def next_record(self) -> bool:
        """Take the next record; false at the end."""
        if self.place >= len(self.lines):
            return False
        self.set_record(self.lines[self.place])
        self.place += 1
        for name in ("NR", "FNR"):
            self.values[name] = number(self.values[name]) + 1
        return True

    def set_record(self, text: str) -> None:
        """``$0`` and the fields made of it."""
        self.record = text
        self.fields = [from_input(piece) for piece in self.split(text, text_of(self.values["FS"]))]
        self.values["NF"] = float(len(self.fields))

    def split(self, text: str, separator: str) -> list[str]:
        """Cut at a field separator."""
        if separator == " ":
            return text.split()
        if not text:
            return []
        if separator == "":
            return list(text)
        if len(separator) == 1 and separator not in "\\^$.[|()*+?{":
            return text.split(separator)
        if len(separator) == 1 and separator != "\\":
            return text.split(separator)
        regex = self.regex(separator)
        out, at, start = [], 0, 0
        while at < len(text) and (found := regex.search(text, at)):
            if found.end == found.start:
                at += 1
                continue
            out.append(text[start : found.start])
            start = at = found.end
        return [*out, text[start:]]

    @staticmethod
    def regex(source: str) -> Regex:
        """A compiled regular expression. Raises `AwkFault`."""
        try:
            return compile_regex(source, extended=True)
        except RegexFault as fault:
            raise AwkFault(f"regular expression compile failed ({fault})\n{source}") from None

    async def _applies(self, place: int, first: Node | None, last: Node | None) -> bool:
        if first is None:
            return True
        if last is None:
            return truth(await self.value(first))
        if place not in self.open_ranges:
            if not truth(await self.value(first)):
                return False
            self.open_ranges.add(place)
        if truth(await self.value(last)):
            self.open_ranges.discard(place)
        return True

    # Statements

    async def do(self, node: Node) -> None:
        """Run one statement."""
        await self._spend(1)
        await getattr(self, "_do_" + node[0])(node)

    async def _do_block(self, node: Node) -> None:
        for statement in node[1]:
            await self.do(statement)

    async def _do_expr(self, node: Node) -> None:
        await self.value(node[1])

    async def _do_if(self, node: Node) -> None:
        if truth(await self.value(node[1])):
            await self.do(node[2])
        elif node[3] is not None:
            await self.do(node[3])

    async def _turn(self, body: Node) -> bool:
        try:
            await self.do(body)
        except _Jump as jump:
            if jump.kind not in ("break", "continue"):
                raise
            return jump.kind == "continue"
        return True

    async def _do_while(self, node: Node) -> None:
        while truth(await self.value(node[1])):
            if not await self._turn(node[2]):
                return

    async def _do_do(self, node: Node) -> None:
        while await self._turn(node[1]):
            if not truth(await self.value(node[2])):
                return

    async def _do_for(self, node: Node) -> None:
        _, first, condition, step, body = node
        if first is not None:
            await self.do(first)
        while condition is None or truth(await self.value(condition)):
            if not await self._turn(body):
                return
            if step is not None:
                await self.do(step)

    async def _do_forin(self, node: Node) -> None:
        for key in list(self.array(node[2])):
            self.store(node[1], from_input(key))
            if not await self._turn(node[3]):
                return

    async def _do_print(self, node: Node) -> None:
        form = text_of(self.values["OFMT"])
        args = [text_of(await self.value(arg), form) for arg in node[1]] or [self.record]
        await self._emit(text_of(self.values["OFS"]).join(args) + text_of(self.values["ORS"]), node[2])

    async def _do_printf(self, node: Node) -> None:
        args = [await self.value(arg) for arg in node[1]]
        if not args:
            raise AwkFault("printf: no format")
        await self._emit(formatted(text_of(args[0]), args[1:]), node[2])

    async def _emit(self, text: str, target: Node | None) -> None:
        name = target[0] + text_of(await self.value(target[1])) if target else ""
        await self._spend(len(text) // 512)
        await self._write(name, text)

    async def _do_next(self, node: Node) -> None:
        raise _Jump(node[0])

    _do_nextfile = _do_break = _do_continue = _do_next

    async def _do_exit(self, node: Node) -> None:
        if node[1] is not None:
            self.status = int(number(await self.value(node[1]))) & 255
        raise _Jump("exit")

    async def _do_return(self, node: Node) -> None:
        raise _Jump("return", await self.value(node[1]) if node[1] is not None else "")

    async def _do_delete(self, node: Node) -> None:
        if node[2] is None:
            self.array(node[1]).clear()
        else:
            self.array(node[1]).pop(await self.key(node[2]), None)

    # Values

    async def value(self, node: Node) -> Value:
        """The value of an expression."""
        kind = node[0]
        if kind in ("num", "str"):
            constant: Value = node[1]
            return constant
        if kind == "name":
            return self.load(node[1])
        if kind == "field":
            return self.field(int(max(-1, min(number(await self.value(node[1])), 1e6))))
        made: Value = await getattr(self, "_value_" + str(_METHODS.get(kind, kind)))(node)
        if isinstance(made, str) and len(made) > MAX_STRING:
            raise AwkFault("string too long")
        return made

    def load(self, name: str) -> Value:
        """A variable."""
        if self.frames and name in self.frames[-1]:
            found = self.frames[-1][name]
            return found if isinstance(found, (float, str)) else ""
        return self.values.get(name, Numeric(""))

    def store(self, name: str, value: Value) -> None:
        """Set a variable."""
        if self.frames and name in self.frames[-1]:
            self.frames[-1][name] = value
            return
        if name not in self.values and len(self.values) > MAX_CELLS:
            raise AwkFault("out of memory")
        self.values[name] = value
        if name == "NF":
            count = min(max(0, int(number(value))), MAX_CELLS)
            self.fields = (self.fields + [""] * count)[:count]
            self._rebuild()

    def array(self, name: str) -> dict[str, Value]:
        """An array."""
        if self.frames and name in self.frames[-1]:
            found = self.frames[-1][name]
            if not isinstance(found, dict):
                found = self.frames[-1][name] = {}
            return found
        return self.arrays.setdefault(name, {})

    def field(self, place: int) -> Value:
        """``$n``."""
        if place < 0:
            raise AwkFault("trying to access out of range field -1")
        if place == 0:
            return from_input(self.record)
        return self.fields[place - 1] if place <= len(self.fields) else Numeric("")

    def _rebuild(self) -> None:
        self.record = text_of(self.values["OFS"]).join(text_of(item) for item in self.fields)

    async def key(self, nodes: list[Node]) -> str:
        """An array's subscript."""
        return text_of(self.values["SUBSEP"]).join([text_of(await self.value(node)) for node in nodes])

    async def put(self, target: Node, value: Value) -> None:
        """Assign to a variable, an element or a field."""
        if target[0] == "name":
            self.store(target[1], value)
        elif target[0] == "index":
            cells = self.array(target[1])
            if len(cells) > MAX_CELLS:
                raise AwkFault("out of memory")
            cells[await self.key(target[2])] = value
        elif target[0] == "group":
            await self.put(target[1][0], value)
        else:
            place = int(max(0, min(number(await self.value(target[1])), MAX_CELLS)))
            if place == 0:
                self.set_record(text_of(value))
                return
            self.fields += [""] * (place - len(self.fields))
            self.fields[place - 1] = value
            self.values["NF"] = float(len(self.fields))
            self._rebuild()

    async def _value_group(self, node: Node) -> Value:
        return await self.value(node[1][0])

    async def _value_index(self, node: Node) -> Value:
        cells = self.array(node[1])
        key = await self.key(node[2])
        if key not in cells:
            if len(cells) > MAX_CELLS:
                raise AwkFault("out of memory")
            cells[key] = Numeric("")
        return cells[key]

    async def _value_regex(self, node: Node) -> Value:
        return float(self.regex(node[1]).search(self.record) is not None)

    async def _value_assign(self, node: Node) -> Value:
        _, op, target, right = node
        value = await self.value(right)
        if op:
            value = arithmetic(op, number(await self.value(target)), number(value))
        await self.put(target, value)
        return value

    async def _value_ternary(self, node: Node) -> Value:
        return await self.value(node[2] if truth(await self.value(node[1])) else node[3])

    async def _value_or(self, node: Node) -> Value:
        return float(truth(await self.value(node[1])) or truth(await self.value(node[2])))

    async def _value_and(self, node: Node) -> Value:
        return float(truth(await self.value(node[1])) and truth(await self.value(node[2])))

    async def _value_in(self, node: Node) -> Value:
        return float(await self.key(node[1]) in self.array(node[2]))

    async def _value_match(self, node: Node) -> Value:
        text = text_of(await self.value(node[1]))
        source = node[2][1] if node[2][0] == "regex" else text_of(await self.value(node[2]))
        return float((self.regex(source).search(text) is not None) == (node[0] == "~"))

    async def _value_cmp(self, node: Node) -> Value:
        return float(compare(node[1], await self.value(node[2]), await self.value(node[3])))

    async def _value_cat(self, node: Node) -> Value:
        return text_of(await self.value(node[1]), text_of(self.values["CONVFMT"])) + text_of(
            await self.value(node[2]), text_of(self.values["CONVFMT"])
        )

    async def _value_math(self, node: Node) -> Value:
        return arithmetic(node[1], number(await self.value(node[2])), number(await self.value(node[3])))

    async def _value_not(self, node: Node) -> Value:
        return float(not truth(await self.value(node[1])))

    async def _value_neg(self, node: Node) -> Value:
        return -number(await self.value(node[1]))

    async def _value_pos(self, node: Node) -> Value:
        return number(await self.value(node[1]))

    async def _value_pre(self, node: Node) -> Value:
        value = number(await self.value(node[2])) + (1 if node[1] == "++" else -1)
        await self.put(node[2], value)
        return value

    async def _value_post(self, node: Node) -> Value:
        value = number(await self.value(node[2]))
        await self.put(node[2], value + (1 if node[1] == "++" else -1))
        return value

    async def _value_getline(self, node: Node) -> Value:
        if node[2] is not None or not self.next_record():
            return 0.0
        if node[1] is not None:
            await self.put(node[1], from_input(self.record))
        return 1.0

    async def _value_call(self, node: Node) -> Value:
        _, name, args = node
        if name in self.program.functions:
            return await self._function(name, args)
        method = _FUNCTIONS.get(name)
        if method is None:
            raise AwkFault(f"function {name} never defined")
        made: Value = await getattr(self, method)(name, args)
        return made

    async def _function(self, name: str, args: list[Node]) -> Value:
        names, body = self.program.functions[name]
        if len(self.frames) >= MAX_CALLS:
            raise AwkFault("function call nesting too deep")
        frame: dict[str, Any] = dict.fromkeys(names)
        for parameter, arg in zip(names, args, strict=False):
            if arg[0] == "name" and arg[1] in self.arrays:
                frame[parameter] = self.arrays[arg[1]]
            else:
                frame[parameter] = await self.value(arg)
        self.frames.append(frame)
        try:
            await self.do(body)
        except _Jump as jump:
            if jump.kind != "return":
                raise
            return jump.value if isinstance(jump.value, (float, str)) else ""
        finally:
            self.frames.pop()
        return ""

    async def _texts(self, args: list[Node], least: int) -> list[str]:
        if len(args) < least:
            raise AwkFault("wrong number of arguments")
        return [text_of(await self.value(arg)) for arg in args]

    async def _plain(self, name: str, args: list[Node]) -> Value:
        texts = await self._texts(args, 0 if name == "length" else 1)
        if name == "length":
            if args and args[0][0] == "name" and args[0][1] in self.arrays:
                return float(len(self.arrays[args[0][1]]))
            return float(len(texts[0] if texts else self.record))
        if name == "index":
            return float(texts[0].find(texts[1] if len(texts) > 1 else "") + 1)
        if name == "substr":
            start = round(number(texts[1])) if len(texts) > 1 else 1
            end = start + round(number(texts[2])) if len(texts) > 2 else len(texts[0]) + 1
            return texts[0][max(0, start - 1) : max(0, end - 1)]
        if name == "sprintf":
            return formatted(texts[0], [await self.value(arg) for arg in args[1:]])
        return texts[0].lower() if name == "tolower" else texts[0].upper()

    async def _numbers(self, name: str, args: list[Node]) -> Value:
        values = [number(await self.value(arg)) for arg in args]
        first = values[0] if values else 0.0
        if name == "rand":
            self.random = (self.random * 997.31 + 0.137) % 1.0
            return self.random
        if name == "srand":
            self.random = (first * 0.618_033) % 1.0
            return 0.0
        if name == "atan2":
            return math.atan2(first, values[1] if len(values) > 1 else 0.0)
        try:
            return float(_REAL[name](first))
        except (ValueError, OverflowError):
            return math.nan if name != "exp" else math.inf

    async def _splitting(self, _name: str, args: list[Node]) -> Value:
        text = (await self._texts(args[:1], 1))[0]
        separator = text_of(self.values["FS"])
        if len(args) > 2:
            separator = args[2][1] if args[2][0] == "regex" else text_of(await self.value(args[2]))
        if len(args) < 2 or args[1][0] != "name":
            raise AwkFault("split: second argument must be an array")
        pieces = self.split(text, separator)[:MAX_CELLS]
        cells = self.array(args[1][1])
        cells.clear()
        cells.update({str(n): from_input(piece) for n, piece in enumerate(pieces, 1)})
        return float(len(pieces))

    async def _substituting(self, name: str, args: list[Node]) -> Value:
        if len(args) < 2:
            raise AwkFault(f"{name}: wrong number of arguments")
        source = args[0][1] if args[0][0] == "regex" else text_of(await self.value(args[0]))
        template = text_of(await self.value(args[1])).replace("\\\\&", "\\&")
        template = re.sub(r"\\(?!&)", r"\\\\", template)
        target = args[2] if len(args) > 2 else ("field", ("num", 0.0))
        text = text_of(await self.value(target))
        regex, out, at, count = self.regex(source), [], 0, 0
        while at <= len(text) and (found := regex.search(text, at)):
            count += 1
            out += [text[at : found.start], replaced(template, found)]
            at = found.end
            if found.end == found.start:
                out.append(text[at : at + 1])
                at += 1
            if name == "sub" or sum(map(len, out[-3:])) > MAX_STRING:
                break
        if count:
            await self.put(target, "".join(out) + text[at:])
        return float(count)

    async def _matching(self, _name: str, args: list[Node]) -> Value:
        text = (await self._texts(args[:1], 1))[0]
        source = args[1][1] if args[1][0] == "regex" else text_of(await self.value(args[1]))
        found = self.regex(source).search(text)
        self.values["RSTART"] = float(found.start + 1 if found else 0)
        self.values["RLENGTH"] = float(found.end - found.start if found else -1)
        return self.values["RSTART"]

    async def _system(self, name: str, args: list[Node]) -> Value:
        if name == "systime":
            return float(int(number(await self._ask("date +%s"))))
        if name == "system":
            await self._write("", await self._ask((await self._texts(args, 1))[0]))
        return 0.0


_REAL: dict[str, Callable[[float], float]] = {
    "int": math.trunc,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
}
_METHODS = {"?": "ternary", "||": "or", "&&": "and", "~": "match", "!~": "match"}
_FUNCTIONS = {
    **dict.fromkeys(("length", "index", "substr", "sprintf", "tolower", "toupper"), "_plain"),
    **dict.fromkeys(("int", "sqrt", "exp", "log", "sin", "cos", "atan2", "rand", "srand"), "_numbers"),
    "split": "_splitting",
    "sub": "_substituting",
    "gsub": "_substituting",
    "match": "_matching",
    **dict.fromkeys(("system", "close", "fflush", "systime"), "_system"),
}
