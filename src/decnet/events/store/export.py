"""Events as text for other programs: JSON lines, or CSV that a spreadsheet shows and does not run."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from decnet.events.file import encode
from decnet.events.schema import Event
from decnet.events.store.values import Stored

COLUMNS = Event.__struct_fields__
_ACTIVE = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet takes for a formula (OWASP, CSV injection), wide forms as well."""
_LINES = 500


class Format(StrEnum):
    """How events are written."""

    JSONL = "jsonl"
    CSV = "csv"


def write(events: Iterable[Stored], form: Format, put: Callable[[bytes], object]) -> int:
    """Hand events over as bytes, and say how many. Each line ends in a newline (CSV: RFC 4180, in UTF-8)."""
    count = 0
    lines = _csv if form is Format.CSV else _jsonl
    for part, number in lines(events):
        put(part)
        count += number
    return count


def _jsonl(events: Iterable[Stored]) -> Iterator[tuple[bytes, int]]:
    for one in events:
        yield encode(one.event), 1


def _csv(events: Iterable[Stored]) -> Iterator[tuple[bytes, int]]:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    held = 0
    for one in events:
        writer.writerow([cell(getattr(one.event, name)) for name in COLUMNS])
        held += 1
        if held == _LINES:
            yield _emptied(text), held
            held = 0
    yield _emptied(text), held


def cell(value: Any) -> str:
    """A value as a cell. What would be a formula gets a ``'`` before it."""
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"'{text}" if text.startswith(_ACTIVE) else text


def _emptied(text: io.StringIO) -> bytes:
    data = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return data
