"""Values of the store as what is sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from decnet.api import resources as r
from decnet.api.inventory import Applied, Host
from decnet.events.store import Decoy, Stored, stamp

_TIMES = ("first_seen", "last_seen")


def event(one: Stored) -> r.Event:
    """An event with its number."""
    e = one.event
    return r.Event(
        one.seq, e.id, e.ts, e.type.value, e.network, e.decoy, e.service, e.session, e.src_ip, e.src_port,
        e.dst_ip, e.dst_port, e.proto, e.data, e.v,
    )  # fmt: skip


def of(kind: Any, value: Any, **more: Any) -> Any:
    """A value of the store as the resource ``kind``: fields by their names, times as text, 0 as null."""
    names = [field.name for field in dataclasses.fields(kind) if field.name not in more]
    found = {name: getattr(value, name) for name in names}
    found |= {name: stamp(found[name]) if found[name] else None for name in _TIMES if name in found}
    return kind(**found, **more)


def following(found: Sequence[Any], limit: int) -> str | None:
    """The cursor behind a full page."""
    return str(getattr(found[-1], "id", None) or found[-1].seq) if len(found) == limit else None


def decoys(networks: Iterable[Applied], counted: Iterable[Decoy]) -> list[r.Decoy]:
    """Every decoy that was applied, or that events are of."""
    counts = {(one.network, one.name): one for one in counted}
    hosts = {(network.name, host.name): host for network in networks for host in network.decoys}
    return [_decoy(*key, hosts.get(key), counts.get(key)) for key in sorted(hosts.keys() | counts.keys())]


_NOT_APPLIED = Host("", "", "", (), (), (), "", "", "", "", "", (), {})


def _decoy(network: str, name: str, applied: Host | None, seen: Decoy | None) -> r.Decoy:
    host = applied or _NOT_APPLIED
    services = host.services if applied else seen.services if seen else ()
    return r.Decoy(
        network=network,
        name=name,
        state=host.state or None,
        detail=host.detail,
        addresses=list(host.addresses),
        macs=list(host.macs),
        lans=list(host.lans),
        hostname=host.hostname,
        os=host.os,
        distro=host.distro,
        runtime=host.runtime,
        group=host.group,
        services=list(services),
        ports={key: list(ports) for key, ports in host.ports.items()},
        events=seen.events if seen else 0,
        sessions=seen.sessions if seen else 0,
        attempts=seen.attempts if seen else 0,
        attackers=seen.attackers if seen else 0,
        first_seen=stamp(seen.first_seen) if seen else None,
        last_seen=stamp(seen.last_seen) if seen else None,
    )


def networks(applied: Sequence[Applied], counted: Sequence[Decoy]) -> list[r.Network]:
    """Every network, applied or seen."""
    known = {one.name: one for one in applied}
    return [
        _network(name, known.get(name), [one for one in counted if one.network == name])
        for name in sorted(known.keys() | {one.network for one in counted})
    ]


def _network(name: str, applied: Applied | None, seen: Sequence[Decoy]) -> r.Network:
    return r.Network(
        name,
        applied is not None,
        applied.runtime if applied else "",
        len(applied.decoys) if applied else len(seen),
        sum(one.events for one in seen),
        stamp(min(one.first_seen for one in seen)) if seen else None,
        stamp(max(one.last_seen for one in seen)) if seen else None,
    )


def picture(network: Applied) -> r.Picture:
    """A network's LANs."""
    lans = [
        r.Lan(one.name, one.driver, one.interface, list(one.subnets), one.host, list(one.decoys))
        for one in network.lans
    ]
    return r.Picture(network.name, lans)
