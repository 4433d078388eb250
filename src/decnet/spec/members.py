"""A decoy section to its members: names from ranges and ``amount``, host names from patterns, addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from decnet.draw import Draw
from decnet.errors import Span
from decnet.ini import Section, expand
from decnet.ini.names import quote
from decnet.ini.ranges import check
from decnet.spec.keys import DecoyKeys
from decnet.spec.reading import Findings, Read

Pattern = Callable[[str, Mapping[str, Any]], str]
"""Expands a one-line Jinja pattern; raises `ValueError`. Handed in, since templates are another room's."""

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_HOSTNAME_LIMIT = 253
_SOLO = 40
"""A decoy that is no group's member has a number up to this in its host name."""
_TRIES = 200
_PATIENCE = 8
"""Tries after which numbers twice as large are drawn: a pattern must do for thousands."""


@dataclass(frozen=True, slots=True)
class Member:
    """One decoy of a section: its name, its group's, and its number in it (from 1)."""

    name: str
    group: str
    number: int
    solo: bool


def count(section: Section, read: Read[DecoyKeys]) -> int:
    """How many decoys a section stands for, without making them."""
    return read.keys.amount or check(section.name)[1]


def members(section: Section, read: Read[DecoyKeys], findings: Findings) -> list[Member]:
    """The decoys that a section stands for."""
    names = expand(section.name)
    amount = read.keys.amount
    if amount is None:
        if names == (section.name,):
            return [Member(section.name, section.name, 1, solo=True)]
        return [Member(name, section.name, number, solo=False) for number, name in enumerate(names, 1)]
    if names != (section.name,):
        findings.error(
            "amount-with-range",
            "a section has either a range in its name or an amount",
            read.at("amount"),
            related=(section.span,),
        )
        return []
    width = max(2, len(str(amount)))
    return [
        Member(f"{section.name}-{number:0{width}}", section.name, number, solo=False)
        for number in range(1, amount + 1)
    ]


def hostnames(
    patterns: tuple[str, ...],
    declared: bool,
    member: Member,
    draw: Draw,
    expand_pattern: Pattern,
) -> Iterator[str]:
    """Host names to try, best first: one where the file says it, else as many as it takes to find a free one.

    Raises:
        ValueError: a pattern cannot be expanded.
    """
    chosen, first = draw.pick(patterns), ""
    if len(chosen) > _HOSTNAME_LIMIT:
        raise ValueError(f"the pattern is longer than {_HOSTNAME_LIMIT} characters")
    if "{%" in chosen:  # a loop in a loop would hold us for ever
        raise ValueError("only {{ … }} is possible here")
    for attempt in range(1 if declared else _TRIES):
        own = declared or (attempt == 0 and not member.solo)
        number = member.number if own else draw.integer(1, _SOLO << attempt // _PATIENCE)
        hostname = expand_pattern(
            chosen,
            {
                "n": number,
                "n2": f"{number:02}",
                "n3": f"{number:03}",
                "name": member.name,
                "group": member.group,
            },
        ).strip()
        yield hostname if hostname != first else f"{hostname}-{number}"
        first = first or hostname


def is_hostname(text: str) -> bool:
    """Whether a text is a host name, with or without dots (RFC 1123 section 2.1)."""
    return len(text) <= _HOSTNAME_LIMIT and all(_LABEL.fullmatch(label) for label in text.split("."))


def check_hostname(hostname: str, span: Span, findings: Findings) -> bool:
    """Whether a host name is one (RFC 1123 section 2.1); a full name with dots is allowed."""
    if is_hostname(hostname):
        return True
    findings.error(
        "bad-hostname",
        f"{quote(hostname)} is no host name",
        span,
        "letters, digits and inner hyphens, at most 63 in a label",
    )
    return False
