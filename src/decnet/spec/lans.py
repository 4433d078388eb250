"""``[general]`` and ``[lan-NAME]`` to LANs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network

from decnet.ini import items
from decnet.spec.addresses import BENCHMARK, free_subnet
from decnet.spec.keys import General, LanKeys
from decnet.spec.lans6 import six
from decnet.spec.machine import Held, Machine
from decnet.spec.model import Lan, LanDriver
from decnet.spec.reading import Findings, Read

DEFAULT_LAN = "default"
_SMALLEST = 30
"""Longest prefix with room for a gateway and a decoy."""
_NAME_LIMIT = 15
"""Characters of an interface name (IFNAMSIZ less the final zero)."""


def lan(
    name: str,
    read: Read[General] | Read[LanKeys],
    machine: Machine,
    held: Held,
    findings: Findings,
    declared: Sequence[IPv4Network] = (),
) -> Lan | None:
    """The LAN that a section declares, or None when a problem stands in the way.

    ``declared`` are the subnets of the network's other LANs, which a drawn one keeps clear of.
    """
    keys = read.keys
    driver = keys.driver or (LanDriver.MACVLAN if keys.interface else LanDriver.BRIDGE)
    interface = _interface(read, driver, machine, findings)
    if interface is None:
        return None
    parent = f"{interface}.{keys.vlan}" if keys.vlan else interface
    if keys.vlan and len(parent) > _NAME_LIMIT:
        findings.error(
            "interface-name",
            f'"{parent}" is longer than the {_NAME_LIMIT} characters that an interface name has',
            read.at("vlan"),
            "make the VLAN interface under a shorter name, and give that as interface",
        )
        return None
    subnet = _subnet(name, read, parent, machine, held, findings, declared)
    if subnet is None:
        return None
    _check_pool(read, subnet, findings)
    gateway = _gateway(read, subnet, driver, parent, machine, findings)
    own = machine.interfaces.get(parent)
    host = own.ip if own and own.ip in subnet else (gateway if driver is LanDriver.BRIDGE else None)
    host = None if driver is LanDriver.IPVLAN else host  # it does not reach its own decoys there
    most = machine.mtus.get(parent) or machine.mtus.get(interface)
    mtu = _mtu(read, interface, most, findings)
    subnet6, gateway6, host6 = six(read, driver, parent, machine, findings)
    return Lan(
        name=name,
        driver=driver,
        interface=interface,
        subnet=subnet,
        gateway=gateway,
        host=host,
        mtu=mtu,
        span=read.span,
        spans=read.spans,
        vlan=keys.vlan or 0,
        subnet6=subnet6,
        gateway6=gateway6,
        host6=host6,
    )


def check_overlaps(further: Lan, read: Read[LanKeys], others: Iterable[Lan], findings: Findings) -> None:
    """Say with which other LANs of the network one shares addresses."""
    for other in others:
        pairs = (("net", further.subnet, other.subnet), ("net6", further.subnet6, other.subnet6))
        for key, mine, theirs in pairs:
            if mine and theirs and mine.overlaps(theirs):
                message = f"{mine} overlaps {theirs} of LAN {other.name}"
                findings.error("lan-overlap", message, read.at(key), related=(other.span,))


def _interface(
    read: Read[General] | Read[LanKeys], driver: LanDriver, machine: Machine, findings: Findings
) -> str | None:
    """The parent interface, empty on a bridge; None when what is said of it is wrong."""
    keys = read.keys
    if driver is LanDriver.BRIDGE:
        if not (keys.interface or keys.vlan):
            return ""
        key = "interface" if keys.interface else "vlan"
        findings.error(
            "driver-conflict",
            f"a bridge LAN is isolated inside the host and has no {'interface' if keys.interface else 'VLAN'}",
            read.at(key),
            f"remove the {key}, or write driver = macvlan",
        )
        return None
    if keys.interface or machine.default_interface:
        return keys.interface or machine.default_interface
    findings.error(
        "no-interface",
        "no interface given, and the host has no default route",
        read.span,
        "write interface = eth0",
    )
    return None


def _mtu(read: Read[General] | Read[LanKeys], interface: str, most: int | None, findings: Findings) -> int:
    """The LAN's MTU; where the file says none, not more than the parent has (``most``, if it is known)."""
    mtu = read.keys.mtu
    if most is None or mtu <= most:
        return mtu
    if "mtu" not in read.given:
        return most
    findings.error(
        "mtu-over-parent",
        f"an MTU of {mtu} bytes is more than the {most} of {interface}",
        read.at("mtu"),
        f"raise that of {interface} first: ip link set {interface} mtu {mtu}",
    )
    return mtu


def _subnet(
    name: str,
    read: Read[General] | Read[LanKeys],
    interface: str,
    machine: Machine,
    held: Held,
    findings: Findings,
    declared: Sequence[IPv4Network],
) -> IPv4Network | None:
    given = read.keys.net
    if given is not None:
        if given.prefixlen > _SMALLEST:
            findings.error(
                "bad-subnet", f"{given} has no room for decoys", read.at("net"), "use a /30 or larger"
            )
            return None
        if given.is_multicast or given.is_loopback or given.is_unspecified:
            findings.error("bad-subnet", f"no host can have an address of {given}", read.at("net"))
            return None
        return given
    if not interface:
        found = held.subnets.get(name) or free_subnet((*machine.subnets, *declared))
        if found is None:
            findings.error(
                "no-subnet",
                f"every /24 of {BENCHMARK} is in use on this host",
                read.span,
                "write net = 192.168.1.0/24",
            )
        return found
    own = machine.interfaces.get(interface)
    if own is None:
        findings.error(
            "no-subnet",
            f'interface "{interface}" has no IPv4 address to take the subnet from',
            read.at("interface"),
            "write net = 192.168.1.0/24",
        )
        return None
    return own.network


def _check_pool(read: Read[General] | Read[LanKeys], subnet: IPv4Network, findings: Findings) -> None:
    found = read.given.get("pool")
    words = items(found.text) if found else ()
    for one, word in zip(read.keys.pool, words, strict=False):
        if one.first not in subnet or one.last not in subnet:
            findings.error("address-outside-lan", f"the pool {one} is outside {subnet}", word.span)


def _gateway(
    read: Read[General] | Read[LanKeys],
    subnet: IPv4Network,
    driver: LanDriver,
    interface: str,
    machine: Machine,
    findings: Findings,
) -> IPv4Address | None:
    given = read.keys.gw
    if given is not None:
        if given not in subnet:
            findings.error("address-outside-lan", f"the gateway {given} is outside {subnet}", read.at("gw"))
        elif given in (subnet.network_address, subnet.broadcast_address):
            findings.error(
                "bad-gateway", f"the gateway {given} is no host address of {subnet}", read.at("gw")
            )
        return given
    if driver is LanDriver.BRIDGE:
        return subnet[1]
    if machine.gateway and interface == machine.default_interface and machine.gateway in subnet:
        return machine.gateway
    return None
