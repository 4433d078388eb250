"""Values of an event's ``data``, which a process that serves attackers wrote: of the type that a schema wants, or none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from decnet.events.schema import Event, EventType

_LONGEST = (1 << 63) - 1
_METHOD = re.compile(r"[A-Za-z]{1,20}")


def text(event: Event, key: str) -> str:
    """A text; empty where there is none."""
    value = event.data.get(key)
    return value if isinstance(value, str) else ""


def number(event: Event, key: str) -> int | None:
    """A number of things: whole and not negative, below 2^63."""
    value = event.data.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LONGEST:
        return None
    return int(value)


def seconds(event: Event, scale: int) -> int | None:
    """``duration`` in parts of a second."""
    value = event.data.get("duration")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1 << 32:
        return None
    return round(value * scale)


def moment(event: Event) -> datetime:
    """When it was; the beginning of time where the event does not say it."""
    try:
        found = datetime.fromisoformat(event.ts)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def address(value: str) -> str:
    """An IP address as it is; empty where it is none."""
    try:
        ip_address(value)
    except ValueError:
        return ""
    return value


def port(value: int) -> int | None:
    """A port that there is."""
    return value if 0 < value < 1 << 16 else None


def succeeded(event: Event) -> bool | None:
    """Whether what was tried was let happen; None where nothing was tried."""
    return {"accepted": True, "success": True, "refused": False, "failure": False}.get(text(event, "outcome"))


def method(event: Event) -> str:
    """The method of a request over HTTP; empty for any other event."""
    found = text(event, "method")
    is_http = event.type is EventType.REQUEST and "user_agent" in event.data
    return found.upper() if is_http and _METHOD.fullmatch(found) else ""


def url(event: Event) -> tuple[str, str]:
    """Path and query of what was asked for over HTTP."""
    path, _, query = text(event, "path").partition("?")
    return path, query


def transferred(event: Event) -> int | None:
    """Bytes of a connection, both ways."""
    received, sent = number(event, "received"), number(event, "sent")
    return None if received is None or sent is None else received + sent


def headline(event: Event) -> str:
    """What happened, for people."""
    where = " ".join(filter(None, (event.decoy, event.service)))
    source = f" from {event.src_ip}" if event.src_ip else ""
    return f"{event.type} {where}{source}".strip()


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what has no value, and without objects that have none."""
    return {key: value for key, value in values.items() if value not in (None, "", {}, [])}
