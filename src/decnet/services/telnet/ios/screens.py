"""What ``show`` shows: the rendered screens of a router, with what moves put in when they are looked at."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from decnet.services.service import Facts

SECTION = re.compile(r"^=== (\w+)\n", re.MULTILINE)
PLACE = re.compile(r"<(hostname|uptime|clock|line|user|source|size|changed|count|rate|arp)((?: [^<> ]+)*)>")
_UNITS = (("year", 365 * 86400), ("week", 7 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))


@dataclass(slots=True)
class View:
    """Who looks, and what they have changed."""

    hostname: str
    user: str
    source: str
    line: str
    changed: list[str]


def sections(data: bytes) -> Mapping[str, str]:
    """The screens of a rendered file by name."""
    parts = SECTION.split(data.decode("utf-8", "replace"))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def shown(screens: Mapping[str, str], name: str, facts: Facts, view: View) -> str:
    """A screen as it is now."""
    if name in ("running", "startup"):
        config = _filled(screens["config"], facts, view, 0)
        config = re.sub(r"^hostname .*$", f"hostname {view.hostname}", config, count=1, flags=re.MULTILINE)
        return _filled(screens[name], facts, view, len(config)) + config
    return _filled(screens[name], facts, view, 0)


def uptime(seconds: float) -> str:
    """``5 weeks, 1 day, 3 hours, 12 minutes``; on the hour too IOS names the minutes: ``13 hours, 0 minutes``."""
    left = int(seconds)
    words: list[str] = []
    for name, length in _UNITS:
        count, left = divmod(left, length)
        if count or name == "minute":
            words.append(f"{count} {name}{'' if count == 1 else 's'}")
    return ", ".join(words)


def clock(now: float) -> str:
    """``*14:03:07.412 UTC Mon Mar 2 2026``; the star: it was set by hand, not by NTP."""
    moment = time.gmtime(now)
    day = f"{time.strftime('%a %b', moment)} {moment.tm_mday} {moment.tm_year}"
    return f"*{time.strftime('%H:%M:%S', moment)}.{int(now * 1000) % 1000:03} UTC {day}"


def _filled(text: str, facts: Facts, view: View, size: int) -> str:
    now = time.time()
    known: Mapping[str, Callable[[list[str]], str]] = {
        "hostname": lambda _: view.hostname,
        "uptime": lambda _: uptime(now - facts.booted),
        "clock": lambda _: clock(now),
        "line": lambda _: view.line,
        "user": lambda _: view.user[:10].ljust(10),
        "source": lambda _: view.source,
        "size": lambda _: str(size),
        "changed": lambda _: "".join(f"{line}\n" for line in view.changed) + "!",
        "count": lambda words: str(int(words[0]) + int((now - facts.booted) * int(words[1]))),
        "rate": lambda words: str(_between(int(words[0]), int(words[1]), now)),
        "arp": lambda words: _arp(*words, now=now),
    }
    return PLACE.sub(lambda match: known[match[1]](match[2].split()), text)


def _between(low: int, high: int, now: float) -> int:
    """A number that moves every five seconds."""
    return low + int(now // 5) * 2_654_435_761 % 2**32 % (high - low + 1)


def _arp(address: str, age: str, mac: str, *, now: float) -> str:
    """A row of the ARP table; entries are asked for again after four hours."""
    minutes = age if age == "-" else str((int(age) + int(now // 60)) % 240)
    return f"Internet  {address:<15} {minutes:>9}   {mac}  ARPA   GigabitEthernet0/0"
