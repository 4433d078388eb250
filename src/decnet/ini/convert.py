"""One raw value to one typed value, with a problem at the very word that is wrong."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_interface,
)
from pathlib import Path
from typing import Any, NoReturn, Union, get_args, get_origin

from decnet.errors import InvalidInput, Problem
from decnet.ini.key import Key
from decnet.ini.model import Text
from decnet.ini.names import did_you_mean, fold, quote
from decnet.ini.text import items, scalar
from decnet.ini.values import Secret

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,2})?")
_TRUTH = dict.fromkeys(("yes", "true", "on", "1"), True) | dict.fromkeys(("no", "false", "off", "0"), False)
_ADDRESSES: Mapping[type, str] = {
    IPv4Address: "IPv4 address",
    IPv6Address: "IPv6 address",
    IPv4Network: "IPv4 network (192.0.2.0/24)",
    IPv6Network: "IPv6 network (2001:db8::/64)",
    IPv4Interface: "IPv4 address with prefix (192.0.2.1/24)",
    IPv6Interface: "IPv6 address with prefix (2001:db8::1/64)",
}
NOTHING = Key("")


def convert(text: Text, kind: Any, key: Key = NOTHING, name: str = "") -> Any:
    """The value of a text as a type (see `decnet.ini.schema` for the types).

    ``name`` is the key as messages call it. Raises `InvalidInput` with ``bad-value``, ``bad-range`` or
    ``unknown-choice``; for a list with one problem for every wrong item.
    """
    shape = shape_of(kind)
    if shape.optional and (not text.raw or (text.raw.lower() == "none" and shape.inner is not str)):
        return None
    if not shape.is_list:
        return _one(text, scalar(text), shape.inner, key, name)
    values: list[Any] = []
    problems: list[Problem] = []
    for item in items(text):
        try:
            values.append(_one(item, item.raw, shape.inner, key, name))
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(tuple(problems))
    return tuple(values)


class Shape:
    """An annotation taken apart: ``tuple[int, ...] | None`` is an optional list of int."""

    __slots__ = ("inner", "is_list", "optional")

    def __init__(self, kind: Any) -> None:
        self.optional = False
        if get_origin(kind) in (Union, types.UnionType):
            members = [member for member in get_args(kind) if member is not types.NoneType]
            self.optional = len(members) < len(get_args(kind))
            kind = members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007 (made at run time)
        self.is_list = get_origin(kind) is tuple
        self.inner = get_args(kind)[0] if self.is_list else kind


@cache
def shape_of(kind: Any) -> Shape:
    """The shape of an annotation."""
    return Shape(kind)


def label(kind: Any) -> str:
    """A type as users read it."""
    shape = shape_of(kind)
    return f"list of {_label(shape.inner)}" if shape.is_list else _label(shape.inner)


def _label(kind: Any) -> str:
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_label(member) for member in get_args(kind))
    plain = {str: "text", int: "whole number", float: "number", bool: "yes or no", Path: "path", **_ADDRESSES}
    if kind in plain:
        return plain[kind]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "choice"
    return str(getattr(kind, "label", getattr(kind, "__name__", str(kind)).lower()))


def _fail(code: str, message: str, text: Text, hint: str = "") -> NoReturn:
    raise InvalidInput((Problem(code, message, text.span, hint),))


def _one(text: Text, word: str, kind: Any, key: Key, name: str) -> Any:
    """One word as one type, within the key's choices and bounds."""
    about = f"{name}: " if name else ""
    hidden = key.secret or kind is Secret
    if not word and kind not in (str, Secret):
        _fail("bad-value", f"{about}a value is missing; expected {_with_article(_label(kind))}", text)
    if key.choices and not (isinstance(kind, type) and issubclass(kind, StrEnum)):
        word = _choice(text, word, key.choices, about)
    try:
        value = reader(kind)(word)
    except _UnknownChoiceError as error:
        _choice(text, word, error.choices, about)
        raise AssertionError from error
    except ValueError as error:
        said = str(error)
        if hidden:
            said = f"the value is not {_with_article(_label(kind))}"
        elif not said:
            said = f"{quote(word)} is not {_with_article(_label(kind))}"
        _fail("bad-value", about + said, text, "" if hidden else _hint(kind, word))
    _check_bounds(text, value, key, about)
    return value


def _with_article(words: str) -> str:
    if words in {"text", "secret text", "yes or no"}:
        return words
    return f"{'an' if words[0] in 'aeiouAEIO' else 'a'} {words}"


def _hint(kind: Any, word: str) -> str:
    """For an address in place of its network: the network."""
    if kind not in (IPv4Network, IPv6Network) or "/" not in word:
        return ""
    try:
        return f"did you mean {ip_interface(word).network}?"
    except ValueError:
        return ""


def _check_bounds(text: Text, value: Any, key: Key, about: str) -> None:
    if (key.minimum is None and key.maximum is None) or not isinstance(value, (int, float)):
        return
    low = key.minimum is not None and value < key.minimum
    high = key.maximum is not None and value > key.maximum
    if not low and not high:
        return
    if key.maximum is None:
        allowed = f"at least {key.minimum:g}"
    elif key.minimum is None:
        allowed = f"at most {key.maximum:g}"
    else:
        allowed = f"between {key.minimum:g} and {key.maximum:g}"
    _fail("bad-range", f"{about}{quote(scalar(text))} must be {allowed}", text)


def _choice(text: Text, word: str, choices: tuple[str, ...], about: str) -> str:
    """The choice that is meant, in any case, ``-`` and ``_`` being the same."""
    folded = fold(word)
    for choice in choices:
        if fold(choice) == folded:
            return choice
    few = f"choose one of {', '.join(choices)}" if len(choices) <= 12 else ""
    _fail("unknown-choice", f"{about}unknown choice {quote(word)}", text, did_you_mean(word, choices, few))


class _UnknownChoiceError(ValueError):
    def __init__(self, choices: tuple[str, ...]) -> None:
        super().__init__()
        self.choices = choices


@cache
def reader(kind: Any) -> Callable[[str], Any]:
    """The function that reads one word as a type; it raises `ValueError`. Raises `TypeError` for a foreign type."""
    if get_origin(kind) in (Union, types.UnionType):
        return _first_of(tuple(reader(member) for member in get_args(kind)))
    parse: Callable[[str], Any] | None = getattr(kind, "parse", None)
    if parse is not None:
        return parse
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enum(kind)
    known: dict[Any, Callable[[str], Any]] = {str: str, bool: _truth, int: _whole, float: _number, Path: Path}
    if kind in known:
        return known[kind]
    if kind in _ADDRESSES:
        return _address(kind)
    raise TypeError(f"{kind!r} is no type of INI keys")


def _first_of(readers: tuple[Callable[[str], Any], ...]) -> Callable[[str], Any]:
    def read(word: str) -> Any:
        for one in readers:
            try:
                return one(word)
            except ValueError:
                continue
        raise ValueError

    return read


def _enum(kind: type[StrEnum]) -> Callable[[str], Any]:
    members = {fold(member.value): member for member in kind}
    choices = tuple(member.value for member in kind)

    def read(word: str) -> StrEnum:
        member = members.get(fold(word))
        if member is None:
            raise _UnknownChoiceError(choices)
        return member

    return read


def _address(kind: Any) -> Callable[[str], Any]:
    def read(word: str) -> Any:
        try:
            return kind(word)
        except ValueError as error:
            # "has host bits set" is worth saying; the rest is about Python's view of octets.
            bits = " (bits are set after the prefix)" if "host bits" in str(error) else ""
            raise ValueError(f"{quote(word)} is not {_with_article(_ADDRESSES[kind])}{bits}") from None

    return read


def _truth(word: str) -> bool:
    try:
        return _TRUTH[word.lower()]
    except KeyError:
        raise ValueError(f"{quote(word)} is neither yes nor no") from None


def _whole(word: str) -> int:
    if not _WHOLE.fullmatch(word):
        raise ValueError
    return int(word)


def _number(word: str) -> float:
    if not _NUMBER.fullmatch(word):
        raise ValueError
    return float(word)
