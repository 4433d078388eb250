"""The keys of every kind of section: the one source of validation, of ``decnet schema`` and of the reference pages.

Values are checked here for what one key can tell by itself; what several sections say together is checked where the
network is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Interface, IPv6Network

from decnet.ini.schema import key
from decnet.ini.values import Duration
from decnet.spec.addresses import Range
from decnet.spec.model import LanDriver, Runtime


class Isolation(StrEnum):
    """How decoys share processes."""

    SHARED = "shared"
    DECOY = "decoy"


@dataclass(frozen=True, slots=True)
class General:
    """``[general]``: everything fleet-wide."""

    name: str = key("", "Name of the network; the file's stem when not given.", example="office")
    driver: LanDriver | None = key(
        None, "How decoys are attached: an isolated bridge inside the host, or peers on a real LAN."
    )
    interface: str = key(
        "", "Parent interface of a macvlan LAN; that of the default route when not given.", example="eth0"
    )
    net: IPv4Network | None = key(
        None,
        "Subnet of the LAN; the interface's own, or on a bridge the first free /24 of 198.18.0.0/15.",
        example="192.168.1.0/24",
    )
    net6: IPv6Network | None = key(None, "IPv6 subnet of the LAN.", example="2001:db8::/64")
    gw: IPv4Address | None = key(
        None, "The decoys' default gateway; that of the default route, or on a bridge the first address."
    )
    runtime: Runtime = key(Runtime.AUTO, "What carries a decoy.")
    pool: tuple[Range, ...] = key(
        (), "Addresses for decoys without `ip`; the whole subnet when not given.", example="192.168.1.110-199"
    )
    seed: str = key(
        "",
        "Every choice is drawn from it; without one, from the network's own secret.",
        example="2026-spring",
    )
    domain: str = key("", "DNS domain of the company that the fleet belongs to.", example="corp.example")
    mtu: int = key(1500, "MTU of the LAN in bytes.", minimum=576, maximum=65535)
    vlan: int | None = key(None, "VLAN id on the parent interface.", minimum=1, maximum=4094)
    egress: tuple[str, ...] = key(
        ("deny",), "Connections decoys may open: `deny`, or `proto:cidr:port` items."
    )
    log_target: str = key("", "One syslog sink, as host:port.", example="198.51.100.7:514")
    mutate_interval: Duration | None = key(None, "How often decoys draw anew.", example="30m")
    include: tuple[str, ...] = key((), "Further files, as globs relative to this one.", example="sites/*.ini")
    timezone: str = key("UTC", "Time zone of the hosts, as in the tz database.", example="Europe/Berlin")
    isolation: Isolation = key(Isolation.SHARED, "Many decoys a process, or one.")


@dataclass(frozen=True, slots=True)
class DecoyKeys:
    """``[NAME]``: a decoy, or a group of them."""

    ip: Range | None = key(None, "Address, or a range `a-b` for a group.", example="192.168.1.20")
    ip6: IPv6Interface | None = key(None, "IPv6 address.")
    mac: str = key("", "MAC address, or the vendor whose prefix it has.", example="dell")
    services: tuple[str, ...] = key((), "Services it runs.", example="ssh, http")
    archetype: str = key("", "Preset of services, os, distros, vendor and host names.", example="web-server")
    distro: str = key("", "Linux distribution it claims to be.", example="debian")
    os: str = key("", "TCP/IP personality.", aliases=("nmap_os",), example="linux")
    amount: int | None = key(None, "Makes a group of that many: NAME-01, NAME-02 …", minimum=1, maximum=4096)
    hostname: str = key("", "Host name; Jinja, with `n` the number in the group.", example="WS-{{ n }}")
    lan: str = key("", "LAN it stands on.", aliases=("lans",))
    mutate_interval: Duration | None = key(None, "How often it draws anew.", example="30m")
    egress: tuple[str, ...] = key((), "Connections it may open.")
    runtime: Runtime | None = key(None, "What carries it.")
    isolation: Isolation | None = key(None, "Its own process, or a shared one.")
    uptime: Duration | None = key(
        None, "How long it has been up when it is first applied; drawn when not given.", example="35d"
    )
    protect: bool = key(False, "Refuse to replace or remove it.")
    renamed_from: str = key("", "Name it had before: it is kept, not replaced.")
    randomize: tuple[str, ...] = key(
        (), "What to draw from the seed.", choices=("services", "distro", "hostname")
    )
    limits: tuple[str, ...] = key((), "Bounds on memory, cpu, pids, connections.", example="connections=200")


@dataclass(frozen=True, slots=True)
class CustomKeys:
    """``[custom-NAME]``: a service of the user's own."""

    binary: str = key("", "Image it runs in.", example="registry.example/honey:1")
    exec: str = key("", "Command line.", example="/usr/bin/served --port 8080")
    ports: tuple[int, ...] = key((), "Ports it listens on.", minimum=1, maximum=65535)
    env: tuple[str, ...] = key((), "Environment, as NAME=value items.")
    protocol: str = key("tcp", "Transport.", choices=("tcp", "udp"))


@dataclass(frozen=True, slots=True)
class LanKeys:
    """``[lan-NAME]``: a further LAN."""

    driver: LanDriver | None = key(None, "How decoys are attached.")
    interface: str = key("", "Parent interface.")
    net: IPv4Network | None = key(None, "Subnet.")
    gw: IPv4Address | None = key(None, "Default gateway of its decoys.")
    mtu: int = key(1500, "MTU in bytes.", minimum=576, maximum=65535)
    vlan: int | None = key(None, "VLAN id on the parent interface.", minimum=1, maximum=4094)
    pool: tuple[Range, ...] = key((), "Addresses for decoys without `ip`.")


@dataclass(frozen=True, slots=True)
class SinkKeys:
    """``[sink-NAME]``: where events go."""

    type: str = key("file", "Kind of sink.", choices=("file", "syslog", "webhook", "nats", "stdout"))
    target: str = key("", "Address or URL.", example="198.51.100.7:514")
    format: str = key("native", "Shape of an event.", choices=("native", "ecs", "ocsf"))


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """Keys that every ``[decoy.service]`` section takes beside those of its persona."""

    ports: tuple[int, ...] = key(
        (), "Ports instead of the usual ones, in their order.", aliases=("port",), minimum=1, maximum=65535
    )


GENERAL = "general"
DEFAULT = "default"
PREFIXES = ("custom", "archetype", "distro", "os", "lan", "sink")
"""Kinds of section that are named ``[kind-NAME]``."""
