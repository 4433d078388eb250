"""From raw values to what they say: a scalar, or the items of a list. Quotes keep everything between them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from decnet.ini.lexer import WHITE, opens
from decnet.ini.model import Text

_SPECIAL = re.compile(r'["\n,;]')


def quotations(raw: str) -> Iterator[tuple[int, int]]:
    """Start and end of every ``"…"`` in a value, quotes included, by the rules of `decnet.ini.lexer`."""
    at = raw.find('"')
    while at >= 0:
        if opens(raw, 0, at):
            close = raw.find('"', at + 1)
            if close < 0:
                return
            yield at, close + 1
            at = close
        at = raw.find('"', at + 1)


def scalar(text: Text | str) -> str:
    """The value as one string. Quotes around the whole of it are taken off; quotes inside stay."""
    raw = text if isinstance(text, str) else text.raw
    if len(raw) > 1 and raw[0] == '"' and raw.find('"', 1) == len(raw) - 1:
        return raw[1:-1]
    return raw


def items(text: Text) -> tuple[Text, ...]:
    """The items of a list: separated by commas, semicolons or newlines, each with its own place.

    Quotes around a whole item are taken off. Empty items are dropped.
    """
    return tuple(_items(text))


def _items(text: Text) -> Iterator[Text]:
    raw = text.raw
    quoted = list(quotations(raw))
    quoted.reverse()
    line = line_start = counted = start = at = 0
    while True:
        match = _SPECIAL.search(raw, at)
        stop = match.start() if match else len(raw)
        while quoted and quoted[-1][0] < stop:
            quoted.pop()
        if match and match[0] == '"':
            at = quoted.pop()[1] if quoted and quoted[-1][0] == stop else stop + 1
            continue
        piece = raw[start:stop]
        body = piece.strip(WHITE + "\n")
        if body:
            lead = start + len(piece) - len(piece.lstrip(WHITE + "\n"))
            newlines = raw.count("\n", counted, lead)
            if newlines:
                line += newlines
                line_start = raw.rfind("\n", counted, lead) + 1
            counted = lead
            word = scalar(body)
            shift = 1 if len(word) < len(body) else 0
            span = text.within(line, lead - line_start, len(body))
            yield Text(word, span, exact=text.exact and not shift)
        if match is None:
            return
        at = start = stop + 1
