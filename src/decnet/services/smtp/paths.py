"""Paths of MAIL and RCPT (RFC 5321 section 4.1.2) as servers read them: laxly, each in its own way."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(r'(?:<(?:"(?:\\.|[^"\\])*"|[^>"])*>?|"(?:\\.|[^"\\])*"?|[^\s<"])+')
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"')
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_DOMAIN = re.compile(rf"(?:\[[0-9A-Za-z.:]+\]|{_LABEL}(?:\.{_LABEL})*\.?)")
_LOCAL = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^\s"(),;<>\\\[\]])*')


class Address(NamedTuple):
    """An address taken apart: quotes undone, source route dropped. ``domain`` is empty where there is none."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}" if self.domain else self.local


def tokens(text: str) -> list[str]:
    """The words of a command; what stands in angle brackets or quotes is one word."""
    return _TOKEN.findall(text)


def operand(words: list[str], prefix: str) -> list[str]:
    """The path and the parameters behind ``FROM:`` or ``TO:``; empty where there is no such thing."""
    if not words or not words[0].upper().startswith(prefix):
        return []
    rest = words[0][len(prefix) :]
    return [rest, *words[1:]] if rest else words[1:]


def address(path: str) -> Address | None:
    """The address in a path, with or without its brackets; None where it is malformed."""
    bare = re.sub(r"^\([^()]*\)", "", path)
    if bare.startswith("<"):
        found = re.fullmatch(r'<((?:"(?:\\.|[^"\\])*"|[^>"])*)>+', bare)
        if found is None:
            return None
        bare = found[1]
    if bare.startswith("@") and ":" in bare:
        bare = bare.partition(":")[2]
    local, at, domain = _split(bare)
    if not _LOCAL.fullmatch(local) or (at and not _DOMAIN.fullmatch(domain)):
        return None
    plain = _QUOTED.sub(lambda match: re.sub(r"\\(.)", r"\1", match[1]), local)
    return Address(plain, domain)


def _split(text: str) -> tuple[str, str, str]:
    """Local part, ``@``, domain: at the last ``@`` that is not in quotes."""
    end = max((match.end() for match in _QUOTED.finditer(text)), default=0)
    at = text.rfind("@", end)
    if at < 0 and not _QUOTED.search(text):
        at = text.rfind("@")
    return (text, "", "") if at < 0 else (text[:at], "@", text[at + 1 :])
