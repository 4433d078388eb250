"""Where a sink is: a URL taken apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

from decnet.errors import Span
from decnet.ini.names import quote
from decnet.spec.members import is_hostname
from decnet.spec.reading import Findings

_TARGET = re.compile(
    r"(?:([A-Za-z]+)://)?(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@?#\s]+)(?::([0-9]{1,5}))?(/[^?#\s]*)?(?:\?([^#\s]*))?"
)
_OF_A_PATH = re.compile(r"[!-~]*")


class Target(NamedTuple):
    """A server. ``scheme`` in lower case, ``query`` without its question mark."""

    scheme: str
    host: str
    port: int
    path: str
    query: str


def target(
    text: str, schemes: Mapping[str, int], span: Span, hint: str, findings: Findings, *, paths: bool = False
) -> Target | None:
    """A target taken apart, or None with a problem.

    ``schemes`` are those there are with their usual ports; a target without one has the first. Only with ``paths`` may it
    have a path and a query. What is wrong is not shown with its query, which may hold a secret.
    """
    shown = text.partition("?")[0]
    match = _TARGET.fullmatch(text)
    scheme, host, port, path, query = match.groups(default="") if match else ("",) * 5
    scheme = scheme.lower() or next(iter(schemes))
    if scheme not in schemes:
        findings.error("bad-target", f"unknown scheme {quote(scheme)}", span, hint)
        return None
    further = _OF_A_PATH.fullmatch(path + query) if paths else path in ("", "/") and "?" not in text
    if not match or not _is_host(host) or not 0 < int(port or 1) < 1 << 16 or not further:
        findings.error("bad-target", f"{quote(shown)} is no server", span, hint)
        return None
    return Target(scheme, host.strip("[]").lower(), int(port or schemes[scheme]), path or "/", query)


def _is_host(text: str) -> bool:
    if not text.startswith("["):
        return is_hostname(text)
    try:
        IPv6Address(text.strip("[]"))
    except AddressValueError:
        return False
    return True
