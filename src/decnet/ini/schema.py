"""Typed keys: a frozen dataclass says which keys a section takes, of which type, with which default and help.

The same dataclass fields are the INI keys, the validation and the documentation. Types come from the annotations:
``str``, ``int``, ``float``, ``bool``, a `StrEnum`, ``tuple[X, ...]`` (a list), ``X | None``, ``X | Y`` (the first that
fits), `Path`, the address types of `ipaddress`, and any class with a ``parse(text)`` classmethod that raises
`ValueError` with a message.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar, get_type_hints

from decnet.errors import InvalidInput, Problem, Span
from decnet.ini.convert import NOTHING, convert, label, shape_of
from decnet.ini.key import Key
from decnet.ini.model import Text
from decnet.ini.names import did_you_mean, fold, quote
from decnet.ini.parser import MAX_PROBLEMS
from decnet.ini.resolve import Found
from decnet.ini.values import Secret

__all__ = ["Key", "KeyDoc", "SchemaField", "convert", "describe", "fields", "fill", "key"]
T = TypeVar("T")


def key(
    default: Any,
    help: str,  # noqa: A002 (the word users know)
    *,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    aliases: tuple[str, ...] = (),
    secret: bool = False,
    example: str = "",
) -> Any:
    """A dataclass field that is an INI key. Without a default (``dataclasses.MISSING``) the key must be given."""
    known = Key(help, choices, minimum, maximum, aliases, secret, example)
    return dataclasses.field(default=default, metadata={"key": known})


@dataclass(frozen=True, slots=True)
class SchemaField:
    """One key of a section: its folded name, its annotation, its default (``dataclasses.MISSING``: none)."""

    name: str
    type: Any
    default: Any
    key: Key


@dataclass(frozen=True, slots=True)
class KeyDoc:
    """One key as documentation shows it; every text as a user would write it."""

    name: str
    type: str
    default: str
    help: str
    choices: tuple[str, ...]
    example: str
    aliases: tuple[str, ...]
    required: bool
    secret: bool
    minimum: float | None
    maximum: float | None


class _Schema(NamedTuple):
    fields: tuple[SchemaField, ...]
    names: Mapping[str, SchemaField]
    """By folded name and alias."""
    required: tuple[SchemaField, ...]


_SCHEMAS: dict[Any, _Schema] = {}


def fields(cls: type[Any]) -> tuple[SchemaField, ...]:
    """The keys of a dataclass, in its order. Fields that the constructor does not take are no keys."""
    return _schema(cls).fields


def _schema(cls: type[Any]) -> _Schema:
    known = _SCHEMAS.get(cls)
    if known is None:
        found = _fields(cls)
        names = {fold(alias): field for field in found for alias in field.key.aliases}
        names |= {fold(field.name): field for field in found}
        required = tuple(field for field in found if field.default is dataclasses.MISSING)
        known = _SCHEMAS[cls] = _Schema(found, names, required)
    return known


def _fields(cls: type[Any]) -> tuple[SchemaField, ...]:
    hints = get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        if field.init:
            default = field.default
            if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
                default = field.default_factory()
            found.append(
                SchemaField(field.name, hints[field.name], default, field.metadata.get("key", NOTHING))
            )
    return tuple(found)


def fill(
    cls: type[T], given: Mapping[str, Text | Found], where: Span
) -> tuple[T | None, tuple[Problem, ...]]:
    """An instance of a dataclass from the texts of its keys, or None and every problem there is.

    ``given`` is by key in any spelling, interpolated; with `Found` (as `gather` returns) an unknown key is shown where
    the key stands, with a `Text` where its value does. ``where`` is the place to blame for what is missing. Problems:
    ``unknown-key``, ``duplicate-key`` (a key and its alias), ``missing-key``, and those of `convert`; and ``bad-value``
    when ``__post_init__`` raises `ValueError`.
    """
    schema = _schema(cls)
    values: dict[str, Any] = {}
    used: dict[str, Span] = {}
    problems: list[Problem] = []
    for name, found in given.items():
        if len(problems) >= MAX_PROBLEMS:
            break
        text = found.text if isinstance(found, Found) else found
        field = schema.names.get(fold(name))
        if field is None:
            problems.append(unknown_key(name, found, schema.names))
            continue
        if field.name in used:
            message = f"{quote(name)} is {quote(field.name)} under another name, which is given too"
            problems.append(Problem("duplicate-key", message, text.span, "", (used[field.name],)))
            continue
        used[field.name] = text.span
        try:
            values[field.name] = convert(text, field.type, field.key, name)
        except InvalidInput as error:
            problems += error.problems
    for field in schema.required:
        if field.name not in used:
            problems.append(
                Problem("missing-key", f"the key {quote(field.name)} is missing", where, field.key.help)
            )
    if problems:
        return None, tuple(problems)
    try:
        return cls(**values), ()
    except ValueError as error:
        return None, (Problem("bad-value", str(error), where),)


def unknown_key(name: str, found: Text | Found, known: Iterable[str]) -> Problem:
    """The problem of a key that a section does not take."""
    where = f" in [{found.section.name}]" if isinstance(found, Found) else ""
    span = found.option.span if isinstance(found, Found) else found.span
    return Problem("unknown-key", f"unknown key {quote(name)}{where}", span, did_you_mean(fold(name), known))


def describe(cls: type[Any]) -> tuple[KeyDoc, ...]:
    """The keys of a dataclass for ``decnet schema`` and the reference pages."""
    return tuple(_describe(field) for field in fields(cls))


def _describe(field: SchemaField) -> KeyDoc:
    inner = shape_of(field.type).inner
    enum = isinstance(inner, type) and issubclass(inner, StrEnum)
    one_of = bool(field.key.choices) and not shape_of(field.type).is_list
    required = field.default is dataclasses.MISSING
    secret = field.key.secret or inner is Secret
    hidden = secret and not required and field.default
    return KeyDoc(
        name=field.name,
        type="choice" if one_of else label(field.type),
        default="" if required else "********" if hidden else written(field.default),
        help=field.key.help,
        choices=tuple(member.value for member in inner) if enum else field.key.choices,
        example=field.key.example,
        aliases=field.key.aliases,
        required=required,
        secret=secret,
        minimum=field.key.minimum,
        maximum=field.key.maximum,
    )


def written(value: Any) -> str:
    """A value as a user would write it in a file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(written, value))
    return str(getattr(value, "text", value))
