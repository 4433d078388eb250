"""A plan that is kept in a file, and carried out later only if all that it was made from is still so. Pure.

The file says which operations there are, and has hashes of what they were made from. What they bring about is made
again from the INI file, so it holds no contents; only for a network that was never applied it holds the secret that the
planned keys and addresses come from.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from decnet.engine.desired import Desired
from decnet.engine.graph import Op
from decnet.engine.limit import Limit
from decnet.engine.plan import Plan
from decnet.errors import MissingCapability, StalePlan, UsageError
from decnet.spec import Identity
from decnet.state import Snapshot
from decnet.state.documents import digest, encode
from decnet.world import Id, Link, Observed, Resource

FORMAT_VERSION = 1
_NAMED = 3
"""Things that moved which an error names."""


@dataclass(frozen=True, slots=True)
class KeptOp:
    """One operation; ``fields`` of an update, sorted."""

    act: str
    resource: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """The file's content. ``desired`` and ``world`` have a hash by resource; an empty one is a resource that is not there.

    ``world`` has all resources of the decoys and LANs that the operations touch. ``secret`` (with ``created``, Unix
    seconds) is empty unless the network was never applied.
    """

    format_version: int
    network: str
    file: str
    env: str
    limit: tuple[str, ...]
    serial: int
    lineage: str
    desired: Mapping[str, str]
    world: Mapping[str, str]
    ops: tuple[KeptOp, ...]
    secret: bytes = b""
    created: int = 0

    @property
    def identity(self) -> Identity | None:
        """The identity that it was made with, of a network that was never applied."""
        return Identity.of_parts(self.secret, self.created) if self.secret else None


def keep(
    plan: Plan, limit: Limit, desired: Desired, saved: Snapshot, observed: Observed, identity: Identity
) -> bytes:
    """A plan as the content of a file. Raises `MissingCapability` when a part of the machine was not seen."""
    if observed.unseen:
        raise MissingCapability(
            f"a plan that is kept has to see everything; not seen: {', '.join(observed.unseen)}",
            hint="run as root: sudo decnet plan …",
        )
    return msgspec.json.encode(
        KeptPlan(
            FORMAT_VERSION,
            plan.about.network,
            plan.about.file,
            plan.about.env,
            limit.patterns,
            saved.serial,
            saved.lineage,
            _desired(desired),
            _world(_touched((op.resource.id for op in plan.ops), desired), observed),
            tuple(_op(op) for op in plan.ops),
            *(() if saved.known else (identity.secret, int(identity.created.timestamp()))),
        )
    )


def kept(content: bytes, place: str) -> KeptPlan:
    """The plan back. Raises `UsageError` when it is none, or one of a newer release."""
    try:
        version = msgspec.json.decode(content, type=_Versioned).format_version
    except ValueError:  # msgspec's own among them
        raise UsageError(f"{place} is no saved plan", hint="decnet plan --out PLAN FILE writes one") from None
    if version != FORMAT_VERSION:
        raise UsageError(
            f"{place} has format {version}; this release reads format {FORMAT_VERSION}", hint="plan again"
        )
    try:
        found = msgspec.json.decode(content, type=KeptPlan)
        _ = found.identity
        _owners(Id.parse(one.resource) for one in found.ops)
    except ValueError as error:  # msgspec's own among them
        raise UsageError(f"{place} is damaged: {error}", hint="plan again") from None
    return found


def exactly(was: KeptPlan, plan: Plan, desired: Desired, saved: Snapshot, observed: Observed) -> Plan:
    """The kept plan, of one made anew from the same. Raises `StalePlan` that says what has moved."""
    if was.network != plan.about.network:
        raise StalePlan(f"the plan is one of network {was.network}, not of {plan.about.network}")
    if (was.serial, was.lineage) != (saved.serial, saved.lineage):
        raise StalePlan(
            f"the state has moved since the plan was made: serial {was.serial}, now {saved.serial}"
            if was.lineage == saved.lineage
            else "the state has moved since the plan was made: the network was destroyed or applied meanwhile",
            hint="plan again",
        )
    _compare("the file (or a template, a profile, the host's addresses)", was.desired, _desired(desired))
    owners = _owners(Id.parse(one.resource) for one in was.ops)
    touched = _touched((Id.parse(one.resource) for one in was.ops), desired)
    _compare("the machine", was.world, _world(touched, observed))
    wanted = {one.resource for one in was.ops}
    ops = tuple(op for op in plan.ops if str(op.resource.id) in wanted)
    if sorted(_key(one) for one in was.ops) != sorted(_key(_op(op)) for op in ops):
        raise StalePlan("what would be done is no longer what was planned", hint="plan again")
    numbers = {op.number for op in ops}
    return dataclasses.replace(
        plan,
        ops=tuple(dataclasses.replace(op, depends=op.depends & numbers) for op in ops),
        changes=tuple(change for change in plan.changes if change.resource.owner in owners),
        drift=tuple(change for change in plan.drift if change.resource.owner in owners),
    )


@dataclass(frozen=True, slots=True)
class _Versioned:
    format_version: int


def _op(op: Op) -> KeptOp:
    return KeptOp(op.act.value, str(op.resource.id), tuple(sorted(op.fields)))


def _key(op: KeptOp) -> tuple[str, str, tuple[str, ...]]:
    return op.resource, op.act, op.fields


def _hash(resource: Resource) -> str:
    return digest(encode(resource))


def _desired(desired: Desired) -> dict[str, str]:
    return {str(id_): _hash(declared.resource) for id_, declared in desired.resources.items()}


def _owners(ids: Iterable[Id]) -> frozenset[str]:
    return frozenset(id_.owner for id_ in ids)


def _touched(ids: Iterable[Id], desired: Desired) -> frozenset[str]:
    """Owners of what operations touch, and the LANs that their decoys are to stand on."""
    owners = _owners(ids)
    declared = (desired.resources[id_].resource for id_ in desired.resources if id_.owner in owners)
    return owners | {one.lan for one in declared if isinstance(one, Link)}


def _world(owners: frozenset[str], observed: Observed) -> dict[str, str]:
    there = observed.resources
    return {str(id_): _hash(there[id_]) for id_ in sorted(there) if id_.owner in owners}


def _compare(what: str, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    moved = list(_moved(before, now))
    if moved:
        more = f" and {len(moved) - _NAMED} more" if len(moved) > _NAMED else ""
        raise StalePlan(
            f"{what} has moved since the plan was made: {', '.join(moved[:_NAMED])}{more}", hint="plan again"
        )


def _moved(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for id_ in sorted(before.keys() | now.keys()):
        if before.get(id_) != now.get(id_):
            word = "changed" if id_ in before and id_ in now else "came" if id_ in now else "is gone"
            yield f"{id_} {word}"
