"""A network as declared: frozen values, checked, with the place in the file of whatever the file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from decnet.catalog import Distro, Os
from decnet.errors import Problem, Span
from decnet.services import Port
from decnet.services import Service as ServiceType


class Runtime(StrEnum):
    """What carries a decoy."""

    AUTO = "auto"
    NETNS = "netns"
    DOCKER = "docker"


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
class Decoy:
    """One fake host. ``uptime`` in seconds at the network's creation; ``spans`` by key."""

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
