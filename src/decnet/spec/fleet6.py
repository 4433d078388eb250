"""The IPv6 addresses of a fleet: declared ones checked, the rest found as hosts find theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from decnet.draw import Draw
from decnet.errors import Span
from decnet.spec.addresses6 import Pool6, eui64, opaque
from decnet.spec.machine import Machine
from decnet.spec.members import Member
from decnet.spec.model import Lan, LanDriver
from decnet.spec.presets import Preset
from decnet.spec.reading import Findings


@dataclass(frozen=True, slots=True)
class Place:
    """What an address is found from: the decoy's LAN, IPv4 and MAC address; ``draw`` is of its identity."""

    lan: Lan
    ip: IPv4Address
    mac: str
    windows: bool
    draw: Draw


class Addresses6:
    """Gives out IPv6 addresses: first `claim` for every section, then `settle`, then `address` for every decoy."""

    def __init__(self, lans: Mapping[str, Lan], machine: Machine, findings: Findings) -> None:
        self._lans = lans
        self._machine = machine
        self._findings = findings
        self._declared: dict[str, IPv6Address] = {}
        self._places: dict[IPv6Address, Span] = {}
        self._pools: dict[str, Pool6] = {}
        self._kept: dict[str, IPv6Address] = {}

    def claim(self, preset: Preset, lan: Lan, members: Sequence[Member]) -> None:
        """Take the addresses that a section declares for its members, and say what is wrong with them."""
        asked, span = preset.read.keys.ip6, preset.read.at("ip6")
        if asked is None:
            return
        if lan.subnet6 is None:
            self._findings.error(
                "address-outside-lan",
                f"{asked} is on a LAN without IPv6",
                span,
                "write net6 = 2001:db8::/64 for the LAN",
            )
            return
        if asked.first == asked.last and len(members) > 1:
            self._findings.error(
                "amount-with-single-ip",
                f"{len(members)} decoys cannot share {asked.first}",
                span,
                "write a range a-b, or leave the addresses out",
            )
            return
        if int(asked.last) - int(asked.first) + 1 < len(members):
            self._findings.error(
                "pool-exhausted",
                f"the range has fewer addresses than the {len(members)} decoys of the group",
                span,
            )
            return
        for position, member in enumerate(members):
            address = asked.first + position
            self._check(address, lan, span)
            self._declared.setdefault(member.name, address)

    def settle(self, decoys: Iterable[tuple[str, Lan]], held: Mapping[str, IPv6Address]) -> None:
        """What was given out before stays; call it when every section has made its claims."""
        for lan in self._lans.values():
            if lan.subnet6 is not None:
                reserved = {address for address in (lan.gateway6, lan.host6) if address}
                own = (one.ip for found in self._machine.interfaces6.values() for one in found)
                self._pools[lan.name] = Pool6(lan.subnet6, {*self._places, *reserved, *own})
        for name, lan in decoys:
            before, pool = held.get(name), self._pools.get(lan.name)
            if before and pool and name not in self._declared and not _identifies(pool, lan):
                kept = pool.keep(before)
                if kept is not None:
                    self._kept[name] = kept

    def address(self, name: str, place: Place, span: Span) -> IPv6Address | None:
        """The address of a decoy: declared, held, or its own. None on a LAN without IPv6, or when none is left."""
        found = self._declared.get(name) or self._kept.get(name)
        pool = self._pools.get(place.lan.name)
        if found is not None or pool is None:
            return found
        if _identifies(pool, place.lan):
            found = pool.identify(opaque(place.draw.bytes(8)) if place.windows else eui64(place.mac))
        found = found or pool.number(place.ip, place.lan.subnet.network_address)
        if found is None:
            self._findings.error(
                "pool-exhausted", f"no IPv6 address is left for {name} on {pool.subnet}", span
            )
        return found

    def _check(self, address: IPv6Address, lan: Lan, span: Span) -> None:
        problem: tuple[str, str] | None = None
        subnet = lan.subnet6
        owner = self._machine.owner6(address) if address != lan.gateway6 else ""
        if subnet is not None and address not in subnet:
            problem = "address-outside-lan", f"{address} is outside {subnet}"
        elif subnet is not None and address == subnet.network_address:
            problem = "address-is-network", f"{address} is the address of all routers of {subnet}"
        elif address == lan.gateway6:
            problem = "address-is-gateway", f"{address} is the IPv6 gateway of the LAN"
        elif address == lan.host6 or owner:
            problem = "address-is-host", f"{address} is this host's own address"
        if problem:
            self._findings.error(*problem, span)
            return
        other = self._places.setdefault(address, span)
        if other is not span:
            self._findings.error("address-used-twice", f"{address} is used twice", span, related=(other,))


def _identifies(pool: Pool6, lan: Lan) -> bool:
    """Whether hosts have interface identifiers here: not where all share one MAC address."""
    return pool.identifies and lan.driver is not LanDriver.IPVLAN
