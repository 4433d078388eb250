"""Values of awk: numbers, texts, and texts from the input that look like numbers."""

from __future__ import annotations

import math
import re
from typing import Any, TypeAlias

from decnet.services.shell.awk.parser import AwkFault

Value: TypeAlias = "float | str"
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Numeric(str):
    """Text from the input that looks like a number: it compares as one."""

    __slots__ = ()


def number(value: Value) -> float:
    """A value as a number: the longest numeric prefix of a text."""
    if isinstance(value, float):
        return value
    match = _NUMBER.match(value[:64])
    return float(match[0]) if match else 0.0


def from_input(text: str) -> Value:
    """Text from the input as a value."""
    match = _NUMBER.match(text)
    return Numeric(text) if match and not text[match.end() :].strip() and len(text) < 64 else text


def text_of(value: Value, form: str = "%.6g") -> str:
    """A value as text: whole numbers without a point (CONVFMT otherwise)."""
    if not isinstance(value, float):
        return str(value)
    if math.isinf(value) or math.isnan(value):
        return ("-" if value < 0 else "") + ("inf" if math.isinf(value) else "nan")
    if value == int(value) and abs(value) < 1e16:
        return str(int(value))
    try:
        return form % value
    except (ValueError, TypeError):
        return f"{value:.6g}"


def truth(value: Value) -> bool:
    """Whether a value counts as true."""
    if isinstance(value, Numeric):
        return number(value) != 0 if value else False
    return value != 0 if isinstance(value, float) else value != ""


def compare(op: str, left: Value, right: Value) -> bool:
    """A comparison: of numbers where both look like numbers, else of texts."""
    numeric = all(isinstance(item, (float, Numeric)) for item in (left, right))
    a: Any = number(left) if numeric else text_of(left)
    b: Any = number(right) if numeric else text_of(right)
    return bool({"<": a < b, "<=": a <= b, "==": a == b, "!=": a != b, ">": a > b, ">=": a >= b}[op])


def arithmetic(op: str, left: float, right: float) -> float:
    """One operation. Raises `AwkFault` for a division by zero."""
    if op in ("/", "%") and right == 0:
        raise AwkFault(f"division by zero{' in %' if op == '%' else ''}")
    try:
        if op in ("^", "**"):
            made = left**right
            return made if isinstance(made, float) else math.nan
        return {
            "+": left + right,
            "-": left - right,
            "*": left * right,
            "/": left / (right or 1),
            "%": math.fmod(left, right or 1),
        }[op]
    except (OverflowError, ValueError, ZeroDivisionError):
        return math.inf


_FORMAT = re.compile(r"%([-+ #0]*)(\*|\d{0,5})(\.(?:\*|\d{0,4}))?[hlL]*([a-zA-Z%])")


def formatted(template: str, args: list[Value]) -> str:
    """Printf of awk."""
    left = list(args)

    def one(match: re.Match[str]) -> str:
        flags, width, precision, letter = match.groups()
        if letter == "%":
            return "%"
        if width == "*":
            width = str(min(int(number(left.pop(0) if left else 0.0)), 9999))
        if precision == ".*":
            precision = f".{min(int(number(left.pop(0) if left else 0.0)), 999)}"
        value = left.pop(0) if left else ""
        head = f"%{flags}{width}{precision or ''}"
        if letter == "c":
            shown = chr(int(number(value)) & 0x10FFFF) if isinstance(value, float) else text_of(value)[:1]
            return f"%{flags}{width}s" % shown
        if letter == "s":
            return (head + "s") % text_of(value)
        if letter in "dioxXu":
            whole = int(number(value)) if abs(number(value)) < 1e300 else 0
            return (head + letter.replace("u", "d").replace("i", "d")) % whole
        if letter in "eEfFgG":
            return (head + letter) % number(value)
        return match[0]

    return _FORMAT.sub(one, template)
