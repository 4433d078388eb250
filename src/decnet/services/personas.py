"""Personas as JSON, to travel from the side that renders to the process that serves."""

from __future__ import annotations

from typing import Any

import msgspec


def encode(persona: Any) -> bytes:
    """A persona as JSON with sorted keys. Types of its own (masked texts, addresses) become their text."""
    return msgspec.json.encode(persona, enc_hook=str, order="deterministic")


def decode(kind: type[Any], data: bytes) -> Any:
    """The persona back. Raises `msgspec.ValidationError` when the JSON is not one of that kind."""
    return msgspec.json.decode(data, type=kind, dec_hook=_decode)


def _decode(kind: type[Any], value: Any) -> Any:
    parse = getattr(kind, "parse", kind)
    return parse(value)
