# ruff: noqa: C901, PLR0911 (a grammar has as many branches as rules)
"""From awk source to a tree of tuples ``(kind, …)``: small enough that each kind is read where it is run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Node: TypeAlias = tuple[Any, ...]
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\\\n|\#[^\n]*)|(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<string>"(?:[^"\\\n]|\\.)*")"""
    r"""|(?P<call>[A-Za-z_]\w*(?=\())|(?P<name>[A-Za-z_]\w*)|(?P<op>\*\*=|\+\+|--|&&|\|\||==|!=|<=|>=|>>|!~|[-+*/%^]=|\*\*|[-+*/%^<>=!~?:,;(){}\[\]$|\n])""",
    re.DOTALL,
)
KEYWORDS = frozenset(
    [
        "BEGIN",
        "END",
        "function",
        "func",
        "if",
        "else",
        "while",
        "for",
        "do",
        "in",
        "print",
        "printf",
        "next",
        "nextfile",
        "exit",
        "delete",
        "getline",
        "return",
        "break",
        "continue",
    ]
)
MAX_DEPTH = 40
_COMPARE = ("<", "<=", "==", "!=", ">", ">=")


class AwkFault(Exception):  # noqa: N818 (the attacker's)
    """A program that cannot be read or run."""


@dataclass(slots=True)
class Program:
    """Rules in order, and functions by name: (parameters, body)."""

    begin: list[Node] = field(default_factory=list)
    rules: list[tuple[Node | None, Node | None, Node | None]] = field(default_factory=list)
    end: list[Node] = field(default_factory=list)
    functions: dict[str, tuple[list[str], Node]] = field(default_factory=dict)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.kind = self.value = ""
        self.before = ""
        self.no_in = self.no_gt = 0
        self.advance()

    def advance(self) -> str:
        self.before, taken = self.value, self.value
        while True:
            if self.at >= len(self.text):
                self.kind, self.value = "end", ""
                return taken
            match = _TOKEN.match(self.text, self.at)
            if match is None:
                raise AwkFault(f"syntax error at source line {self.line()}")
            self.at = match.end()
            if match.lastgroup != "space":
                self.kind, self.value = match.lastgroup or "", match[0]
                if self.kind in ("name", "call") and self.value in KEYWORDS:
                    self.kind = "keyword"
                return taken

    def line(self) -> int:
        return 1 + self.text.count("\n", 0, self.at)

    def fault(self) -> AwkFault:
        return AwkFault(f"line {self.line()}: syntax error at or near {self.value.strip() or 'end of file'}")

    def is_op(self, *values: str) -> bool:
        return self.kind in ("op", "keyword") and self.value in values

    def take(self, *values: str) -> str:
        return self.advance() if self.is_op(*values) else ""

    def expect(self, value: str) -> None:
        if not self.take(value):
            raise self.fault()

    def blank(self) -> None:
        while self.take("\n", ";"):
            pass

    def newlines(self) -> None:
        while self.take("\n"):
            pass

    def program(self) -> Program:
        made = Program()
        self.blank()
        while self.kind != "end":
            if self.take("function", "func"):
                name = self.advance()
                self.expect("(")
                names = []
                while not self.take(")"):
                    names.append(self.advance())
                    self.take(",")
                self.newlines()
                made.functions[name] = (names, self.block())
            elif self.take("BEGIN"):
                made.begin.append(self.block())
            elif self.take("END"):
                made.end.append(self.block())
            else:
                first = second = body = None
                if not self.is_op("{"):
                    first = self.expression()
                    if self.take(","):
                        self.newlines()
                        second = self.expression()
                if self.is_op("{"):
                    body = self.block()
                made.rules.append((first, second, body))
            self.blank()
        return made

    def block(self) -> Node:
        self.expect("{")
        found = []
        self.blank()
        while not self.take("}"):
            if self.kind == "end":
                raise self.fault()
            found.append(self.statement())
            self.blank()
        return ("block", found)

    def body(self) -> Node:
        self.newlines()
        if self.take(";"):
            return ("block", [])
        return self.statement()

    def statement(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fault()
        made = self._statement()
        self.depth -= 1
        return made

    def _statement(self) -> Node:
        if self.is_op("{"):
            return self.block()
        if self.take("if"):
            return self._if()
        if self.take("while"):
            self.expect("(")
            condition = self.expression()
            self.expect(")")
            return ("while", condition, self.body())
        if self.take("do"):
            body = self.body()
            self.blank()
            self.expect("while")
            self.expect("(")
            condition = self.expression()
            self.expect(")")
            return ("do", body, condition)
        if self.take("for"):
            return self._for()
        made = self.simple()
        if not (self.take(";", "\n") or self.is_op("}") or self.kind == "end"):
            raise self.fault()
        return made

    def _if(self) -> Node:
        self.expect("(")
        condition = self.expression()
        self.expect(")")
        yes = self.body()
        saved = (self.at, self.kind, self.value)
        self.blank()
        if self.take("else"):
            return ("if", condition, yes, self.body())
        self.at, self.kind, self.value = saved
        return ("if", condition, yes, None)

    def _for(self) -> Node:
        self.expect("(")
        saved = (self.at, self.kind, self.value)
        if self.kind == "name":
            name = self.advance()
            if self.take("in") and self.kind == "name":
                array = self.advance()
                if self.take(")"):
                    return ("forin", name, array, self.body())
            self.at, self.kind, self.value = saved
        first = None if self.is_op(";") else self.simple()
        self.expect(";")
        condition = None if self.is_op(";") else self.expression()
        self.expect(";")
        step = None if self.is_op(")") else self.simple()
        self.expect(")")
        return ("for", first, condition, step, self.body())

    def simple(self) -> Node:
        if self.kind == "keyword":
            word = self.value
            if word in ("print", "printf"):
                self.advance()
                return self._print(word)
            if word in ("next", "nextfile", "break", "continue"):
                self.advance()
                return (word,)
            if word in ("exit", "return"):
                self.advance()
                ends = self.kind == "end" or self.is_op(";", "\n", "}")
                return (word, None if ends else self.expression())
            if word == "delete":
                self.advance()
                name = self.advance()
                if self.take("["):
                    index = self.arguments("]")
                    return ("delete", name, index)
                return ("delete", name, None)
        return ("expr", self.expression())

    def _print(self, word: str) -> Node:
        args: list[Node] = []
        self.no_gt += 1
        if not (self.kind == "end" or self.is_op(";", "\n", "}", ">", ">>", "|")):
            args = self.operands()
            if len(args) == 1 and args[0][0] == "group" and len(args[0][1]) > 1:
                args = args[0][1]
        self.no_gt -= 1
        target = None
        op = self.take(">", ">>", "|")
        if op:
            self.no_gt += 1
            target = (op, self.concatenation())
            self.no_gt -= 1
        return (word, args, target)

    def operands(self) -> list[Node]:
        found = [self.expression()]
        while self.take(","):
            self.newlines()
            found.append(self.expression())
        return found

    def arguments(self, end: str) -> list[Node]:
        saved, self.no_gt, self.no_in = (self.no_gt, self.no_in), 0, 0
        found: list[Node] = []
        self.newlines()
        while not self.take(end):
            found.append(self.expression())
            self.newlines()
            if not self.take(",") and not self.is_op(end):
                raise self.fault()
            self.newlines()
        self.no_gt, self.no_in = saved
        return found

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fault()
        left = self.ternary()
        op = self.take("=", "+=", "-=", "*=", "/=", "%=", "^=", "**=")
        if op:
            if left[0] not in ("name", "index", "field"):
                raise self.fault()
            self.newlines()
            left = ("assign", op[:-1], left, self.expression())
        self.depth -= 1
        return left

    def ternary(self) -> Node:
        condition = self.disjunction()
        if not self.take("?"):
            return condition
        self.newlines()
        yes = self.expression()
        self.newlines()
        self.expect(":")
        self.newlines()
        return ("?", condition, yes, self.expression())

    def disjunction(self) -> Node:
        left = self.conjunction()
        while self.take("||"):
            self.newlines()
            left = ("||", left, self.conjunction())
        return left

    def conjunction(self) -> Node:
        left = self.membership()
        while self.take("&&"):
            self.newlines()
            left = ("&&", left, self.membership())
        return left

    def membership(self) -> Node:
        left = self.matching()
        while not self.no_in and self.take("in"):
            left = ("in", left[1] if left[0] == "group" else [left], self.advance())
        return left

    def matching(self) -> Node:
        left = self.comparison()
        while op := self.take("~", "!~"):
            left = (op, left, self.comparison())
        return left

    def comparison(self) -> Node:
        left = self.concatenation()
        if self.no_gt and self.is_op(">"):
            return left
        op = self.take(*_COMPARE)
        return ("cmp", op, left, self.concatenation()) if op else left

    def concatenation(self) -> Node:
        left = self.additive()
        while self.kind in ("number", "string", "name", "call") or self.is_op(
            "$", "!", "(", "-", "+", "++", "--"
        ):
            if self.is_op("in"):
                break
            left = ("cat", left, self.additive())
        return left

    def additive(self) -> Node:
        left = self.term()
        while op := self.take("+", "-"):
            left = ("math", op, left, self.term())
        return left

    def term(self) -> Node:
        left = self.unary()
        while op := self.take("*", "/", "%"):
            left = ("math", op, left, self.unary())
        return left

    def unary(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fault()
        op = self.take("!", "-", "+")
        made = (
            ("not", self.unary())
            if op == "!"
            else ("neg" if op == "-" else "pos", self.unary())
            if op
            else self.power()
        )
        self.depth -= 1
        return made

    def power(self) -> Node:
        left = self.postfix()
        if self.take("^", "**"):
            return ("math", "^", left, self.unary())
        return left

    def postfix(self) -> Node:
        left = self.primary()
        if left[0] in ("name", "index", "field"):
            op = self.take("++", "--")
            if op:
                return ("post", op, left)
        return left

    def primary(self) -> Node:
        if self.is_op("/", "/="):
            return self._regex()
        kind = self.kind
        if kind == "number":
            text = self.advance()
            return ("num", float(int(text, 16)) if text[:2] in ("0x", "0X") else float(text))
        if kind == "string":
            return ("str", unescape(self.advance()[1:-1]))
        if op := self.take("++", "--"):
            return ("pre", op, self.primary())
        if self.take("$"):
            return ("field", self.primary() if not self.is_op("-") else self.unary())
        if self.is_op("("):
            self.advance()
            inner = self.arguments(")")
            if not inner:
                raise self.fault()
            return ("group", inner)
        if self.take("getline"):
            target = self.primary() if self.kind == "name" or self.is_op("$") else None
            source = self.primary() if self.take("<") else None
            return ("getline", target, source)
        if kind == "call":
            name = self.advance()
            self.expect("(")
            return ("call", name, self.arguments(")"))
        if kind == "name":
            name = self.advance()
            if self.take("["):
                return ("index", name, self.arguments("]"))
            if name == "length":
                return ("call", name, [])
            return ("name", name)
        raise self.fault()

    def _regex(self) -> Node:
        start = self.at - (len(self.value) - 1)
        at, bracket = start, False
        while at < len(self.text) and (self.text[at] != "/" or bracket):
            if self.text[at] == "\n":
                raise self.fault()
            bracket = self.text[at] == "[" or (bracket and self.text[at] != "]")
            at += 2 if self.text[at] == "\\" else 1
        if at >= len(self.text):
            raise self.fault()
        source = self.text[start:at].replace("\\/", "/")
        self.at = at + 1
        self.advance()
        return ("regex", source)


def unescape(text: str) -> str:
    """A string literal's escapes."""
    table = {
        "n": "\n",
        "t": "\t",
        "r": "\r",
        "a": "\a",
        "b": "\b",
        "f": "\f",
        "v": "\v",
        '"': '"',
        "\\": "\\",
        "/": "/",
    }

    def one(match: re.Match[str]) -> str:
        body = match[1]
        return chr(int(body, 8) & 255) if body[0] in "01234567" else table.get(body, "\\" + body)

    return re.sub(r"\\([0-7]{1,3}|.)", one, text, flags=re.DOTALL)


def parse(text: str) -> Program:
    """A program. Raises `AwkFault`."""
    return _Parser(text).program()
