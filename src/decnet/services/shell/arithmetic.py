"""``$((…))``: C's integer expressions over 64-bit two's complement (bash(1), ARITHMETIC EVALUATION)."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F]+|\d+#[0-9a-zA-Z@_]+|\d+)|([A-Za-z_]\w*(?:\[[^\]]*\])?)"
    r"|(<<=|>>=|\*\*|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%<>=!~&|^?:(),]))"
)
MAX_DEPTH = 30
_BINARY = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<=", ">=", "<", ">"),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
)
_ASSIGN = frozenset(("=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|="))


class ArithmeticFault(Exception):  # noqa: N818 (the attacker's)
    """An expression that cannot be evaluated; the text is bash's message after the expression."""


def wrap(value: int) -> int:
    """The value in 64 bits, signed."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


class Evaluator:
    """Evaluates one expression. ``get`` gives a variable's text, ``put`` sets it."""

    def __init__(
        self, text: str, get: Callable[[str], str], put: Callable[[str, str], None], depth: int = 0
    ) -> None:
        self.text = text
        self._get = get
        self._put = put
        self._depth = depth
        self._at = 0
        self._skip = 0
        self._level = 0

    def value(self) -> int:
        """The expression's value. Raises `ArithmeticFault`."""
        if not self.text.strip():
            return 0
        result = self._comma()
        if self._rest():
            bad = self._rest()
            if re.match(r"[A-Za-z_0-9$.\"'@#\\{]", bad):
                kind = (
                    "syntax error in expression"
                    if bad[0] != "."
                    else "syntax error: invalid arithmetic operator"
                )
            else:
                kind = (
                    "syntax error in expression"
                    if bad[0] == ")"
                    else "syntax error: invalid arithmetic operator"
                )
            raise self._fault(kind, bad)
        return result

    def _fault(self, message: str, token: str | None = None) -> ArithmeticFault:
        rest = self._rest() if token is None else token
        if token is None and not rest:
            last = re.search(r"[^\s\w]+\s*$", self.text)
            rest = last[0] if last else rest
        return ArithmeticFault(f'{self.text.lstrip()}: {message} (error token is "{rest}")')

    def _rest(self) -> str:
        return self.text[self._at :].lstrip()

    def _peek(self) -> tuple[str, str]:
        """Kind (``number``, ``name``, ``op``) and text of the next token."""
        match = _TOKEN.match(self.text, self._at)
        if match is None:
            return "", ""
        for kind, text in zip(("number", "name", "op"), match.groups(), strict=True):
            if text is not None:
                return kind, text
        return "", ""

    def _next(self) -> None:
        match = _TOKEN.match(self.text, self._at)
        if match:
            self._at = match.end()

    def _take(self, *ops: str) -> str:
        kind, text = self._peek()
        if kind == "op" and text in ops:
            self._next()
            return text
        return ""

    def _comma(self) -> int:
        value = self._assignment()
        while self._take(","):
            value = self._assignment()
        return value

    def _assignment(self) -> int:
        self._level += 1
        if self._level > MAX_DEPTH:
            raise self._fault("expression recursion level exceeded")
        start = self._at
        kind, name = self._peek()
        if kind == "name":
            self._next()
            op_kind, op = self._peek()
            if op_kind == "op" and op in _ASSIGN:
                self._next()
                right = self._assignment()
                value = right if op == "=" else self._apply(op[:-1], self._load(name), right)
                self._store(name, value)
                self._level -= 1
                return value
            self._at = start
        value = self._ternary()
        if self._peek() == ("op", "="):
            raise self._fault("attempted assignment to non-variable")
        self._level -= 1
        return value

    def _ternary(self) -> int:
        condition = self._binary(0)
        if not self._take("?"):
            return condition
        self._skip += not condition
        yes = self._assignment()
        self._skip -= not condition
        if not self._take(":"):
            raise self._fault("`:' expected for conditional expression")
        self._skip += bool(condition)
        no = self._assignment()
        self._skip -= bool(condition)
        return yes if condition else no

    def _binary(self, level: int) -> int:
        if level == len(_BINARY):
            return self._power()
        value = self._binary(level + 1)
        while True:
            op = self._take(*_BINARY[level])
            if not op:
                return value
            short = (op == "&&" and not value) or (op == "||" and bool(value))
            self._skip += short
            right = self._binary(level + 1)
            self._skip -= short
            value = self._apply(op, value, right)

    def _power(self) -> int:
        base = self._unary()
        if not self._take("**"):
            return base
        exponent = self._power()
        if exponent < 0:
            raise self._fault("exponent less than 0")
        return wrap(pow(base, exponent, 1 << 64))

    def _apply(self, op: str, left: int, right: int) -> int:
        if op in ("/", "%"):
            if right == 0:
                if self._skip:
                    return 0
                last = re.search(r"\S+\s*$", self.text[: self._at])
                token = self.text[last.start() :] if last else ""
                token = re.split(r"[/%]", token)[-1] if "/" in token or "%" in token else token
                raise self._fault("division by 0", token.lstrip())
            quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
            return wrap(quotient if op == "/" else left - quotient * right)
        return wrap(int(_OPERATIONS[op](left, right)))

    def _unary(self) -> int:
        op = self._take("++", "--", "+", "-", "!", "~")
        if op in ("++", "--"):
            kind, name = self._peek()
            if kind != "name":
                return self._unary()
            self._next()
            value = wrap(self._load(name) + (1 if op == "++" else -1))
            self._store(name, value)
            return value
        if op:
            self._level += 1
            if self._level > MAX_DEPTH:
                raise self._fault("expression recursion level exceeded")
            value = self._unary()
            self._level -= 1
            return wrap({"+": value, "-": -value, "!": int(not value), "~": ~value}[op])
        return self._primary()

    def _primary(self) -> int:
        kind, text = self._peek()
        if kind == "number":
            self._next()
            return self._number(text)
        if kind == "name":
            self._next()
            value = self._load(text)
            op = self._take("++", "--")
            if op:
                self._store(text, wrap(value + (1 if op == "++" else -1)))
            return value
        if self._take("("):
            value = self._comma()
            if not self._take(")"):
                raise self._fault("missing `)'")
            return value
        raise self._fault("syntax error: operand expected")

    def _number(self, text: str) -> int:
        if "#" in text:
            base, _, digits = text.partition("#")
            return self._based(int(base[:4]), digits, text)
        if text[:2] in ("0x", "0X"):
            return wrap(int(text[:40], 16))
        if text[0] == "0" and len(text) > 1:
            return self._based(8, text[1:], text)
        following = self.text[self._at : self._at + 1]
        if following.isalpha() or following == "_":
            match = re.match(r"\w+", self.text[self._at :])
            bad = text + (match[0] if match else "")
            raise self._fault("value too great for base", bad)
        return wrap(int(text[:40]))

    def _based(self, base: int, digits: str, token: str) -> int:
        if not 2 <= base <= 64:
            raise self._fault("invalid arithmetic base", token)
        alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@_"
        value = 0
        for digit in (digits.lower() if base <= 36 else digits)[:80]:
            place = alphabet.index(digit)
            if place >= base:
                raise self._fault("value too great for base", token)
            value = value * base + place
        return wrap(value)

    def _load(self, name: str) -> int:
        if self._skip:
            return 0
        text = self._get(name)
        plain = text.strip()
        if re.fullmatch(r"-?(0|[1-9]\d{0,17})", plain):
            return int(plain)
        if self._depth >= MAX_DEPTH:
            raise self._fault("expression recursion level exceeded", text)
        return Evaluator(text, self._get, self._put, self._depth + 1).value()

    def _store(self, name: str, value: int) -> None:
        if not self._skip:
            self._put(name, str(value))


_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "||": lambda a, b: int(bool(a) or bool(b)),
    "&&": lambda a, b: int(bool(a) and bool(b)),
    "|": int.__or__,
    "^": int.__xor__,
    "&": int.__and__,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<<": lambda a, b: a << (b & 63),
    ">>": lambda a, b: a >> (b & 63),
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
}
