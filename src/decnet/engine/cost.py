"""What a change costs the illusion: what somebody who is connected, or who scans again, would notice. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from decnet.decoy.protocol import ServiceBundle
from decnet.world import Decoy, Kind, Link, Policy, Resource

_TOLD_BY_SCANS = ("version", "header", "banner", "fake_app")
"""Parts of the names of persona keys whose values a scanner of versions prints."""
_KEYED = "ssh"
"""Type of service whose seed is a host key."""


class Code(StrEnum):
    """What is noticed, as programs are told."""

    SESSIONS = "sessions-dropped"
    ADDRESS = "address-changed"
    MAC = "mac-changed"
    STACK = "stack-changed"
    HOSTNAME = "hostname-changed"
    HOST_KEY = "host-key-changed"
    CERTIFICATE = "certificate-changed"
    PORTS = "ports-changed"
    VERSION = "version-changed"
    UPTIME = "uptime-changed"


class Cost(NamedTuple):
    """One thing that is noticed, for programs and for people."""

    code: Code
    text: str


_WORDS = {
    Code.ADDRESS: "address changes",
    Code.MAC: "MAC changes",
    Code.STACK: "TCP/IP stack changes",
    Code.HOSTNAME: "host name changes",
    Code.HOST_KEY: "host key changes",
    Code.CERTIFICATE: "certificate changes",
    Code.PORTS: "open ports change",
    Code.VERSION: "version changes",
    Code.UPTIME: "uptime jumps",
}


def told(codes: Iterable[Code], sessions: int = 0, about: str = "") -> tuple[Cost, ...]:
    """Costs in one order, each once. ``sessions`` are those that end, or, with ``about``, may end."""
    found = set(codes)
    dropped = f"drops {about}{sessions} open session{'s' * (sessions != 1)}"
    first = (Cost(Code.SESSIONS, dropped),) if sessions else ()
    return (*first, *(Cost(code, words) for code, words in _WORDS.items() if code in found))


def of_resource(old: Resource, new: Resource) -> Iterator[Code]:
    """What of a change of this resource is seen from outside, its content apart."""
    match old, new:
        case Link(), Link():
            if old.mac != new.mac:
                yield Code.MAC
            if _hosts(old) != _hosts(new):
                yield Code.ADDRESS
        case Decoy(), Decoy():
            if old.hostname != new.hostname:
                yield Code.HOSTNAME
            if old.os != new.os:
                yield Code.STACK


def of_field(kind: Kind, name: str, policy: Policy) -> tuple[Code, ...]:
    """What of a change of this field is seen from outside."""
    if kind is Kind.STACK and policy is not Policy.IGNORED:
        return (Code.STACK,)
    return (Code.PORTS,) if kind in {Kind.SERVICE, Kind.CUSTOM} and name == "ports" else ()


def of_persona(keys: Mapping[str, object] | Iterable[str]) -> Iterator[Code]:
    """What of a change of these keys of a persona a scanner prints."""
    for key in keys:
        if any(word in key for word in _TOLD_BY_SCANS):
            yield Code.VERSION
        if key.startswith("tls"):
            yield Code.CERTIFICATE


def of_bundle(old: ServiceBundle, new: ServiceBundle) -> Iterator[Code]:
    """What of a change of a service's content is seen from outside, its persona apart."""
    before, after = old.facts, new.facts
    if new.type == _KEYED and old.seed != new.seed:
        yield Code.HOST_KEY
    named = (before.hostname, before.domain, before.ip, before.installed)
    if any(tls for *_, tls in new.ports) and (
        old.seed != new.seed or named != (after.hostname, after.domain, after.ip, after.installed)
    ):
        yield Code.CERTIFICATE
    if (before.hostname, before.domain) != (after.hostname, after.domain):
        yield Code.HOSTNAME
    if before.booted != after.booted:
        yield Code.UPTIME


def of_unknown(new: ServiceBundle) -> Iterator[Code]:
    """What may be seen from outside when nobody knows any more what the content was."""
    if new.type == _KEYED:
        yield Code.HOST_KEY
    if any(tls for *_, tls in new.ports):
        yield Code.CERTIFICATE
    yield Code.UPTIME


def _hosts(link: Link) -> tuple[str, str]:
    return link.address.partition("/")[0], link.address6.partition("/")[0]
