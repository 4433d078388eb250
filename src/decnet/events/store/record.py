"""Events on their way in: what a line of the log says, checked, cut and made inert once more.

Decoy processes write the log, and whoever has taken one over writes there, too. So nothing is believed: not that texts
are printable, not that numbers fit a column, not that ids are ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from decnet.events.reader import decode
from decnet.events.schema import TEXT_LIMIT, Event, safe, safe_text
from decnet.events.store.schema import ADDRESS_LENGTH, NAME_LENGTH, SESSION_LENGTH

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST = 1 << 53
"""Numbers above are not what they seem in JSON, and none of ours comes near."""


class Record(NamedTuple):
    """An event as it is kept: ``id`` 16 bytes, ``ts`` in microseconds, ``json`` its data."""

    id: bytes
    ts: int
    type: str
    network: str
    decoy: str
    service: str
    session: str
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    proto: str
    v: int
    data: dict[str, Any]
    json: str


def records(lines: Iterable[bytes]) -> Iterator[Record]:
    """Those lines that are events."""
    for line in lines:
        event = decode(line)
        if event is not None and (found := record(event)) is not None:
            yield found


def record(event: Event) -> Record | None:
    """What is kept of an event; None when it is none (no UUID, no time)."""
    try:
        number = bytes.fromhex(event.id.replace("-", ""))
        when = _micros(event.ts)
        data, text = _inert(event.data)
    except (ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return None
    if len(number) != 16 or len(event.id) != 36:
        return None
    return Record(
        number,
        when,
        event.type.value,
        _text(event.network, NAME_LENGTH),
        _text(event.decoy, NAME_LENGTH),
        _text(event.service, NAME_LENGTH),
        _text(event.session, SESSION_LENGTH),
        _text(event.src_ip, ADDRESS_LENGTH),
        _port(event.src_port),
        _text(event.dst_ip, ADDRESS_LENGTH),
        _port(event.dst_port),
        _text(event.proto, 16),
        event.v if 0 <= event.v < 1 << 15 else 0,
        data,
        text,
    )


def count(value: object) -> int:
    """A number of something, 0 when it is none."""
    return value if type(value) is int and 0 <= value < _MOST else 0


def word(value: object, limit: int) -> str:
    """A value as one inert text."""
    return _text(value if isinstance(value, str) else "" if value is None else str(value), limit)


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970; without a zone it is UTC."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def moment_of(micros: int) -> datetime:
    """The other way round."""
    return _EPOCH + timedelta(microseconds=micros)


def stamp(micros: int) -> str:
    """As in an event: ISO 8601 with microseconds and ``Z``."""
    second, rest = divmod(micros, 1_000_000)
    return f"{_second(second)}.{rest:06d}Z"


@lru_cache(maxsize=1024)
def _second(second: int) -> str:
    """A Unix second as text: many events share one."""
    return moment_of(second * 1_000_000).isoformat()[:19]


def _inert(data: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Data and its JSON. What has no escape and nothing unprintable in it is as inert as it can be."""
    text = msgspec.json.encode(data).decode()
    if len(text) <= TEXT_LIMIT and "\\" not in text and text.isprintable():
        return dict(data), text
    again = safe(data)
    return again, msgspec.json.encode(again).decode()


def _micros(text: str) -> int:
    return micros_of(datetime.fromisoformat(text))


def _text(text: str, limit: int) -> str:
    if len(text) <= limit and text.isprintable():
        return text
    return safe_text(text)[:limit]


def _port(number: int) -> int:
    return number if 0 <= number <= 65535 else 0
