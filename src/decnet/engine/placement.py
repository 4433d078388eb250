"""Where a decoy is put: which bridge of its LAN, which decoy process. What was chosen once stays. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from decnet.spec import Decoy as DecoySpec
from decnet.spec import Isolation, LanDriver, Network
from decnet.state import Snapshot
from decnet.world import Custom, Link, Service
from decnet.world.names import MOST_BRIDGES, bridge

DECOYS_PER_PROCESS = 500
"""A process is 46 MB before it serves its first decoy, which is 0.09 MB for each of so many. When it dies, they all drop
their sessions, and it takes seconds until the last of them answers again."""
FIRST_ALONE = 1000
"""Processes with a number from here on serve one decoy each (`isolation = decoy`)."""
DECOYS_PER_BRIDGE = 1000
"""A bridge takes 1,023 ports; the rest are for trunks to further bridges and for machines that are plugged in by hand."""


def bridges_of(
    network: Network, contained: Collection[str], saved: Snapshot | None, *, partly: bool = False
) -> dict[str, dict[str, int]]:
    """LAN → decoy → number of its bridge: as it was, else the first with room. Without an entry it is 0.

    Containers are on the first. ``partly``: who is to leave a bridge may stay on it for now.
    """
    there = _links(saved)
    found: dict[str, dict[str, int]] = {lan.name: {} for lan in network.lans}
    for lan in network.lans:
        if lan.driver is not LanDriver.BRIDGE:
            continue
        numbers = {bridge(network.name, lan.name, number): number for number in range(MOST_BRIDGES)}
        assigned = {
            link.decoy: numbers[link.parent]
            for link in there
            if link.lan == lan.name and link.parent in numbers
        }
        declared = [decoy.name for decoy in network.decoys if decoy.lan == lan.name]
        decoys = [name for name in declared if name not in contained]
        kept = {name: assigned[name] for name in decoys if name in assigned}
        staying = assigned if partly else kept
        if len({*declared, *staying}) <= DECOYS_PER_BRIDGE and not any(assigned.values()):
            continue
        load, number = Counter(staying.values()), 0
        load[0] += sum(name in contained and staying.get(name) != 0 for name in declared)
        for name in decoys:
            if name not in kept:
                while load[number] >= DECOYS_PER_BRIDGE:
                    number += 1
                kept[name] = number
                load[number] += 1
        found[lan.name] = kept
    return found


def _links(saved: Snapshot | None) -> list[Link]:
    """Links that were applied, or may have been by a run that was killed."""
    if saved is None:
        return []
    known = (
        *(entry.resource for entry in saved.intents),
        *(was.resource for was in saved.resources.values()),
    )
    return [resource for resource in known if isinstance(resource, Link)]


def processes_of(
    decoys: Iterable[DecoySpec], contained: Collection[str], saved: Snapshot | None, *, partly: bool = False
) -> dict[str, int]:
    """Decoy → number of its process: as it was while that is of the kind it asks for, else the first with room.

    ``partly``: who is to leave a process may stay in it for now.
    """
    assigned: dict[str, int] = {}
    if saved:
        intended = (entry.resource for entry in saved.intents)
        for resource in (*intended, *(was.resource for was in saved.resources.values())):
            if isinstance(resource, Service | Custom):
                assigned[resource.decoy] = resource.process
    alone = {decoy.name: decoy.isolation is Isolation.DECOY or decoy.name in contained for decoy in decoys}
    kept = {
        name: assigned[name]
        for name, own in alone.items()
        if name in assigned and is_alone(assigned[name]) == own
    }
    load = Counter((assigned if partly else kept).values())
    shared, single = 0, FIRST_ALONE
    for name, own in alone.items():
        if name in kept:
            continue
        while own and load[single]:
            single += 1
        while not own and load[shared] >= DECOYS_PER_PROCESS:
            shared += 1
        kept[name] = single if own else shared
        load[kept[name]] += 1
    return kept


def is_alone(process: int) -> bool:
    """Whether the process of this number serves one decoy only."""
    return process >= FIRST_ALONE
