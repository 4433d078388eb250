"""Steps as operations, each with what it waits for. Pure.

What is made waits for what it stands on: LAN, decoy, link, stack, services. What is taken away goes the other way
round. A name, an address, a MAC or a port is free before it is taken anew. The rest is independent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from graphlib import TopologicalSorter

from decnet.engine.desired import LINK
from decnet.engine.steps import Step
from decnet.errors import Span
from decnet.world import Decoy, Id, Kind, Link, Resource


class Act(StrEnum):
    """What an op does. ``record`` leaves the machine alone and brings the state up to date."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Op:
    """One idempotent call, and what it waits for (numbers of other ops).

    ``content`` is for the state to have, whether the machine needs it (`needs_content`) or has it.
    """

    number: int
    act: Act
    resource: Resource
    reason: str
    span: Span
    fields: frozenset[str] = frozenset()
    content: bytes | None = None
    depends: frozenset[int] = frozenset()

    @property
    def label(self) -> str:
        """``create link web-01/eth0``."""
        return f"{self.act.value} {label(self.resource.id)}"

    @property
    def needs_content(self) -> bool:
        """Whether the machine is given the content."""
        return self.act is Act.CREATE or not self.fields.isdisjoint(("bundle", "personality"))


def label(id_: Id) -> str:
    """``link web-01/eth0``, as a person reads it."""
    return f"{id_.kind.value} {'/'.join(filter(None, id_[1:]))}"


def ops(steps: Mapping[Id, Step]) -> tuple[Op, ...]:
    """The operations of a plan, removals first, in an order in which each comes after what it waits for."""
    removals = {id_: step.remove for id_, step in steps.items() if step.remove is not None}
    makings = {
        id_: wanted.resource
        for id_, step in steps.items()
        if (wanted := step.create or step.update) is not None
    }
    ordered = [
        *((Act.REMOVE, id_) for id_ in sorted(removals, key=lambda i: _RANK[i.kind], reverse=True)),
        *((Act.CREATE, id_) for id_ in sorted(makings, key=lambda i: _RANK[i.kind])),
    ]
    rebuilt = frozenset(id_.owner for id_, step in steps.items() if _EMPTY_FIRST & step.fields)
    waits = _Waits(removals, makings, {key: number for number, key in enumerate(ordered)}, rebuilt)
    made: list[Op] = []
    for number, (act, id_) in enumerate(ordered):
        step = steps[id_]
        if act is Act.REMOVE:
            op = Op(number, act, removals[id_], step.reason, step.span, depends=waits.removal(id_))
        else:
            declared = step.create or step.update
            op = Op(
                number,
                Act.CREATE if step.create else Act.UPDATE if step.fields else Act.RECORD,
                makings[id_],
                step.reason,
                declared.span if declared else step.span,
                step.fields,
                declared.content if declared else None,
                waits.making(id_),
            )
        made.append(op)
    return tuple(made)


def sorter(all_ops: Iterable[Op]) -> TopologicalSorter[int]:
    """The graph of ops, ready to be walked by number."""
    graph: TopologicalSorter[int] = TopologicalSorter({op.number: op.depends for op in all_ops})
    graph.prepare()
    return graph


_RANK = {kind: rank for rank, kind in enumerate(Kind)}
_ON_LINKS = (Kind.LINK, Kind.STACK)
_SERVING = (Kind.SERVICE, Kind.CUSTOM)
"""What has ports."""
_EMPTY_FIRST = frozenset({"bridges", "docker"})
"""Fields of a `Lan`: a bridge or a Docker network that goes is empty before."""


class _Waits:
    """Looks up what an op waits for: indexes over the removals and makings of one plan."""

    def __init__(
        self,
        removals: Mapping[Id, Resource],
        makings: Mapping[Id, Resource],
        numbers: Mapping[tuple[Act, Id], int],
        rebuilt: frozenset[str],
    ) -> None:
        """``rebuilt`` are LANs of which a part may go."""
        self._rebuilt = rebuilt
        self._makings = makings
        self._numbers = numbers
        self._removed: defaultdict[tuple[str, Kind], list[int]] = defaultdict(list)
        self._made: defaultdict[tuple[str, Kind], list[int]] = defaultdict(list)
        self._freed: defaultdict[str, list[int]] = defaultdict(list)
        self._unplugged: defaultdict[str, list[int]] = defaultdict(list)
        self._lan_removals: list[int] = []
        for id_, resource in removals.items():
            number = numbers[Act.REMOVE, id_]
            if id_.kind is Kind.LAN:
                self._lan_removals.append(number)
                continue
            self._removed[id_.owner, id_.kind].append(number)
            if isinstance(resource, Link):
                if resource.docker:  # it goes with its container
                    number = numbers.get((Act.REMOVE, Id(Kind.DECOY, id_.owner)), number)
                self._unplugged[resource.lan].append(number)
                for address in filter(None, (resource.mac, resource.address, resource.address6)):
                    self._freed[address].append(number)
        for id_ in makings:
            self._made[id_.owner, id_.kind].append(numbers[Act.CREATE, id_])

    def removal(self, id_: Id) -> frozenset[int]:
        """What stands on it goes first."""
        match id_.kind:
            case Kind.LAN:
                return frozenset(self._unplugged[id_.owner])
            case Kind.DECOY:
                return self._removals(id_, Kind.LINK, Kind.STACK, *_SERVING)
            case Kind.LINK | Kind.STACK:
                return self._removals(id_, *_SERVING)
            case _:
                return frozenset()

    def making(self, id_: Id) -> frozenset[int]:
        """What it stands on comes first, and what has its name, address or port goes."""
        own = self._numbers.get((Act.REMOVE, id_))
        waits = set() if own is None else {own}
        match id_.kind:
            case Kind.LAN:
                waits.update(self._lan_removals)
                if id_.owner in self._rebuilt:
                    waits.update(self._unplugged[id_.owner])
            case Kind.LINK:
                link = self._makings[id_]
                waits.update(self._made[id_.owner, Kind.DECOY])
                if isinstance(link, Link):
                    waits.update(self._below(link))
            case Kind.DECOY:
                waits.update(self._plugged(self._makings[id_]))
            case Kind.STACK:
                waits.update(self._made[id_.owner, Kind.DECOY], self._made[id_.owner, Kind.LINK])
            case Kind.SERVICE | Kind.CUSTOM:
                waits.update(self._made[id_.owner, Kind.DECOY])
                for kind in _ON_LINKS:
                    waits.update(self._made[id_.owner, kind])
                waits.update(self._removals(id_, *_SERVING))
            case _:
                pass
        return frozenset(waits)

    def _below(self, link: Link) -> Iterator[int]:
        """What a link stands on, and who has its addresses."""
        yield from self._made[link.lan, Kind.LAN]
        for address in filter(None, (link.mac, link.address, link.address6)):
            yield from self._freed[address]

    def _plugged(self, decoy: Resource) -> Iterator[int]:
        """What a container waits for, which is made with its links; a namespace waits for nothing."""
        if isinstance(decoy, Decoy) and decoy.container:
            link = self._makings.get(Id(Kind.LINK, decoy.name, LINK))
            if isinstance(link, Link):
                yield from self._below(link)

    def _removals(self, id_: Id, *kinds: Kind) -> frozenset[int]:
        return frozenset(number for kind in kinds for number in self._removed[id_.owner, kind])
