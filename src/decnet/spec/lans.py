"""``[general]`` and ``[lan-NAME]`` to LANs."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

from decnet.ini import items
from decnet.spec.addresses import BENCHMARK, free_subnet
from decnet.spec.keys import General, LanKeys
from decnet.spec.machine import Held, Machine
from decnet.spec.model import Lan, LanDriver
from decnet.spec.reading import Findings, Read

DEFAULT_LAN = "default"
_SMALLEST = 30
"""Longest prefix with room for a gateway and a decoy."""


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
    if driver is LanDriver.IPVLAN:
        findings.error(
            "unsupported",
            "this version has no driver ipvlan",
            read.at("driver"),
            "use macvlan, or an isolated bridge",
        )
        return None
    if driver is LanDriver.BRIDGE and keys.interface:
        findings.error(
            "driver-conflict",
            "a bridge LAN is isolated inside the host and has no interface",
            read.at("interface"),
            "remove the interface, or write driver = macvlan",
        )
        return None
    interface = (keys.interface or machine.default_interface) if driver is LanDriver.MACVLAN else ""
    if driver is LanDriver.MACVLAN and not interface:
        findings.error(
            "no-interface",
            "no interface given, and the host has no default route",
            read.span,
            "write interface = eth0",
        )
        return None
    subnet = _subnet(name, read, interface, machine, held, findings, declared)
    if subnet is None:
        return None
    _check_pool(read, subnet, findings)
    gateway = _gateway(read, subnet, driver, interface, machine, findings)
    own = machine.interfaces.get(interface)
    host = own.ip if own and own.ip in subnet else (gateway if driver is LanDriver.BRIDGE else None)
    return Lan(name, driver, interface, subnet, gateway, host, keys.mtu, read.span, read.spans)


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
