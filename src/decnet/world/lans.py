"""LANs on the host: a bridge of its own, or a macvlan beside the parent (the hairpin) to reach its own decoys.

A parent interface is only ever named, never set: not its state, its addresses, or its flags. An interface is ours when
name, group and alias say so (the alias comes a moment after the rest, so none is fine too).
"""

from __future__ import annotations

import contextlib
import hashlib

from decnet.spec.resources import Driver, Lan
from decnet.world import messages, names, namespaces, ownership, refusal
from decnet.world.netlink import IFF_UP, LinkSeen, Socket


def create(kernel: Socket, network: str, lan: Lan) -> None:
    """Make a LAN's interface, or bring the one that is there to these values."""
    name = names.lan_interface(network, lan.name)
    parent = _parent(kernel, lan)
    seen = _own(kernel, network, lan)
    wanted = lan.driver is Driver.BRIDGE or bool(lan.address)
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
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
        namespaces.write_sysctl(f"net.ipv6.conf.{name}.disable_ipv6", "1")
    _settle(kernel, network, lan, seen)


def remove(kernel: Socket, network: str, lan: Lan) -> None:
    """Take a LAN's interface away, when it is there and ours."""
    seen = kernel.link(names.lan_interface(network, lan.name))
    if seen and ownership.lan_is_ours(seen, network, lan.name):
        kernel.change(messages.delete_link(seen.ifindex))


def hairpin(kernel: Socket, network: str, lan_name: str) -> tuple[LinkSeen, str] | None:
    """The host's own macvlan on a LAN and its address (without prefix length), where there is one."""
    seen = kernel.link(names.lan_interface(network, lan_name))
    if seen is None or seen.kind != Driver.MACVLAN or not ownership.lan_is_ours(seen, network, lan_name):
        return None
    ips = [found.address.partition("/")[0] for found in kernel.addresses() if found.ifindex == seen.ifindex]
    return (seen, ips[0]) if ips else None


def _own(kernel: Socket, network: str, lan: Lan) -> LinkSeen | None:
    seen = kernel.link(names.lan_interface(network, lan.name))
    if seen and not ownership.lan_is_ours(seen, network, lan.name):
        raise refusal.foreign(lan, seen)
    return seen


def _parent(kernel: Socket, lan: Lan) -> LinkSeen | None:
    if lan.driver is Driver.BRIDGE:
        return None
    parent = kernel.link(lan.interface)
    if parent is None:
        raise refusal.no_interface(lan, lan.interface, kernel.links())
    return parent


def _new(network: str, lan: Lan, name: str, parent: LinkSeen | None) -> bytearray:
    group = names.group(network)
    if parent is None:
        return messages.bridge(name, group=group, mtu=lan.mtu, mac=_mac(network, lan, "02:00:00"))
    mac = _mac(network, lan, parent.mac[:8])
    return messages.macvlan(name, parent_index=parent.ifindex, mac=mac, mtu=lan.mtu, group=group, up=False)


def _mac(network: str, lan: Lan, vendor: str) -> str:
    """A lasting MAC for the host's side: a bridge without one takes that of some port, and changes with its ports."""
    return f"{vendor}:{hashlib.blake2b(f'{network}/{lan.name}'.encode(), digest_size=3).digest().hex(':')}"


def _settle(kernel: Socket, network: str, lan: Lan, seen: LinkSeen) -> None:
    """Alias, MTU, address, state: what can change while decoys are on it."""
    todo = []
    alias = names.alias(network, "lan", lan.name)
    if seen.alias != alias:
        todo.append(messages.set_link(seen.ifindex, ("IFLA_IFALIAS", alias)))
    if seen.mtu != lan.mtu:
        todo.append(messages.set_link(seen.ifindex, ("IFLA_MTU", lan.mtu)))
    wanted = ownership.host_address(lan)
    present = [found.address for found in kernel.addresses() if found.ifindex == seen.ifindex]
    todo += [messages.delete_address(seen.ifindex, address) for address in present if address != wanted]
    if wanted and wanted not in present:
        todo.append(messages.add_address(seen.ifindex, wanted))
    if bool(seen.flags & IFF_UP) != lan.up:
        todo.append(messages.set_up(seen.ifindex, up=lan.up))
    if todo:
        kernel.change(*todo)
