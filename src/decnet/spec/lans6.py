"""``net6`` and ``gw6`` of a LAN, checked."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network
from typing import NamedTuple

from decnet.spec.keys import General, LanKeys
from decnet.spec.machine import Machine
from decnet.spec.model import LanDriver
from decnet.spec.reading import Findings, Read

_SMALLEST = 126
"""Longest prefix with room for a gateway and a decoy."""
LEAST_MTU = 1280
"""RFC 8200, section 5: Linux takes IPv6 off an interface with less."""


class Six(NamedTuple):
    """The IPv6 part of a LAN: nothing, where the file gives no ``net6``."""

    subnet: IPv6Network | None = None
    gateway: IPv6Address | None = None
    host: IPv6Address | None = None


def six(
    read: Read[General] | Read[LanKeys], driver: LanDriver, parent: str, machine: Machine, findings: Findings
) -> Six:
    """Subnet, gateway and the host's own address. ``parent`` is the interface that the LAN stands on, if any."""
    keys = read.keys
    if keys.net6 is None:
        if keys.gw6 is not None:
            findings.error("bad-gateway", "gw6 without net6", read.at("gw6"), "write net6 = 2001:db8::/64")
        return Six()
    if not _is_fit(read, keys.net6, findings):
        return Six()
    gateway = _gateway(read, keys.net6, driver, parent, machine, findings)
    if driver is LanDriver.BRIDGE:
        return Six(keys.net6, gateway, gateway)
    if driver is LanDriver.IPVLAN:
        return Six(keys.net6, gateway, None)
    own = (address.ip for address in machine.interfaces6.get(parent, ()) if address.ip in keys.net6)
    return Six(keys.net6, gateway, next(own, None))


def _is_fit(read: Read[General] | Read[LanKeys], subnet: IPv6Network, findings: Findings) -> bool:
    span = read.at("net6")
    if subnet.prefixlen > _SMALLEST:
        findings.error("bad-subnet", f"{subnet} has no room for decoys", span, "use a /64")
        return False
    if subnet.is_multicast or subnet.is_link_local or subnet.is_loopback or subnet.is_unspecified:
        findings.error("bad-subnet", f"no host can have an address of {subnet}", span)
        return False
    if read.keys.mtu < LEAST_MTU:
        findings.error(
            "mtu-too-small",
            f"IPv6 needs an MTU of {LEAST_MTU} bytes, and the LAN has {read.keys.mtu}",
            read.at("mtu"),
            related=(span,),
        )
    return True


def _gateway(
    read: Read[General] | Read[LanKeys],
    subnet: IPv6Network,
    driver: LanDriver,
    parent: str,
    machine: Machine,
    findings: Findings,
) -> IPv6Address | None:
    """A router is as often named by its link-local address as by one of the subnet."""
    given = read.keys.gw6
    if given is not None:
        span = read.at("gw6")
        if given.scope_id:
            findings.error("bad-gateway", f"the gateway {given} names an interface (%…)", span)
        elif given == subnet.network_address:
            findings.error("bad-gateway", f"the gateway {given} is no host address of {subnet}", span)
        elif given not in subnet and not given.is_link_local:
            findings.error("address-outside-lan", f"the gateway {given} is outside {subnet}", span)
        return given
    if driver is LanDriver.BRIDGE:
        return subnet[1]
    found = machine.gateway6
    if found and parent == machine.default_interface6 and (found in subnet or found.is_link_local):
        return found
    return None
