"""Which addresses a plan takes anew on a real LAN, and what it means when somebody answers for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from decnet.engine.graph import Act
from decnet.engine.plan import Plan
from decnet.errors import AddressInUse
from decnet.state import Snapshot
from decnet.world import Driver, Link, Observed, World

_NAMED = 5
"""Addresses that an error names."""


class Taken(NamedTuple):
    """An address that a decoy was to have, and the MAC of whoever has it."""

    address: str
    mac: str
    decoy: str

    def __str__(self) -> str:
        return f"{self.address} ({self.decoy}) is in use already: {self.mac} answers for it"


def new_addresses(plan: Plan, saved: Snapshot, observed: Observed) -> dict[str, dict[str, str]]:
    """Parent interface → address → decoy: what is taken anew. On an isolated bridge nobody else can be."""
    known = {
        address
        for resource in (*(was.resource for was in saved.resources.values()), *observed.resources.values())
        if isinstance(resource, Link)
        for address in _hosts(resource)
    }
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for op in plan.ops:
        link = op.resource
        if op.act is Act.CREATE and isinstance(link, Link) and link.driver is not Driver.BRIDGE:
            found[link.parent] |= {address: link.decoy for address in _hosts(link) if address not in known}
    return {parent: asked for parent, asked in found.items() if asked}


def taken(plan: Plan, saved: Snapshot, observed: Observed, world: World) -> tuple[Taken, ...]:
    """Ask the LANs for every address that the plan takes anew. Raises what `World.in_use` does."""
    ours = {
        link.mac
        for resources in (
            (was.resource for was in saved.resources.values()),
            observed.resources.values(),
            (op.resource for op in plan.ops),
        )
        for link in resources
        if isinstance(link, Link)
    }
    found = []
    for parent, asked in new_addresses(plan, saved, observed).items():
        answers = world.in_use(parent, asked)
        found += [Taken(address, mac, asked[address]) for address, mac in answers.items() if mac not in ours]
    return tuple(found)


def refuse(found: tuple[Taken, ...]) -> None:
    """Raise `AddressInUse` when somebody answered."""
    if found:
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise AddressInUse(
            "; ".join(map(str, found[:_NAMED])) + more,
            hint="give the decoys other addresses (ip, pool), or apply with --ignore-in-use",
        )


def _hosts(link: Link) -> Iterator[str]:
    for address in (link.address, link.address6):
        if address:
            yield address.partition("/")[0]
