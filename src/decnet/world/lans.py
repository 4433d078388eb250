"""LANs on the host: bridges of its own, or a macvlan beside the parent (the hairpin) to reach its own decoys.

An ipvlan LAN has nothing on the host: of a hairpin there, which shares the parent's MAC, the kernel would know the
host's address, and give it all that comes for the host from the wire.

A parent interface is only ever named, never set: not its state, its addresses, or its flags. An interface is ours when
name, group and alias say so (the alias comes a moment after the rest, so none is fine too).
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
from typing import NamedTuple

from decnet.spec.resources import Driver, Lan
from decnet.world import bridges, ipv6, messages, names, ownership, refusal, sysctls, vlans
from decnet.world.netlink import IFF_UP, LinkSeen, Socket


class Hairpin(NamedTuple):
    """The host's own interface on a LAN, and its addresses there (without prefix length, maybe empty)."""

    link: LinkSeen
    ip: str
    ip6: str

    def source(self, ip: str) -> str:
        """The host's address that speaks to this one."""
        return self.ip6 if ":" in ip else self.ip


def create(kernel: Socket, network: str, lan: Lan) -> None:
    """Make a LAN's interface, or bring the one that is there to these values."""
    name = names.lan_interface(network, lan.name)
    parent = _parent(kernel, network, lan)
    seen = _own(kernel, network, lan)
    wanted = lan.driver is Driver.BRIDGE or (
        lan.driver is Driver.MACVLAN and bool(lan.address or lan.address6)
    )
    if seen and (not wanted or seen.kind != lan.driver or (parent and seen.parent != parent.ifindex)):
        kernel.change(messages.delete_link(seen.ifindex))
        seen = None
    if not wanted:
        return
    if seen is None:
        kernel.change(_new(network, lan, name, parent))
        seen = kernel.link(name)
        if seen is None:
            raise refusal.no_interface(lan, name, kernel.links())
    _settle(kernel, network, lan, seen)
    if lan.driver is Driver.BRIDGE:
        bridges.create(kernel, network, lan, seen, _mac(network, lan, "02:00:00"))


def remove(kernel: Socket, network: str, lan: Lan) -> None:
    """Take a LAN's interfaces away, when they are there and ours."""
    if lan.driver is Driver.BRIDGE:
        bridges.remove(kernel, network, lan)
    seen = kernel.link(names.lan_interface(network, lan.name))
    if seen and ownership.lan_is_ours(seen, network, lan.name):
        kernel.change(messages.delete_link(seen.ifindex))
    if lan.vlan:
        vlans.remove(kernel, network, lan)


def hairpin(kernel: Socket, network: str, lan_name: str) -> Hairpin | None:
    """The host's own macvlan on a LAN, where there is one with an address."""
    seen = kernel.link(names.lan_interface(network, lan_name))
    if seen is None or seen.kind != Driver.MACVLAN or not ownership.lan_is_ours(seen, network, lan_name):
        return None
    present = [found for found in kernel.addresses(socket.AF_UNSPEC) if found.ifindex == seen.ifindex]
    ips = [found.address.partition("/")[0] for found in present if not found.address.startswith("fe80:")]
    ip, ip6 = (next((one for one in ips if (":" in one) is six), "") for six in (False, True))
    return Hairpin(seen, ip, ip6) if ips else None


def routes(behind: Hairpin, addresses: tuple[str, ...]) -> list[bytearray]:
    """Messages that route the host's packets to these addresses (with or without prefix length) by the hairpin."""
    ips = (address.partition("/")[0] for address in addresses if address)
    return [
        messages.host_route(behind.link.ifindex, ip, behind.source(ip)) for ip in ips if behind.source(ip)
    ]


def _own(kernel: Socket, network: str, lan: Lan) -> LinkSeen | None:
    seen = kernel.link(names.lan_interface(network, lan.name))
    if seen and not ownership.lan_is_ours(seen, network, lan.name):
        raise refusal.foreign(lan, seen)
    return seen


def _parent(kernel: Socket, network: str, lan: Lan) -> LinkSeen | None:
    if lan.driver is Driver.BRIDGE:
        return None
    if lan.vlan:
        return vlans.create(kernel, network, lan)
    parent = kernel.link(lan.interface)
    if parent is None:
        raise refusal.no_interface(lan, lan.interface, kernel.links())
    return parent


def _new(network: str, lan: Lan, name: str, parent: LinkSeen | None) -> bytearray:
    group = names.group(network)
    if parent is None:
        return messages.bridge(name, group=group, mac=_mac(network, lan, "02:00:00"))
    mac = _mac(network, lan, parent.mac[:8])
    return messages.macvlan(name, parent_index=parent.ifindex, mac=mac, mtu=lan.mtu, group=group, up=False)


def _mac(network: str, lan: Lan, vendor: str) -> str:
    """A lasting MAC for the host's side: a bridge without one takes that of some port, and changes with its ports."""
    return f"{vendor}:{hashlib.blake2b(f'{network}/{lan.name}'.encode(), digest_size=3).digest().hex(':')}"


def _settle(kernel: Socket, network: str, lan: Lan, seen: LinkSeen) -> None:
    """Alias, MTU, addresses, state: what can change while decoys are on it."""
    _switch_ipv6(seen, on=bool(lan.address6))
    todo = []
    alias = names.alias(network, "lan", lan.name)
    if seen.alias != alias:
        todo.append(messages.set_link(seen.ifindex, ("IFLA_IFALIAS", alias)))
    if seen.mtu != lan.mtu:
        todo.append(messages.set_link(seen.ifindex, ("IFLA_MTU", lan.mtu)))
    wanted, wanted6 = ownership.host_address(lan), ownership.host_address6(lan)
    present = [found.address for found in kernel.addresses(socket.AF_UNSPEC) if found.ifindex == seen.ifindex]
    todo += [
        messages.delete_address(seen.ifindex, address)
        for address in present
        if address not in (wanted, wanted6, ipv6.of_mac(seen.mac))
    ]
    if wanted and wanted not in present:
        todo.append(messages.add_address(seen.ifindex, wanted))
    if bool(seen.flags & IFF_UP) != lan.up:
        todo.append(messages.set_up(seen.ifindex, up=lan.up))
    if wanted6 and lan.up:  # a change of state may take it away
        add = messages.add_address if lan.driver is Driver.BRIDGE else messages.lend_address
        todo.append(add(seen.ifindex, wanted6))
    if todo:
        kernel.change(*todo)


def _switch_ipv6(seen: LinkSeen, *, on: bool) -> None:
    """The host speaks IPv6 on a LAN that has it, and never listens to routers there: it is the router."""
    keys = {"accept_ra": "0", "autoconf": "0"} if on else {}
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
        for key, value in {**keys, "disable_ipv6": str(int(not on))}.items():
            sysctls.write(f"net.ipv6.conf.{seen.name}.{key}", value)
