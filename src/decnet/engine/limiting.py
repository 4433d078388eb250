"""Changes of isolation and limits in the words of the file. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from decnet.engine.diff import FieldChange
from decnet.engine.placement import is_alone
from decnet.ini.values import Duration, Size
from decnet.services.limits import Bounds, Limits
from decnet.spec import Isolation
from decnet.world import Policy

_KEYS = {"session_seconds": "session_time"}
"""Field → name in the file, where they differ."""


def process(old: int, new: int) -> FieldChange:
    """A service that another process is to serve."""
    before, after = (Isolation.DECOY if is_alone(one) else Isolation.SHARED for one in (old, new))
    if before is after:
        return FieldChange("process", old, new, Policy.RESTART)
    return FieldChange("isolation", before.value, after.value, Policy.RESTART)


def limits(old: Limits | Bounds, new: Limits | Bounds) -> Iterator[FieldChange]:
    """Each limit that differs, as ``limits.connections``."""
    for field in dataclasses.fields(new):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before != after:
            name = _KEYS.get(field.name, field.name)
            yield FieldChange(f"limits.{name}", _shown(name, before), _shown(name, after), Policy.LIVE)


def _shown(name: str, value: float) -> Any:
    if not value:
        return None
    match name:
        case "memory" | "session_bytes":
            return Size(value).text
        case "session_time":
            return Duration(value).text
        case "cpu":
            return f"{value:.0%}"
        case "connection_rate" | "event_rate":
            return f"{value:g}/s"
        case _:
            return int(value)
