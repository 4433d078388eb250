"""The machine a decoy claims to be: the one set of facts that all of its services render from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from decnet.draw import Draw
from decnet.services.neighbours import Neighbour

if TYPE_CHECKING:
    from decnet.catalog import Distro, Os


@dataclass(frozen=True, slots=True)
class Host:
    """One decoy as its services know it. Values only; times are aware UTC datetimes.

    ``choices`` draws what the host *chose* (users, content, versions): the same file and seed give the same.
    ``identity`` draws what *identifies* it (keys, serials, salts): no two hosts and no two networks share one.
    Take ``host.choices.child("redis", "keys")``: a child per purpose, so that one draw does not move another.
    """

    hostname: str
    domain: str
    ip: str
    prefix: int
    gateway: str
    mac: str
    os: Os
    distro: Distro | None
    timezone: str
    installed: datetime
    booted: datetime
    services: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]
    """Six other hosts, as placeholders: see `decnet.services.neighbours`."""
    choices: Draw
    identity: Draw
    ip6: str = ""
    """Empty on a host without IPv6; then the rest says nothing."""
    prefix6: int = 64
    gateway6: str = ""
    local6: str = ""
    """Its link-local address."""

    @property
    def fqdn(self) -> str:
        """Host name with the domain, or without where there is none."""
        return f"{self.hostname}.{self.domain}" if self.domain else self.hostname

    def version(self, package: str, default: str) -> str:
        """What the host's distro ships of ``package`` (``redis``, ``nginx`` …), or ``default``."""
        return self.distro.versions.get(package, default) if self.distro else default
