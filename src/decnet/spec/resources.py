"""What decnet asks a machine to hold, and what it finds there: the same types for both.

Every field says what changing it costs (`Policy`, read by `decnet.engine.diff`). Names of things on the machine come
from `decnet.world.names`; they are functions of the network's and the decoy's name, so that everything of ours is
found without the state.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from decnet.services.limits import Bounds, Limits


class Policy(StrEnum):
    """What a change of a field costs."""

    LIVE = "live"
    RESTART = "restart"
    REPLACE = "replace"
    COMPUTED = "computed"
    IGNORED = "ignored"


class Kind(StrEnum):
    """Kinds of resource, in the order in which they are made."""

    LAN = "lan"
    DECOY = "decoy"
    LINK = "link"
    STACK = "stack"
    SERVICE = "service"
    CUSTOM = "custom"
    SINK = "sink"


class Id(NamedTuple):
    """Identifies a resource within a network: ``link/web-01/eth0``, ``service/web-01/ssh``, ``lan/default``, ``sink/siem``.

    ``owner`` is the decoy or the LAN; a sink, which is nobody's, has a ``part`` only.
    """

    kind: Kind
    owner: str
    part: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, self))

    @classmethod
    def parse(cls, text: str) -> Id:
        """The id that is written so. Raises `ValueError`."""
        kind, owner, *part = text.split("/", 2)
        if kind == Kind.SINK:
            return cls(Kind.SINK, "", owner)
        return cls(Kind(kind), owner, *part)


class Driver(StrEnum):
    """How decoys of a LAN are attached."""

    BRIDGE = "bridge"
    MACVLAN = "macvlan"
    IPVLAN = "ipvlan"


def _field(policy: Policy, default: Any = dataclasses.MISSING) -> Any:
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata={"policy": policy})
    return dataclasses.field(default=default, metadata={"policy": policy})


@dataclass(frozen=True, slots=True)
class Lan:
    """One broadcast domain.

    ``address`` (``198.18.0.1/24``, may be empty) is the host's own on this LAN: on the bridge itself, or on the
    host-side macvlan (the hairpin), which then has ``routes`` to the decoys' addresses.
    """

    name: str = _field(Policy.COMPUTED)
    driver: Driver = _field(Policy.REPLACE)
    interface: str = _field(Policy.REPLACE, "")
    """Parent interface (macvlan, ipvlan), or that of the VLAN; empty on a bridge."""
    subnet: str = _field(Policy.REPLACE, "")
    address: str = _field(Policy.LIVE, "")
    mtu: int = _field(Policy.LIVE, 1500)
    up: bool = _field(Policy.LIVE, True)
    vlan: int = _field(Policy.REPLACE, 0)
    """Tag of the LAN on ``interface`` (IEEE 802.1Q); 0 is none."""
    subnet6: str = _field(Policy.REPLACE, "")
    address6: str = _field(Policy.LIVE, "")
    bridges: int = _field(Policy.LIVE, 1)
    """Bridges that together are this LAN: one takes 1,023 ports."""
    gateway: str = _field(Policy.IGNORED, "")
    """The router's address, where there is one."""
    docker: bool = _field(Policy.LIVE, False)
    """Whether it has a Docker network, for containers to be put on."""

    @property
    def parent(self) -> str:
        """The interface that links stand on: ``eth0``, on a VLAN ``eth0.42``; empty on a bridge."""
        return f"{self.interface}.{self.vlan}" if self.vlan else self.interface

    @property
    def id(self) -> Id:
        return Id(Kind.LAN, self.name)


@dataclass(frozen=True, slots=True)
class Decoy:
    """A namespace that carries one decoy. ``hostname``, ``os`` … are kept for ``status``, the machine has no say.

    ``egress`` are the connections that the namespace's packet filter lets it open (``("tcp 198.51.100.0/24 53",)``),
    sorted. Found on a machine, ``("missing",)`` is a namespace without our rules, ``("altered",)`` one with others.
    """

    name: str = _field(Policy.COMPUTED)
    hostname: str = _field(Policy.IGNORED, "")
    os: str = _field(Policy.IGNORED, "")
    distro: str = _field(Policy.IGNORED, "")
    group: str = _field(Policy.IGNORED, "")
    runtime: str = _field(Policy.REPLACE, "netns")
    protect: bool = _field(Policy.IGNORED, False)
    egress: tuple[str, ...] = _field(Policy.LIVE, ())
    identity: str = _field(Policy.IGNORED, "")
    """Name that its identity is drawn from, where it is another than its own: it was renamed."""
    container: str = _field(Policy.REPLACE, "")
    """Content hash of its `decnet.spec.container.Container`; empty under another runtime."""

    @property
    def id(self) -> Id:
        return Id(Kind.DECOY, self.name)


@dataclass(frozen=True, slots=True)
class Link:
    """A decoy's interface on a LAN. ``driver`` and ``parent`` repeat what the LAN says, to make it in one call."""

    decoy: str = _field(Policy.COMPUTED)
    name: str = _field(Policy.COMPUTED)
    lan: str = _field(Policy.REPLACE)
    driver: Driver = _field(Policy.REPLACE)
    parent: str = _field(Policy.REPLACE)
    """On a bridge LAN the interface name of the decoy's bridge, else `Lan.parent`."""
    mac: str = _field(Policy.REPLACE)
    """Empty on an ipvlan, which has that of its parent."""
    address: str = _field(Policy.REPLACE)
    """Address with prefix length."""
    gateway: str = _field(Policy.LIVE, "")
    mtu: int = _field(Policy.LIVE, 1500)
    up: bool = _field(Policy.LIVE, True)
    address6: str = _field(Policy.REPLACE, "")
    """IPv6 address with prefix length; empty is a decoy without IPv6."""
    gateway6: str = _field(Policy.LIVE, "")
    docker: bool = _field(Policy.COMPUTED, False)
    """Whether a container has it, with which it goes."""

    @property
    def id(self) -> Id:
        return Id(Kind.LINK, self.decoy, self.name)


@dataclass(frozen=True, slots=True)
class Stack:
    """The TCP/IP settings of a decoy's namespace: ``(("net.ipv4.ip_default_ttl", "128"), …)``, sorted.

    ``personality`` is the class id (`decnet.stack.class_id`, hex) of what rewrites its packets, empty without one;
    ``window`` that of its routes (RTAX_WINDOW), 0 without one.
    """

    decoy: str = _field(Policy.COMPUTED)
    sysctls: tuple[tuple[str, str], ...] = _field(Policy.LIVE, ())
    personality: str = _field(Policy.LIVE, "")
    window: int = _field(Policy.LIVE, 0)

    @property
    def id(self) -> Id:
        return Id(Kind.STACK, self.decoy)


@dataclass(frozen=True, slots=True)
class Service:
    """A server on a decoy. ``bundle`` is the content hash of its rendered files; ``process`` numbers the decoy process.

    ``bounds`` are those of the process; what a machine tells is what was expected of it.
    """

    decoy: str = _field(Policy.COMPUTED)
    name: str = _field(Policy.COMPUTED)
    ports: tuple[tuple[int, str], ...] = _field(Policy.RESTART)
    """``((22, "tcp"),)``, sorted."""
    bundle: str = _field(Policy.LIVE)
    process: int = _field(Policy.RESTART, 0)
    bounds: Bounds = _field(Policy.LIVE, Bounds())
    docker: bool = _field(Policy.COMPUTED, False)
    """Whether its process is in a container."""

    @property
    def id(self) -> Id:
        return Id(Kind.SERVICE, self.decoy, self.name)


@dataclass(frozen=True, slots=True)
class Custom:
    """A service of the user's own, in a container or a sandbox that has its decoy's network.

    ``bundle`` is the content hash of its `decnet.spec.program.Program`; ``process`` numbers the decoy process, which
    tells of what it prints and of who comes to its ports.
    """

    decoy: str = _field(Policy.COMPUTED)
    name: str = _field(Policy.COMPUTED)
    ports: tuple[tuple[int, str], ...] = _field(Policy.RESTART)
    """``((8080, "tcp"),)``, sorted."""
    bundle: str = _field(Policy.RESTART)
    process: int = _field(Policy.RESTART, 0)
    limits: Limits = _field(Policy.LIVE, Limits())
    bounds: Bounds = _field(Policy.LIVE, Bounds())
    """Those of the decoy process, or of its decoy's container; processors hold of its own container too."""
    healthy: bool = _field(Policy.RESTART, True)
    docker: bool = _field(Policy.COMPUTED, False)
    """Whether that process is in its decoy's container."""
    high: bool = _field(Policy.COMPUTED, False)
    """Whether it is a real server that is heard, and made anew from time to time."""
    worn: bool = _field(Policy.RESTART, False)
    """Whether it is time for that."""
    sandbox: bool = _field(Policy.RESTART, False)
    """Whether it is a program of the host, in a sandbox."""

    @property
    def id(self) -> Id:
        return Id(Kind.CUSTOM, self.decoy, self.name)


@dataclass(frozen=True, slots=True)
class Sink:
    """Where the events of a network go beside its own log. ``bundle`` is the content hash of all that it is made of."""

    name: str = _field(Policy.COMPUTED)
    type: str = _field(Policy.LIVE)
    target: str = _field(Policy.LIVE)
    bundle: str = _field(Policy.LIVE)

    @property
    def id(self) -> Id:
        return Id(Kind.SINK, "", self.name)


Resource = Lan | Decoy | Link | Stack | Service | Custom | Sink


def bundle_of(resource: Resource) -> str:
    """Hash of the content that a resource is made of; empty where it is made of its fields alone."""
    match resource:
        case (
            Stack(personality=bundle)
            | Service(bundle=bundle)
            | Custom(bundle=bundle)
            | Sink(bundle=bundle)
            | Decoy(container=bundle)
        ):
            return bundle
        case _:
            return ""


def policies(kind: type[Resource]) -> dict[str, Policy]:
    """Field → policy of a resource type, in field order."""
    return {f.name: f.metadata["policy"] for f in dataclasses.fields(kind)}
