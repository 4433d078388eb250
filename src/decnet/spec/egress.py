"""``egress``: the connections that a decoy may open, as items ``proto:cidr:port``."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from decnet.ini import did_you_mean, items
from decnet.ini.names import quote
from decnet.spec.keys import DecoyKeys, General
from decnet.spec.reading import Findings, Read

DENY = "deny"
MAX_ITEMS = 64
"""Items of one decoy: each is a rule that every packet which opens a connection is held against."""
_PROTOCOLS = ("tcp", "udp", "icmp")
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)
_LAST_PORT = 65_535
_FORM = "deny, or items like tcp:198.51.100.0/24:443, udp:198.51.100.53:53, icmp:2001:db8::/32:*"


def egress(read: Read[General] | Read[DecoyKeys], findings: Findings) -> tuple[str, ...] | None:
    """What a section says, as `decnet.spec.resources.Decoy.egress` has it; None where it says nothing.

    An item is ``udp 198.51.100.0/24 53``, always with a prefix length; its port is a number, ``a-b`` or ``*``. They
    are sorted, each is there once, and there are none for ``deny``. Items that are wrong go to ``findings``.
    """
    given = read.given.get("egress")
    if given is None:
        return None
    listed = items(given.text)
    if [one.raw.lower() for one in listed] == [DENY]:
        return ()
    if not listed:
        findings.error("bad-egress", "egress says nothing", read.at("egress"), f"write {_FORM}")
    if len(listed) > MAX_ITEMS:
        message = f"egress has {len(listed)} items; {MAX_ITEMS} are possible"
        findings.error("bad-egress", message, read.at("egress"), "join networks that lie side by side")
        return ()
    found = set()
    for one in listed:
        try:
            found.add(_item(one.raw))
        except _Wrong as wrong:
            findings.error("bad-egress", f"{quote(one.raw)}: {wrong.message}", one.span, wrong.hint)
    return tuple(sorted(found))


class _Wrong(Exception):  # noqa: N818 (named for the user's text)
    """What is wrong with an item, and what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def _item(raw: str) -> str:
    """An item in its one form. Raises `_Wrong`."""
    words = raw.lower()
    if words == DENY:
        raise _Wrong("deny stands alone", "remove it, or everything else")
    proto, colon, rest = (part.strip() for part in words.partition(":"))
    cidr, second, port = (part.strip() for part in rest.rpartition(":"))
    if not colon or not second:
        raise _Wrong("is not proto:cidr:port", f"write {_FORM}")
    if proto not in _PROTOCOLS:
        raise _Wrong(f"unknown protocol {quote(proto)}", did_you_mean(proto, _PROTOCOLS, "tcp, udp or icmp"))
    return f"{proto} {_network(cidr)} {_port(proto, port)}"


def _network(cidr: str) -> IPv4Network | IPv6Network:
    text = cidr.removeprefix("[").removesuffix("]")
    address, _, prefix = text.partition("/")
    try:
        ip = ip_address(address)
    except ValueError:
        raise _Wrong(f"{quote(cidr)} is no address or network", f"write {_FORM}") from None
    if not prefix and "/" not in text and "%" not in text:
        return ip_network(ip)
    if not (prefix.isascii() and prefix.isdigit() and int(prefix) <= ip.max_prefixlen) or "%" in text:
        raise _Wrong(f"{quote(cidr)} is no network", f"a prefix length is 0 to {ip.max_prefixlen}")
    network = ip_network(text, strict=False)
    if network.network_address != ip:
        raise _Wrong(f"{quote(cidr)} is an address within a network", f"write {network}, or {ip} alone")
    return network


def _port(proto: str, port: str) -> str:
    if port == "*":
        return port
    if proto == "icmp":
        raise _Wrong("icmp has no ports", "write * for the port")
    match = _PORTS.fullmatch(port)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last <= _LAST_PORT:
        raise _Wrong(
            f"{quote(port)} is no port", "write a number from 1 to 65535, a range like 8000-8100, or *"
        )
    return str(first) if first == last else f"{first}-{last}"
