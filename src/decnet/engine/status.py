"""How a network is: each decoy as it was applied, against what is there. Pure."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from decnet.engine import degraded
from decnet.engine.desired import Declared, Desired
from decnet.engine.diff import Delta, diff
from decnet.engine.explain import drift_details
from decnet.engine.graph import Act
from decnet.engine.limit import Limit, narrow
from decnet.engine.recover import seen
from decnet.state import About, Saved, Snapshot
from decnet.world import Custom, Decoy, Id, Kind, Link, Observed, Service, Sink

DRIFTED = 4
"""Exit code of `decnet status` when something is not as declared."""


class State(StrEnum):
    """``down``: nobody can reach it. ``drifted``: something of it is not as it was applied."""

    UP = "up"
    DOWN = "down"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True)
class DecoyStatus:
    """One decoy. ``ports`` by service, as ``22`` or ``161/udp``; ``detail`` says what is wrong.

    ``degraded`` says what it goes without since the machine cannot do it: it is up all the same.
    """

    name: str
    state: State
    ip: str
    mac: str
    hostname: str
    os: str
    distro: str
    services: tuple[str, ...]
    ports: Mapping[str, tuple[str, ...]]
    sessions: int
    detail: str
    degraded: str = ""


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """One sink; ``state`` and figures are those of `decnet.shipper.protocol.Shipping`, or it is ``down``.

    ``oldest`` in seconds: how long the first of the events that are queued has waited.
    """

    name: str
    type: str
    target: str
    state: str
    error: str = ""
    sent: int = 0
    queued: int = 0
    queued_bytes: int = 0
    oldest: float = 0.0
    dropped: int = 0
    dropped_bytes: int = 0
    resent: int = 0


_FIGURES = ("sent", "queued", "queued_bytes", "oldest", "dropped", "dropped_bytes", "resent")


@dataclass(frozen=True, slots=True)
class Status:
    """A network's decoys by name; ``detail`` says what is wrong beside them (LANs, things left over)."""

    about: About
    serial: int
    decoys: tuple[DecoyStatus, ...]
    detail: tuple[str, ...]
    unseen: tuple[str, ...] = ()
    hidden: int = 0
    sinks: tuple[SinkStatus, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 as applied, 4 drifted."""
        as_applied = all(decoy.state is State.UP for decoy in self.decoys) and not self.detail
        return 0 if as_applied else DRIFTED


def status(saved: Snapshot, observed: Observed, limit: Limit = Limit()) -> Status:  # noqa: B008 (a value)
    """How every decoy of a snapshot is, of those that ``limit`` lets see. Raises `UsageError` for a wrong limit."""
    missing = {
        entry.resource.id: Saved(entry.resource, entry.span)
        for entry in saved.unfinished
        if entry.action == Act.CREATE
    }
    saved = dataclasses.replace(saved, resources={**missing, **saved.resources})
    barred = [f"{thing} could not be looked at" for thing in observed.unseen]
    observed = seen(saved, observed)
    declared = {id_: Declared(was.resource, was.span) for id_, was in saved.resources.items()}
    hidden = 0
    if limit:
        everything = Desired(saved.about, declared)
        _, saved, observed, hidden = narrow(limit, everything, saved, observed, looking=True)
        declared = {id_: declared[id_] for id_ in saved.resources}
    deltas: defaultdict[str, list[Delta]] = defaultdict(list)
    beside: list[str] = []
    for delta in diff(declared, saved.resources, observed.resources):
        if delta.declared is None:
            beside.append(f"{delta.id} is there and is not in the state")
        elif delta.id.kind is Kind.LAN:
            beside.extend(f"lan {delta.id.owner}: {detail.text}" for detail in drift_details(delta))
        elif delta.id.kind is Kind.SINK:
            beside.extend(f"sink {delta.id.part}: {detail.text}" for detail in drift_details(delta))
        else:
            deltas[delta.id.owner].append(delta)
    parts: defaultdict[str, list[Link | Service | Custom]] = defaultdict(list)
    for was in saved.resources.values():
        if isinstance(was.resource, Link | Service | Custom):
            parts[was.resource.decoy].append(was.resource)
    decoys = [was.resource for was in saved.resources.values() if isinstance(was.resource, Decoy)]
    return Status(
        saved.about,
        saved.serial,
        tuple(_decoy(decoy, parts[decoy.name], deltas[decoy.name], observed) for decoy in decoys),
        (*beside, *observed.ailing, *degraded.lines(observed.lacking)),
        tuple(barred),
        hidden,
        tuple(_sinks(saved, observed)),
    )


def _sinks(saved: Snapshot, observed: Observed) -> Iterator[SinkStatus]:
    at_work = {sink.name: sink for sink in observed.sinks}
    for was in saved.resources.values():
        if isinstance(was.resource, Sink):
            sink, found = was.resource, at_work.get(was.resource.name)
            if found is None:
                yield SinkStatus(sink.name, sink.type, sink.target, "down")
            else:
                figures = {name: getattr(found, name) for name in _FIGURES}
                yield SinkStatus(sink.name, sink.type, sink.target, found.state.value, found.error, **figures)


def _decoy(
    decoy: Decoy, parts: Iterable[Link | Service | Custom], deltas: list[Delta], observed: Observed
) -> DecoyStatus:
    links = [part for part in parts if isinstance(part, Link)]
    services = sorted(
        (part for part in parts if isinstance(part, Service | Custom)),
        key=lambda one: isinstance(one, Custom),
    )
    head = [delta for delta in deltas if delta.id == decoy.id and delta.gone]
    told = head or deltas
    return DecoyStatus(
        name=decoy.name,
        state=_state(decoy, links, services, observed.resources) if deltas else State.UP,
        ip=", ".join(link.address.partition("/")[0] for link in links),
        mac=", ".join(link.mac for link in links),
        hostname=decoy.hostname,
        os=decoy.os,
        distro=decoy.distro,
        services=tuple(service.name for service in services),
        ports={
            service.name: tuple(
                str(number) if proto == "tcp" else f"{number}/{proto}" for number, proto in service.ports
            )
            for service in services
        },
        sessions=observed.sessions.get(decoy.name, 0),
        detail="; ".join(detail.text for delta in told for detail in drift_details(delta)),
        degraded=observed.lacking.get(decoy.name, ""),
    )


def _state(
    decoy: Decoy, links: list[Link], services: list[Service | Custom], there: Mapping[Id, object]
) -> State:
    if decoy.id not in there:
        return State.DOWN
    seen = [there.get(link.id) for link in links]
    if not any(isinstance(link, Link) and link.up for link in seen):
        return State.DOWN
    if not any(service.id in there for service in services):
        return State.DOWN
    return State.DRIFTED
