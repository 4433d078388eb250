"""The event: one flat, versioned record of one thing that happened."""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
import uuid_utils

SCHEMA_VERSION = 1
TEXT_LIMIT = 4096
"""Characters kept of one text from the wire."""


class EventType(StrEnum):
    """What happened."""

    OPEN = "connection.open"
    CLOSE = "connection.close"
    AUTH = "auth.attempt"
    COMMAND = "command"
    REQUEST = "request"
    DOWNLOAD = "file.download"
    UPLOAD = "file.upload"
    FINGERPRINT = "fingerprint"
    SCAN = "scan"
    LOG = "log"
    ERROR = "error"
    STATE = "decoy.state"
    APPLY = "apply"


class Event(msgspec.Struct, frozen=True):
    """One line of the event log; field names and order are those of docs/events.md."""

    id: str
    ts: str
    type: EventType
    network: str
    decoy: str = ""
    service: str = ""
    session: str = ""
    src_ip: str = ""
    src_port: int = 0
    dst_ip: str = ""
    dst_port: int = 0
    proto: str = ""
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)
    v: int = SCHEMA_VERSION

    @classmethod
    def of(cls, kind: EventType, data: Mapping[str, Any], **where: Any) -> Event:
        """An event with a fresh id and everything in ``data`` made safe."""
        return cls(id=event_id(), type=kind, data={k: safe(v) for k, v in data.items()}, **where)


def event_id() -> str:
    """A UUIDv7 (RFC 9562 section 5.7): sorts by time."""
    return str(uuid_utils.uuid7())


def now() -> str:
    """The time, UTC, ISO 8601 with microseconds and ``Z``."""
    second, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(second)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    """A Unix second as text: many events share one."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def safe(value: Any) -> Any:
    """A value fit for a log: texts through `safe_text`, lists and mappings item by item, numbers as they are."""
    if type(value) is str and len(value) <= TEXT_LIMIT and value.isprintable():
        return value
    if isinstance(value, (bytes, str)):
        return safe_text(value)
    if isinstance(value, Mapping):
        return {safe_text(str(k)): safe(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [safe(item) for item in value]
    return value


def safe_text(value: bytes | str, limit: int = TEXT_LIMIT) -> str:
    r"""Text from the wire made inert: invalid UTF-8 and unprintable characters as ``\xNN`` or ``\uNNNN``, capped.

    A capped text ends in ``…(+N)``, N the number of bytes or characters left out.
    """
    extra = max(0, len(value) - limit)
    kept = value[:limit]
    text = kept.decode("utf-8", "backslashreplace") if isinstance(kept, bytes) else kept
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escape(c) for c in text)
    return f"{text}…(+{extra})" if extra else text


def _escape(character: str) -> str:
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if short:
        return short
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
