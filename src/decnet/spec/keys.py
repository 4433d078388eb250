"""The keys of every kind of section: the one source of validation, of ``decnet schema`` and of the reference pages.

Values are checked here for what one key can tell by itself; what several sections say together is checked where the
network is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from decnet.events.sinks import Body, Facility, Format
from decnet.ini.schema import key
from decnet.ini.values import Duration, Secret, Size
from decnet.spec.addresses import Range
from decnet.spec.addresses6 import Range6
from decnet.spec.limits import Limit
from decnet.spec.model import Isolation, LanDriver, Runtime


@dataclass(frozen=True, slots=True)
class General:
    """``[general]``: everything fleet-wide."""

    name: str = key("", "Name of the network; the file's stem when not given.", example="office")
    driver: LanDriver | None = key(
        None, "How decoys are attached: an isolated bridge inside the host, or peers on a real LAN."
    )
    interface: str = key(
        "",
        "Parent interface of a macvlan or ipvlan LAN; that of the default route when not given.",
        example="eth0",
    )
    net: IPv4Network | None = key(
        None,
        "Subnet of the LAN; the interface's own, or on a bridge the first free /24 of 198.18.0.0/15.",
        example="192.168.1.0/24",
    )
    net6: IPv6Network | None = key(
        None, "IPv6 subnet of the LAN; without one its decoys have no IPv6.", example="2001:db8::/64"
    )
    gw: IPv4Address | None = key(
        None, "The decoys' default gateway; that of the default route, or on a bridge the first address."
    )
    gw6: IPv6Address | None = key(
        None,
        "The decoys' IPv6 gateway, of `net6` or link-local; that of the default route, or on a bridge the first address.",
        example="fe80::1",
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
    mtu: int = key(
        1500, "MTU of the LAN in bytes; not more than the parent interface has.", minimum=576, maximum=65535
    )
    vlan: int | None = key(
        None, "VLAN on the parent interface: decoys stand on `INTERFACE.VLAN`.", minimum=1, maximum=4094
    )
    egress: tuple[str, ...] = key(
        ("deny",),
        "Connections decoys may open: `deny`, or `proto:cidr:port` items of tcp, udp or icmp.",
        example="udp:198.51.100.53:53",
    )
    log_target: str = key(
        "", "One syslog sink, as `target` of a `[sink-NAME]`; host:port is UDP.", example="198.51.100.7:514"
    )
    mutate_interval: Duration | None = key(None, "How often decoys draw anew.", example="30m")
    include: tuple[str, ...] = key((), "Further files, as globs relative to this one.", example="sites/*.ini")
    timezone: str = key("UTC", "Time zone of the hosts, as in the tz database.", example="Europe/Berlin")
    isolation: Isolation = key(Isolation.SHARED, "Many decoys a process, or one.")


@dataclass(frozen=True, slots=True)
class DecoyKeys:
    """``[NAME]``: a decoy, or a group of them."""

    ip: Range | None = key(None, "Address, or a range `a-b` for a group.", example="192.168.1.20")
    ip6: Range6 | None = key(
        None,
        "IPv6 address, or a range `a-b` for a group; found as a host does itself when not given.",
        example="2001:db8::20",
    )
    mac: str = key("", "MAC address, or the vendor whose prefix it has.", example="dell")
    services: tuple[str, ...] = key((), "Services it runs.", example="ssh, http")
    archetype: str = key("", "Preset of services, os, distros, vendor and host names.", example="web-server")
    distro: str = key("", "Linux distribution it claims to be.", example="debian")
    os: str = key("", "TCP/IP personality.", aliases=("nmap_os",), example="linux")
    amount: int | None = key(None, "Makes a group of that many: NAME-01, NAME-02 …", minimum=1, maximum=4096)
    hostname: str = key("", "Host name; Jinja, with `n` the number in the group.", example="WS-{{ n }}")
    lan: str = key("", "LAN it stands on.", aliases=("lans",))
    mutate_interval: Duration | None = key(None, "How often it draws anew.", example="30m")
    egress: tuple[str, ...] = key(
        (), "Connections it may open, in place of those of [general].", example="tcp:198.51.100.0/24:443"
    )
    runtime: Runtime | None = key(None, "What carries it.")
    isolation: Isolation | None = key(None, "Its own process, or a shared one.")
    uptime: Duration | None = key(
        None, "How long it has been up when it is first applied; drawn when not given.", example="35d"
    )
    protect: bool = key(False, "Refuse to replace or remove it.")
    renamed_from: str = key(
        "", "Name it had before: under the new one it keeps all that it is recognised by.", example="web-01"
    )
    randomize: tuple[str, ...] = key(
        (), "What to draw from the seed.", choices=("services", "distro", "hostname")
    )
    limits: tuple[Limit, ...] = key(
        (),
        "Bounds of its process (memory, cpu, pids) and services (connections, per_source, session_bytes,"
        " session_time, connection_rate, event_rate).",
        example="connections=200",
    )


@dataclass(frozen=True, slots=True)
class CustomKeys:
    """``[custom-NAME]``: a service of the user's own."""

    binary: str = key(
        "",
        "Image it runs in; without one, that of its decoy's distro, or under netns none: a program of the host.",
        example="registry.example/honey:1",
    )
    exec: str = key(
        "",
        "Command line, split as a shell does, in place of the image's own.",
        example="/usr/bin/served --port 8080",
    )
    ports: tuple[int, ...] = key(
        (), "Ports it listens on.", aliases=("port",), minimum=1, maximum=65535, example="8080"
    )
    env: tuple[str, ...] = key(
        (), "Environment, as NAME=value items.", secret=True, example="LEVEL=info, LANG=C"
    )
    volumes: tuple[str, ...] = key(
        (),
        "Files and folders of the host, as HOST:CONTAINER items, mounted to be read only.",
        example="/srv/honey/conf:/etc/honey",
    )
    protocol: str = key("tcp", "Transport.", choices=("tcp", "udp"))
    healthcheck: str = key(
        "",
        "Command run in it every ten seconds; when it fails three times, the service starts again.",
        example="/usr/bin/served --check",
    )
    memory: Size = key(Size(512 << 20), "Most memory it may take.", minimum=6 << 20)
    pids: int = key(256, "Most processes and threads it may have.", minimum=2, maximum=100_000)


@dataclass(frozen=True, slots=True)
class LanKeys:
    """``[lan-NAME]``: a further LAN."""

    driver: LanDriver | None = key(None, "How decoys are attached.")
    interface: str = key("", "Parent interface.")
    net: IPv4Network | None = key(None, "Subnet.")
    gw: IPv4Address | None = key(None, "Default gateway of its decoys.")
    net6: IPv6Network | None = key(None, "IPv6 subnet.")
    gw6: IPv6Address | None = key(None, "IPv6 gateway of its decoys.")
    mtu: int = key(1500, "MTU in bytes.", minimum=576, maximum=65535)
    vlan: int | None = key(None, "VLAN id on the parent interface.", minimum=1, maximum=4094)
    pool: tuple[Range, ...] = key((), "Addresses for decoys without `ip`.")


@dataclass(frozen=True, slots=True)
class SinkKeys:
    """``[sink-NAME]``: where events go."""

    type: str = key("file", "Kind of sink.", choices=("file", "syslog", "webhook", "nats", "stdout"))
    target: str = key(
        "",
        "Server. Syslog: `udp://host:port` (as host:port alone is), `tcp://`, `tls://`; webhook: a URL; NATS: `nats://host:port`, `tls://`.",
        example="tls://logs.example:6514",
    )
    format: Format = key(Format.NATIVE, "Shape of an event: that of the log, ECS, OCSF.")
    history: bool = key(True, "Send what the log holds already, too, when the sink is new.")
    facility: Facility = key(Facility.LOCAL0, "Syslog facility.")
    sd_id: str = key("decnet@32473", "Name of the structured data element.", example="decnet@32473")
    max_size: int | None = key(
        None,
        "Longest syslog message, or event sent, in bytes; longer ones are cut. Syslog: 2048 over UDP, 8192 over TCP and TLS; otherwise 65000.",
        minimum=480,
        maximum=65_000,
    )
    ca: Path | None = key(
        None,
        "Certificates (PEM) that the server's is verified with, in place of the host's own.",
        example="ca.pem",
    )
    verify: bool = key(True, "Verify the server's certificate and name.")
    cert: Path | None = key(None, "Certificate (PEM) to show to the server.", example="client.pem")
    path: str = key(
        "", "File to append to; its folder is the sink's own.", example="/var/log/decnet/office.jsonl"
    )
    rotate_size: Size = key(Size(64 << 20), "Size at which the file is put aside.", minimum=4096)
    rotate_age: Duration = key(Duration(7 * 86_400), "Age at which the file is put aside.", minimum=60)
    keep: int = key(10, "Files kept that were put aside.", minimum=1, maximum=1000)
    secret: Secret = key(
        Secret(""),
        "Key of the HMAC that a webhook's requests are signed with; base64 behind `whsec_`, or a text.",
        secret=True,
        example="${file:webhook.secret}",
    )
    authorization: Secret = key(
        Secret(""),
        "Value of the header `Authorization` of a webhook.",
        secret=True,
        example="Bearer ${env:HOOK_TOKEN}",
    )
    body: Body = key(Body.LINES, "How a webhook's request holds events: one a line, or a JSON array.")
    batch: int = key(256, "Most events of one request of a webhook.", minimum=1, maximum=256)
    timeout: Duration = key(
        Duration(10), "How long a webhook or NATS server has for an answer.", minimum=1, maximum=300
    )
    user: str = key("", "User of the NATS server.", example="decnet")
    password: Secret = key(Secret(""), "Its password.", secret=True, example="${file:nats.password}")
    token: Secret = key(
        Secret(""), "Token of the NATS server, in place of a user.", secret=True, example="${env:NATS_TOKEN}"
    )
    credentials: Path | None = key(
        None,
        "File of a NATS user in place of them: `.creds` (a JWT and its nkey), or the seed of an nkey alone.",
        example="bus.creds",
    )
    stream: str = key(
        "decnet",
        "JetStream stream that is made where none takes the subjects `decnet.>`; empty: none is looked for or made.",
    )
    key: Path | None = key(
        None,
        "Private key (PEM, without a passphrase) of `cert`; in that file when not given.",
        example="client.key",
    )


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
