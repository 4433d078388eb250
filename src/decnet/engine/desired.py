"""What a file asks of the machine: the network's values as resources, each with its place in the file."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network
from typing import Any

import msgspec

from decnet import stack
from decnet.engine import customs
from decnet.engine.placement import bridges_of, is_alone, processes_of
from decnet.errors import Span
from decnet.events.sinks import SinkBundle, kind_of
from decnet.render import Bundle
from decnet.services.limits import Bounds
from decnet.spec import Decoy as DecoySpec
from decnet.spec import Lan as LanSpec
from decnet.spec import LanDriver, Network, Runtime, container
from decnet.spec import Sink as SinkSpec
from decnet.spec.container import Container
from decnet.state import About, Snapshot
from decnet.world import Decoy, Driver, Id, Kind, Lan, Link, Resource, Service, Sink, Stack, bundle_of
from decnet.world.names import bridge

LINK = "eth0"
_PROCESS = ("isolation", "limits")
"""Keys of a decoy that its services follow."""
_DRIVERS = {
    LanDriver.BRIDGE: Driver.BRIDGE,
    LanDriver.MACVLAN: Driver.MACVLAN,
    LanDriver.IPVLAN: Driver.IPVLAN,
}


@dataclass(frozen=True, slots=True)
class Docker:
    """What there is of Docker: whether an engine is there for ``auto``, and images.

    ``tags`` has by decoy the image that its distro's recipe makes, ``images`` the ids of those that the engine has,
    of custom services too.
    """

    there: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    servers: Mapping[str, str] = field(default_factory=dict)
    """Decoy → tag of the image that its service of high interaction runs in."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A resource that the file declares. ``spans`` by INI key; ``secrets`` are the keys not to be shown.

    ``content`` is what a resource is made of beside its fields, whose hash is `bundle_of` it.
    """

    resource: Resource
    span: Span
    spans: Mapping[str, Span] = field(default_factory=dict)
    content: bytes | None = None
    secrets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything one file declares, in its order: LANs, then decoy by decoy, then sinks."""

    about: About
    resources: Mapping[Id, Declared] = field(default_factory=dict)


def declare(
    network: Network,
    bundles: Mapping[tuple[str, str], Bundle],
    saved: Snapshot | None = None,
    docker: Docker | None = None,
    *,
    partly: bool = False,
) -> Desired:
    """A network's resources.

    ``saved`` keeps what is chosen once: the runtime of ``auto``, which process serves a decoy, which bridge of a LAN
    it is plugged into, and which image of its tag its container is made from. ``partly``: a limit may hide who is to
    go, so that there is no room yet where it is.
    """
    docker = docker or Docker()
    runtime = chosen_runtime(network.runtime, saved, docker)
    contained = {decoy.name for decoy in network.decoys if runtime_of(decoy, runtime) is Runtime.DOCKER}
    processes = processes_of(network.decoys, contained, saved, partly=partly)
    bridges = bridges_of(network, contained, saved, partly=partly)
    crowded = {decoy.lan for decoy in network.decoys if decoy.name in contained}
    lans = {lan.name: _lan(lan, bridges, docker=lan.name in crowded) for lan in network.lans}
    resources = {lan.resource.id: lan for lan in lans.values()}
    specs = {lan.name: lan for lan in network.lans}
    secrets: dict[str, frozenset[str]] = {}
    for decoy in network.decoys:
        held = decoy.name in contained
        made_of = _container(network, decoy, docker, saved, held=held) if held or decoy.has_images else None
        for declared in _decoy(network.name, decoy, specs[decoy.lan], made_of, bridges[decoy.lan], held=held):
            resources[declared.resource.id] = declared
        for service in decoy.services:
            bundle = bundles[decoy.name, service.name]
            ports = tuple(sorted((port.number, port.proto) for port in service.ports))
            if service.type.name not in secrets:
                secrets[service.type.name] = _secrets(service.type.persona)
            number = processes[decoy.name]
            bounds = decoy.bounds if is_alone(number) else Bounds()
            resource = Service(decoy.name, service.name, ports, bundle.hash, number, bounds, docker=held)
            spans = {**{key: decoy.spans[key] for key in _PROCESS if key in decoy.spans}, **service.spans}
            resources[resource.id] = Declared(
                resource, service.span, spans, bundle.content, secrets[service.type.name]
            )
        for one in decoy.customs:
            carrier = (made_of.tag, made_of.image_id) if made_of else ("", "")
            if one.service:
                bundle = bundles[decoy.name, one.name]
                one = customs.with_guest(one, docker.servers[decoy.name], bundle.content, bundle.hash)  # noqa: PLW2901
            custom, content = customs.made(
                decoy, one, processes[decoy.name], carrier, docker.images, saved, docker=held
            )
            spans = {**{key: decoy.spans[key] for key in _PROCESS if key in decoy.spans}, **one.spans}
            hidden = customs.SECRETS | (_secrets(one.service.type.persona) if one.service else frozenset())
            resources[custom.id] = Declared(custom, one.span, spans, content, hidden)
    for sink in network.sinks:
        content = _sink_content(sink, network)
        name, setting = sink.name, sink.setting
        made = Sink(
            name, kind_of(setting), setting.target, hashlib.blake2b(content, digest_size=20).hexdigest()
        )
        resources[made.id] = Declared(made, sink.span, sink.spans, content)
    return Desired(About(network.name, network.file, network.env, runtime.value), resources)


def _sink_content(sink: SinkSpec, network: Network) -> bytes:
    hostnames = {decoy.name: decoy.hostname for decoy in network.decoys}
    return msgspec.json.encode(SinkBundle(sink.name, sink.setting, hostnames), order="deterministic")


def chosen_runtime(asked: Runtime, saved: Snapshot | None, docker: Docker) -> Runtime:
    """What carries decoys that do not say it themselves: ``auto`` is chosen once."""
    if asked is not Runtime.AUTO:
        return asked
    if saved and saved.about.runtime:
        return Runtime(saved.about.runtime)
    return Runtime.DOCKER if docker.there else Runtime.NETNS


def runtime_of(decoy: DecoySpec, chosen: Runtime) -> Runtime:
    """What carries a decoy of a network with this choice."""
    return chosen if decoy.runtime is Runtime.AUTO else decoy.runtime


def _container(
    network: Network, decoy: DecoySpec, docker: Docker, saved: Snapshot | None, *, held: bool
) -> Container:
    """What the container of a decoy is made of; its image is the one it has, while that has the same tag.

    Where decnet makes the links (``held`` is false) it lends its namespaces to custom services, and is on no LAN.
    """
    tag = docker.tags[decoy.name]
    image = f"{tag}@{docker.images[tag]}" if tag in docker.images else tag
    was = saved.resources.get(Id(Kind.DECOY, decoy.name)) if saved else None
    content = saved.contents.get(bundle_of(was.resource)) if saved and was else None
    if content:
        pinned = container.decode(content)
        image = pinned.image if pinned.tag == tag and pinned.image_id else image
    return Container(
        image,
        decoy.hostname,
        network.domain,
        decoy.lan if held else "",
        decoy.mac if held else "",
        str(decoy.ip) if held else "",
        decoy.bounds.pids,
        tuple(sorted(decoy.os.sysctls.items())),
    )


def _lan(lan: LanSpec, bridges: Mapping[str, Mapping[str, int]], *, docker: bool) -> Declared:
    driver = _DRIVERS[lan.driver]
    resource = Lan(
        name=lan.name,
        driver=driver,
        interface="" if driver is Driver.BRIDGE else lan.interface,
        subnet=str(lan.subnet),
        address=f"{lan.host}/{lan.subnet.prefixlen}" if lan.host else "",
        mtu=lan.mtu,
        vlan=lan.vlan,
        subnet6=str(lan.subnet6 or ""),
        address6=_with_prefix(lan.host6, lan.subnet6),
        bridges=max(bridges[lan.name].values(), default=0) + 1,
        gateway=str(lan.gateway) if lan.gateway and docker else "",
        docker=docker,
    )
    return Declared(resource, lan.span, lan.spans)


def _decoy(
    network: str,
    decoy: DecoySpec,
    lan: LanSpec,
    made_of: Container | None,
    bridges: Mapping[str, int],
    *,
    held: bool,
) -> Iterator[Declared]:
    distro = decoy.distro.name if decoy.distro else ""
    content, digest = container.encode(made_of) if made_of else (None, "")
    yield Declared(
        Decoy(
            decoy.name,
            decoy.hostname,
            decoy.os.name,
            distro,
            decoy.group,
            (Runtime.DOCKER if held else Runtime.NETNS).value,
            decoy.protect,
            egress=decoy.egress,
            identity=decoy.identity,
            container=digest,
        ),
        decoy.span,
        decoy.spans,
        content,
    )
    yield Declared(
        Link(
            decoy=decoy.name,
            name=LINK,
            lan=lan.name,
            driver=_DRIVERS[lan.driver],
            parent=bridge(network, lan.name, bridges.get(decoy.name, 0))
            if lan.driver is LanDriver.BRIDGE
            else lan.parent,
            mac="" if lan.driver is LanDriver.IPVLAN else decoy.mac,
            address=f"{decoy.ip}/{lan.subnet.prefixlen}",
            gateway=str(lan.gateway) if lan.gateway else "",
            mtu=lan.mtu,
            address6=_with_prefix(decoy.ip6, lan.subnet6),
            gateway6=str(lan.gateway6 or "") if decoy.ip6 else "",
            docker=held,
        ),
        decoy.span,
        decoy.spans,
    )
    packed = stack.value(decoy.os.personality)
    yield Declared(
        Stack(
            decoy.name,
            tuple(sorted(decoy.os.sysctls.items())),
            f"{stack.class_id(packed):08x}",
            stack.route_window(decoy.os.personality),
        ),
        decoy.span,
        decoy.spans,
        packed,
    )


def _with_prefix(address: IPv6Address | None, subnet: IPv6Network | None) -> str:
    if address is None or subnet is None:
        return ""
    return f"{address}/{64 if address.is_link_local else subnet.prefixlen}"


def _secrets(persona: type[Any]) -> frozenset[str]:
    return frozenset(
        f.name
        for f in dataclasses.fields(persona)
        if getattr(f.metadata.get("key"), "secret", False) or "password" in f.name
    )
