"""Time zones, all read at import: a process that serves attackers opens no file later, whatever TZ they set."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, tzinfo
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo


def _source() -> str:
    """The compiler's source of all zones, in its compact form (zic(8)): ``Z`` lines are zones, ``L`` lines links."""
    for folder in TZPATH:
        path = Path(folder) / "tzdata.zi"
        if path.is_file():
            return path.read_text("utf-8")
    return ""


def _load() -> tuple[Mapping[str, bytes], Mapping[str, str]]:
    """The zones as their files are, a third of what they take once they are parsed."""
    zones: dict[str, bytes] = {}
    links: dict[str, str] = {}
    for line in _source().splitlines():
        words = line.split(" ")
        if words[0] == "L":
            links[words[2]] = words[1]
        elif words[0] == "Z":
            zones[words[1]] = _file(words[1])
    return zones, links


def _file(name: str) -> bytes:
    for folder in TZPATH:
        with contextlib.suppress(OSError):
            return (Path(folder) / name).read_bytes()
    return b""


_ZONES, _LINKS = _load()


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """The zone of that name or link; UTC where there is none."""
    data = _ZONES.get(_LINKS.get(name, name), b"")
    try:
        return ZoneInfo.from_file(BytesIO(data), name) if data else UTC
    except ValueError:
        return UTC
