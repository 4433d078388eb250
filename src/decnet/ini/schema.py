"""Typed keys: a frozen dataclass says which keys a section takes, of which type, with which default and help.

The same dataclass fields are the INI keys, the validation and the documentation. Types come from the annotations:
``str``, ``int``, ``float``, ``bool``, a `StrEnum`, ``tuple[X, ...]`` (a list), ``X | None``, the address types of
`ipaddress`, and any class with a ``parse(text)`` classmethod that raises `ValueError` with a message.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key beside its name, type and default."""

    help: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    aliases: tuple[str, ...] = ()
    secret: bool = False
    example: str = ""


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
    """A dataclass field that is an INI key."""
    known = Key(help, choices, minimum, maximum, aliases, secret, example)
    return dataclasses.field(default=default, metadata={"key": known})
