"""The sections of an os profile that say what its TCP/IP stack does: their texts → Personality."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from decnet.catalog.contradictions import contradictions
from decnet.errors import Problem, Span
from decnet.ini import Text, fold, scalar
from decnet.ini.names import quote
from decnet.ini.schema import fill
from decnet.stack import Personality

SECTIONS: Mapping[str, type[Any]] = {
    field.name: type(getattr(Personality(), field.name)) for field in dataclasses.fields(Personality)
}
"""Section → the dataclass of its keys."""
OWNERS: Mapping[str, str] = {
    "net.ipv4.ip_default_ttl": "ip.ttl_tcp",
    "net.ipv4.tcp_timestamps": "tcp.timestamps",
    "net.ipv4.tcp_window_scaling": "tcp.wscale",
    "net.ipv4.tcp_sack": "tcp.sack",
    "net.ipv4.tcp_ecn": "tcp.ecn",
}
"""Sysctls that say the same as a key: what the kernel does and what is announced has to agree."""
_LARGEST = {"ip.ttl_tcp": 255, "tcp.timestamps": 2, "tcp.wscale": 1, "tcp.sack": 1, "tcp.ecn": 2}


def personality(
    texts: Mapping[str, Text], base: Personality, where: Span, settings: Mapping[str, Text]
) -> tuple[Personality, tuple[Problem, ...]]:
    """``base`` with what these keys (``tcp.mss``) say, and every problem there is.

    ``settings`` are the sysctls that the same profile gives: what they say is meant for what others see too.
    """
    problems: list[Problem] = []
    given: dict[str, dict[str, Text]] = {}
    for name, text in texts.items():
        section, _, rest = name.partition(".")
        given.setdefault(section, {})[rest] = text
    made = base
    for section, keys in given.items():
        filled, found = fill(SECTIONS[section], keys, where)
        problems += found
        if filled is not None:
            made = _with(made, section, {fold(key): getattr(filled, fold(key)) for key in keys})
    if not problems:
        for sysctl in settings.keys() & OWNERS.keys():
            made, wrong = _told(made, OWNERS[sysctl], settings[sysctl], sysctl, texts)
            problems += wrong
    return made, (*problems, *(contradictions(made, texts, where) if not problems else ()))


def _told(
    made: Personality, key: str, text: Text, sysctl: str, texts: Mapping[str, Text]
) -> tuple[Personality, list[Problem]]:
    """The personality with what a sysctl says of ``key``; a problem where that cannot be, or the key says another thing."""

    def wrong(said: str, hint: str = "") -> tuple[Personality, list[Problem]]:
        return made, [Problem("bad-value", f"{quote(sysctl)} {said}", text.span, hint)]

    value, least = scalar(text), int(key == "ip.ttl_tcp")
    if not (value.isascii() and value.isdecimal() and least <= int(value) <= _LARGEST[key]):
        return wrong(f"must be {least} to {_LARGEST[key]}, not {quote(value)}")
    section, _, name = key.partition(".")
    now = getattr(getattr(made, section), name)
    if key == "ip.ttl_tcp":
        wanted, same = int(value), now == int(value)
    elif key == "tcp.wscale":
        wanted, same = None, (now is not None) == (value != "0")
    else:
        wanted, same = value != "0", now == (value != "0")
    if same:
        return made, []
    if key in texts or (key == "tcp.wscale" and value != "0"):
        return wrong(f"contradicts {key}", f"leave it out: it follows from {key}")
    return _with(made, section, {name: wanted}), []


def _with(made: Personality, section: str, values: Mapping[str, Any]) -> Personality:
    return dataclasses.replace(made, **{section: dataclasses.replace(getattr(made, section), **values)})
