"""The sections of an os profile that say what its TCP/IP stack does: their texts → Personality."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from decnet.errors import Problem, Span
from decnet.ini import Text, fold
from decnet.ini.schema import fill
from decnet.stack import Personality

SECTIONS: Mapping[str, type[Any]] = {
    field.name: type(getattr(Personality(), field.name)) for field in dataclasses.fields(Personality)
}
"""Section → the dataclass of its keys."""
_TTL = "net.ipv4.ip_default_ttl"


def personality(
    texts: Mapping[str, Text], base: Personality, where: Span, settings: Mapping[str, str]
) -> tuple[Personality, tuple[Problem, ...]]:
    """``base`` with what these keys (``tcp.mss``) say, and every problem there is.

    ``settings`` are the sysctls that the same profile gives: a TTL among them is meant for what others see too.
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
            own = {fold(key): getattr(filled, fold(key)) for key in keys}
            made = dataclasses.replace(made, **{section: dataclasses.replace(getattr(made, section), **own)})
    if _TTL in settings and "ip.ttl_tcp" not in texts and settings[_TTL].isdecimal():
        made = dataclasses.replace(made, ip=dataclasses.replace(made.ip, ttl_tcp=int(settings[_TTL])))
    return made, (*problems, *(_contradictions(made, texts, where) if not problems else ()))


def _contradictions(made: Personality, texts: Mapping[str, Text], where: Span) -> list[Problem]:
    """What each key may say alone, but not together: options that announce what the kernel is told not to do."""
    tcp = made.tcp
    able = {"w": tcp.wscale is not None, "s": tcp.sack, "t": tcp.timestamps}
    problems = []
    for name in ("none", "w", "s", "ws", "t", "wt", "st", "wst"):
        features = frozenset(name if name != "none" else "")
        key = f"tcp.opts_{name}"
        span = texts[key].span if key in texts else where
        options = getattr(tcp, f"opts_{name}")
        if not all(able[letter] for letter in features):
            continue  # never the case on such a host
        if options.features != frozenset(letter.upper() for letter in features):
            wanted = " and ".join(sorted(letter.upper() for letter in features)) or "none of W, S, T"
            problems.append(Problem("bad-value", f"{key}: has to have {wanted}", span))
    if tcp.syn_opts is not None:
        wanted_own = frozenset(letter.upper() for letter, has in able.items() if has)
        if tcp.syn_opts.features not in (wanted_own, wanted_own - {"T"}):  # time stamps may go unoffered
            span = texts["tcp.syn_opts"].span if "tcp.syn_opts" in texts else where
            listed = " and ".join(sorted(wanted_own)) or "none of W, S, T"
            free = ", T or not" if "T" in wanted_own else ""
            problems.append(Problem("bad-value", f"tcp.syn_opts: has to have {listed}{free}", span))
    return problems
