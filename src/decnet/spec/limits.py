"""The key ``limits``: bounds of a decoy's services and of the process that serves it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from decnet.ini import did_you_mean
from decnet.ini.names import fold, quote
from decnet.ini.values import Duration, Size
from decnet.services.limits import Bounds, Limits
from decnet.spec.reading import Findings, Read

_WHOLE = re.compile(r"[0-9]{1,9}")
_SHARE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,2})?)%")
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(?:/s)?")


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{quote(text)} is no whole number")
    return int(text)


def _share(text: str) -> float:
    match = _SHARE.fullmatch(text)
    if match is None:
        raise ValueError(f"{quote(text)} is no share of a processor; write 50%")
    return float(match[1]) / 100


def _rate(text: str) -> float:
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{quote(text)} is no rate; write 200/s")
    return float(match[1])


def _size(text: str) -> int:
    return int(Size.parse(text))


def _time(text: str) -> float:
    return float(Duration.parse(text))


class _Kind(NamedTuple):
    """How a limit is read, the least and most that make sense, as a user would write them, and the field it sets."""

    read: Callable[[str], float]
    least: str
    most: str
    field: str
    bounds: bool = False


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "memory": _Kind(_size, "96M", "1T", "memory", bounds=True),
        "cpu": _Kind(_share, "1%", "100000%", "cpu", bounds=True),
        "pids": _Kind(_whole, "8", "100000", "pids", bounds=True),
        "connections": _Kind(_whole, "1", "60000", "connections"),
        "per_source": _Kind(_whole, "1", "60000", "per_source"),
        "session_bytes": _Kind(_size, "1K", "1T", "session_bytes"),
        "session_time": _Kind(_time, "1s", "365d", "session_seconds"),
        "connection_rate": _Kind(_rate, "0.1/s", "1000000/s", "connection_rate"),
        "event_rate": _Kind(_rate, "1/s", "1000000/s", "event_rate"),
    }
)
"""Memory: a process takes 60 MB before its first connection. Threads: one, and those that compute keys and shells."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One item of the key, ``connections=200``: its name, and its value in bytes, seconds, a number, or per second."""

    label: ClassVar[str] = "limit (memory=256M, connections=200)"
    name: str
    value: float
    text: str

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Raises `ValueError`."""
        name, equals, value = (part.strip() for part in text.partition("="))
        folded = fold(name)
        if not equals:
            raise ValueError(f"{quote(text)} is no limit; write NAME=VALUE, as in connections=200")
        kind = _KINDS.get(folded)
        if kind is None:
            hint = did_you_mean(folded, _KINDS, f"known: {', '.join(_KINDS)}")
            raise ValueError(f"unknown limit {quote(name)}; {hint}")
        try:
            read = kind.read(value)
        except ValueError as error:
            raise ValueError(f"{folded}: {error}") from None
        if not kind.read(kind.least) <= read <= kind.read(kind.most):
            raise ValueError(f"{folded}: {quote(value)} must be between {kind.least} and {kind.most}")
        return cls(folded, read, text)


def granted(read: Read[Any], *, alone: bool, findings: Findings) -> tuple[Limits, Bounds]:
    """What a decoy's services grant, and what its process may take.

    A limit that is given twice is an error; one of a process that the decoy shares (not ``alone``) is a warning.
    """
    limits: Sequence[Limit] = read.keys.limits
    services: dict[str, Any] = {}
    process: dict[str, Any] = {}
    seen: set[str] = set()
    for limit in limits:
        kind, at = _KINDS[limit.name], read.item("limits", limit.text)
        if limit.name in seen:
            findings.error("bad-value", f"limits: {limit.name} is given twice", at, "remove one of the two")
        if kind.bounds and not alone:
            message = f"limits: {limit.name} bounds a process, and this decoy shares its process with others"
            findings.warn("no-effect", message, at, "write isolation = decoy")
        seen.add(limit.name)
        (process if kind.bounds else services)[kind.field] = limit.value
    return Limits(**services), Bounds(**process)
