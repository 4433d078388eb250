"""Time zones, all read at import: a process that serves attackers opens no file later, whatever TZ they set."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError


def _source() -> str:
    """The compiler's source of all zones, in its compact form (zic(8)): ``Z`` lines are zones, ``L`` lines links."""
    for folder in TZPATH:
        path = Path(folder) / "tzdata.zi"
        if path.is_file():
            return path.read_text("utf-8")
    return ""


def _load() -> tuple[Mapping[str, tzinfo], Mapping[str, str]]:
    zones: dict[str, tzinfo] = {"UTC": UTC}
    links: dict[str, str] = {}
    for line in _source().splitlines():
        words = line.split(" ")
        if words[0] == "L":
            links[words[2]] = words[1]
        elif words[0] == "Z":
            try:
                zones[words[1]] = ZoneInfo(words[1])
            except (ZoneInfoNotFoundError, ValueError, OSError):
                continue
    return zones, links


_ZONES, _LINKS = _load()


def zone(name: str) -> tzinfo:
    """The zone of that name or link; UTC where there is none."""
    return _ZONES.get(_LINKS.get(name, name), UTC)
