"""Names: how keys, environments and sections are compared, and which are allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

NAME_LENGTH = 63
NAME = re.compile(r"[A-Za-z0-9_.-]+")
KEY = re.compile(r"[A-Za-z0-9_.+/*-]+")
ENV = re.compile(r"[A-Za-z0-9_-]+")
_FOLD = str.maketrans("-", "_")
_QUOTE_LENGTH = 60
_CANDIDATES = 500


def fold(key: str) -> str:
    """A key or an environment as it is compared: lower case, ``-`` as ``_``."""
    return key.lower().translate(_FOLD)


def visible(text: str) -> str:
    r"""The text with everything that a terminal might obey as ``\xNN`` or ``\uNNNN``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else escape(char) for char in text)


def escape(char: str) -> str:
    """One character as its escape."""
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char)
    if short:
        return short
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quote(text: str) -> str:
    """A user's words for a message: in quotes, inert, at most 60 characters."""
    shown = text if len(text) <= _QUOTE_LENGTH else text[: _QUOTE_LENGTH - 1] + "…"
    return f'"{visible(shown)}"'


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a typing error may have turned into ``word``.

    Looks at no more than 500 words of about that length: a file may hold 100,000 sections.
    """
    length = len(word)
    near = (other for other in known if abs(len(other) - length) <= max(3, length // 3))
    return _closest(word, tuple(islice(near, _CANDIDATES)))


@lru_cache(maxsize=1024)
def _closest(word: str, candidates: tuple[str, ...]) -> str | None:
    """Cached: the same slip in 10,000 sections is compared once."""
    by_folded = {other.lower(): other for other in candidates}
    found = difflib.get_close_matches(word.lower(), by_folded, n=1, cutoff=0.65)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint: the nearest known word, or ``otherwise``."""
    found = nearest(word, known)
    return f"did you mean {quote(found)}?" if found else otherwise
