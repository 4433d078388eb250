"""A network as declared: frozen values, checked, with the place in the file of whatever the file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Any

from decnet.errors import Problem, Span
from decnet.events.sinks import Setting
from decnet.services import Port
from decnet.services import Service as ServiceType
from decnet.services.limits import Bounds, Limits
from decnet.spec.program import Program

if TYPE_CHECKING:
    from decnet.catalog import Distro, Os


class Runtime(StrEnum):
    """What carries a decoy."""

    AUTO = "auto"
    NETNS = "netns"
    DOCKER = "docker"


class Isolation(StrEnum):
    """How decoys share processes."""

    SHARED = "shared"
    DECOY = "decoy"


class LanDriver(StrEnum):
    """How decoys are attached to a LAN."""

    BRIDGE = "bridge"
    MACVLAN = "macvlan"
    IPVLAN = "ipvlan"


@dataclass(frozen=True, slots=True)
class Lan:
    """One broadcast domain. ``host`` is the host's own address on it, if it has one; ``gateway`` the decoys' route."""

    name: str
    driver: LanDriver
    interface: str
    subnet: IPv4Network
    gateway: IPv4Address | None
    host: IPv4Address | None
    mtu: int
    span: Span
    spans: Mapping[str, Span] = field(default_factory=dict)
    vlan: int = 0
    subnet6: IPv6Network | None = None
    gateway6: IPv6Address | None = None
    host6: IPv6Address | None = None

    @property
    def parent(self) -> str:
        """The interface that decoys stand on, ``eth0.42`` on a VLAN; empty on a bridge."""
        return f"{self.interface}.{self.vlan}" if self.vlan else self.interface


@dataclass(frozen=True, slots=True)
class Service:
    """A service on a decoy. ``persona`` is an instance of ``type.persona``; ``spans`` by key, where the file says it."""

    name: str
    type: ServiceType
    ports: tuple[Port, ...]
    persona: Any
    span: Span
    spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Custom:
    """A service of the user's own on a decoy; ``spans`` by key, where the file says it.

    ``service`` is the one of ours whose real server it runs (``interaction = high``).
    """

    name: str
    program: Program
    ports: tuple[Port, ...]
    span: Span
    spans: Mapping[str, Span] = field(default_factory=dict)
    service: Service | None = None


@dataclass(frozen=True, slots=True)
class Decoy:
    """One fake host. ``uptime`` in seconds at the network's creation; ``spans`` by key.

    ``identity`` is the name that it was first applied under, where it is another: all that it is drawn from.
    """

    name: str
    group: str
    number: int
    lan: str
    ip: IPv4Address
    mac: str
    hostname: str
    os: Os
    distro: Distro | None
    archetype: str
    services: tuple[Service, ...]
    runtime: Runtime
    uptime: int
    protect: bool
    span: Span
    spans: Mapping[str, Span] = field(default_factory=dict)
    identity: str = ""
    ip6: IPv6Address | None = None
    isolation: Isolation = Isolation.SHARED
    limits: Limits = field(default_factory=Limits)
    """What each of its services grants."""
    bounds: Bounds = field(default_factory=Bounds)
    """What its process, or its container, may take, where it has one of its own."""
    egress: tuple[str, ...] = ()
    """Connections it may open, as `decnet.spec.egress` writes them."""
    customs: tuple[Custom, ...] = ()

    @property
    def known(self) -> tuple[Service, ...]:
        """Its services of our catalogue, whoever serves them."""
        return (*self.services, *(one.service for one in self.customs if one.service))

    @property
    def word(self) -> str:
        """The word that identity and choices are drawn from."""
        return self.identity or self.name

    @property
    def has_images(self) -> bool:
        """Whether a custom service of it needs an engine, whatever carries the decoy."""
        return any(one.program.image or one.service for one in self.customs)


@dataclass(frozen=True, slots=True)
class Sink:
    """Where events go beside the network's own log; ``spans`` by key."""

    name: str
    setting: Setting
    span: Span
    spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Network:
    """What one file describes. ``warnings`` are problems that do not stop anything."""

    name: str
    file: str
    env: str
    seed: str
    domain: str
    timezone: str
    runtime: Runtime
    lans: tuple[Lan, ...]
    decoys: tuple[Decoy, ...]
    span: Span
    warnings: tuple[Problem, ...] = ()
    sinks: tuple[Sink, ...] = ()
