"""A machine in memory: as strict as the kernel about what needs what, with faults on demand.

It stands in for `decnet.world.linux` in tests of everything above it. A namespace must be there before a link, a link
before a service; two links of a LAN share no MAC and no address, two services of a decoy no port; what is used is
not taken away. So an act in a wrong order fails here as it does (or goes wrong unnoticed) on a machine.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from typing import Any

from decnet.errors import WorldError
from decnet.spec.resources import (
    Custom,
    Decoy,
    Driver,
    Id,
    Kind,
    Lan,
    Link,
    Policy,
    Resource,
    Service,
    Sink,
    Stack,
    policies,
)
from decnet.world.api import Observed
from decnet.world.names import bridge, lan_interface


class Killed(BaseException):
    """The process is gone, as by SIGKILL: nothing catches it, and nothing acts after it."""


class Moment(StrEnum):
    """When a fault strikes: before the act changed anything, or after it did all."""

    BEFORE = "before"
    AFTER = "after"


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """Strike at the act with this number (from 0), by raising ``error``."""

    act: int
    moment: Moment
    error: BaseException


class FakeWorld:
    """One network's part of a machine, and things of others on it (``foreign``: interface names)."""

    def __init__(self, network: str = "office", foreign: Iterable[str] = ()) -> None:
        self.network = network
        self.foreign = set(foreign)
        self.resources: dict[Id, Resource] = {}
        self.contents: dict[Id, bytes] = {}
        self.sessions: dict[str, int] = {}
        self.neighbours: dict[str, dict[str, str]] = {}
        """Interface → the addresses that others on its LAN have, with their MACs."""
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.acts: list[str] = []
        self.fault: Fault | None = None
        self._dead = False
        self._lock = threading.Lock()

    def check(self, resources: Iterable[Resource]) -> None:
        """A fake machine can do everything."""

    def observe(self, expected: Iterable[Resource] = (), *, to_end: bool = False) -> Observed:  # noqa: ARG002 (sees all without being told)
        """What is there, as a machine would tell it: without what only the state knows."""
        with self._lock:
            self._alive()
            seen = {id_: _seen(resource) for id_, resource in self.resources.items()}
            decoys = {id_.owner for id_ in seen if id_.kind is Kind.DECOY}
            sessions = {decoy: count for decoy, count in self.sessions.items() if decoy in decoys}
            return Observed(seen, sessions)

    def expecting(self, resources: Iterable[Resource]) -> AbstractContextManager[None]:  # noqa: ARG002 (nothing takes long)
        """See `World.expecting`."""
        return nullcontext()

    def create(self, resource: Resource, content: bytes | None = None) -> None:
        """See `World.create`."""
        with self._act("create", resource):
            self._make(resource, content)

    def update(self, resource: Resource, fields: frozenset[str], content: bytes | None = None) -> None:
        """See `World.update`; refuses fields that cannot be changed in place."""
        with self._act(f"update {','.join(sorted(fields))} of", resource):
            there = self._get(resource.id)
            fixed = [name for name in fields if policies(type(resource))[name] is not Policy.LIVE]
            if fixed:
                raise WorldError(f"{resource.id}: {', '.join(fixed)} cannot be changed in place")
            changed = {name: getattr(resource, name) for name in fields}
            self._make(dataclasses.replace(there, **changed), content, fields)

    def remove(self, resource: Resource) -> None:
        """See `World.remove`; refuses to take away what others stand on."""
        with self._act("remove", resource):
            users = [str(id_) for id_ in self.resources if self._stands_on(id_, resource)]
            if users:
                raise WorldError(f"{resource.id} is in use by {', '.join(users)}")
            self._drop(resource.id)

    def in_use(self, interface: str, addresses: Iterable[str]) -> Mapping[str, str]:
        """See `World.in_use`: those of ``neighbours``."""
        self.asked.append((interface, tuple(addresses)))
        there = self.neighbours.get(interface, {})
        return {address: there[address] for address in self.asked[-1][1] if address in there}

    def remove_all(self, last_word: Callable[[], None] = lambda: None) -> None:
        """See `World.remove_all`."""
        with self._act("remove all", None):
            for id_ in [id_ for id_ in self.resources if id_.kind is not Kind.SINK]:
                self._drop(id_)
            last_word()
            self.resources.clear()
            self.contents.clear()

    def revive(self) -> None:
        """After `Killed`: a new process begins to act on the same machine."""
        self._dead = False
        self.fault = None

    def lose(self, id_: Id) -> None:
        """Sabotage: this is gone, with what dies with it."""
        if id_.kind is Kind.DECOY:
            for other in [o for o in self.resources if o.owner == id_.owner and o.kind is not Kind.LAN]:
                self._drop(other)
        if id_.kind is Kind.LAN:
            for link in [r for r in self.resources.values() if isinstance(r, Link) and r.lan == id_.owner]:
                self.alter(link.id, parent="")
        self._drop(id_)

    def alter(self, id_: Id, **fields: Any) -> None:
        """Sabotage: these fields have other values now."""
        self.resources[id_] = dataclasses.replace(self.resources[id_], **fields)

    @contextmanager
    def _act(self, action: str, resource: Resource | None) -> Iterator[None]:
        with self._lock:
            self._alive()
            fault = self.fault if self.fault and self.fault.act == len(self.acts) else None
            self.acts.append(f"{action} {resource.id if resource else self.network}")
            if fault and fault.moment is Moment.BEFORE:
                self._strike(fault)
            yield
            if fault:
                self._strike(fault)

    def _alive(self) -> None:
        if self._dead:
            raise Killed

    def _strike(self, fault: Fault) -> None:
        self._dead = isinstance(fault.error, Killed)
        raise fault.error

    def _get(self, id_: Id) -> Resource:
        if id_ not in self.resources:
            raise WorldError(f"{id_} does not exist")
        return self.resources[id_]

    def _drop(self, id_: Id) -> None:
        self.resources.pop(id_, None)
        self.contents.pop(id_, None)

    def _make(self, resource: Resource, content: bytes | None, fields: frozenset[str] | None = None) -> None:
        match resource:
            case Lan():
                self._check_lan(resource)
            case Link():
                self._check_link(resource)
            case Stack():
                self._get(Id(Kind.DECOY, resource.decoy))
                there = self.resources.get(resource.id)
                kept = dict(there.sysctls) if isinstance(there, Stack) else {}
                sysctls = tuple(sorted({**kept, **dict(resource.sysctls)}.items()))
                resource = dataclasses.replace(resource, sysctls=sysctls)
            case Service():
                self._check_service(resource)
                self._take_content(resource, content, fields)
            case Custom():
                self._check_custom(resource)
                self._take_content(resource, content, fields)
            case Sink():
                self._take_content(resource, content, fields)
            case Decoy():
                pass
        self.resources[resource.id] = resource

    def _check_lan(self, lan: Lan) -> None:
        name = lan_interface(self.network, lan.name)
        if name in self.foreign:
            raise WorldError(f"an interface {name} is there and is not ours")
        there = self.resources.get(lan.id)
        if isinstance(there, Lan) and (there.driver, there.interface) != (lan.driver, lan.interface):
            raise WorldError(f"{lan.id} is there already, of another driver or on another interface")
        left = self._bridges(lan)
        for link in self.resources.values():
            if not isinstance(link, Link) or (link.lan, link.driver) != (lan.name, Driver.BRIDGE):
                continue
            if link.parent and link.parent not in left:
                raise WorldError(f"{lan.id}: bridge {link.parent} is in use by {link.id}")

    def _bridges(self, lan: Lan) -> list[str]:
        return [bridge(self.network, lan.name, number) for number in range(lan.bridges)]

    def _check_link(self, link: Link) -> None:
        self._get(Id(Kind.DECOY, link.decoy))
        lan = self._get(Id(Kind.LAN, link.lan))
        if not isinstance(lan, Lan):
            raise WorldError(f"{lan.id} is no LAN")
        parents = self._bridges(lan) if lan.driver is Driver.BRIDGE else [lan.parent]
        if link.driver != lan.driver or link.parent not in parents:
            raise WorldError(f"{link.id}: {link.parent} is not what carries {lan.id}")
        if link.mtu > lan.mtu:
            raise WorldError(f"{link.id}: MTU {link.mtu} is more than {lan.id} has")
        for other in self.resources.values():
            if isinstance(other, Link) and other.id != link.id:
                if other.lan != link.lan and other.parent != link.parent:
                    continue
                for name in ("mac", "address", "address6"):
                    mine = getattr(link, name)
                    if mine and mine == getattr(other, name):
                        raise WorldError(f"{link.id}: address already in use: {mine} of {other.id}")

    def _take_content(
        self, resource: Service | Custom | Sink, content: bytes | None, fields: frozenset[str] | None
    ) -> None:
        if content is not None:
            self.contents[resource.id] = content
        elif fields is None or "bundle" in fields:
            raise WorldError(f"{resource.id}: no bundle given")

    def _check_custom(self, custom: Custom) -> None:
        carrier = self._get(Id(Kind.DECOY, custom.decoy))
        if not custom.sandbox and (not isinstance(carrier, Decoy) or not carrier.container):
            raise WorldError(f"{custom.id}: {custom.decoy} has no container to join")
        self._check_service(custom)

    def _check_service(self, service: Service | Custom) -> None:
        self._get(Id(Kind.DECOY, service.decoy))
        if not any(id_.kind is Kind.LINK and id_.owner == service.decoy for id_ in self.resources):
            raise WorldError(f"{service.id}: {service.decoy} has no link to listen on")
        for other in self.resources.values():
            if (
                isinstance(other, Service | Custom)
                and other.decoy == service.decoy
                and other.id != service.id
            ):
                taken = set(other.ports) & set(service.ports)
                if taken:
                    raise WorldError(f"{service.id}: address already in use: {sorted(taken)} of {other.id}")

    def _stands_on(self, user: Id, resource: Resource) -> bool:
        if isinstance(resource, Lan):
            link = self.resources[user]
            return isinstance(link, Link) and link.lan == resource.name
        same = user.owner == resource.id.owner and user.kind is not Kind.LAN
        if isinstance(resource, Decoy):
            return same and user.kind in {Kind.LINK, Kind.SERVICE, Kind.CUSTOM}
        return isinstance(resource, Link) and same and user.kind in {Kind.SERVICE, Kind.CUSTOM}


def _seen(resource: Resource) -> Resource:
    """A resource without what a machine does not tell."""
    known = policies(type(resource))
    hidden: dict[str, Any] = {
        f.name: f.default for f in dataclasses.fields(resource) if known[f.name] is Policy.IGNORED
    }
    return dataclasses.replace(resource, **hidden) if hidden else resource
