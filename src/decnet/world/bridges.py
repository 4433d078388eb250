"""A LAN of several bridges: one takes 1,023 ports. They are joined to the first by a veth pair each, as a star.

No loop can be in it, so there is no need of a spanning tree; the bridges learn across the pairs as switches do.
"""

from __future__ import annotations

import contextlib

from decnet.spec.resources import Lan
from decnet.world import messages, names, ownership, refusal, sysctls
from decnet.world.netlink import IFF_UP, LinkSeen, Socket


def create(kernel: Socket, network: str, lan: Lan, hub: LinkSeen, mac: str) -> None:
    """Make the further bridges of a LAN and their trunks, and take away those that it has no more."""
    for number in range(1, max(names.MOST_BRIDGES, lan.bridges)):
        if number < lan.bridges:
            _spoke(kernel, network, lan, number, hub, mac)
        else:
            _remove(kernel, network, lan, number)


def remove(kernel: Socket, network: str, lan: Lan) -> None:
    """Take every further bridge of a LAN away."""
    for number in range(1, max(names.MOST_BRIDGES, lan.bridges)):
        _remove(kernel, network, lan, number)


def _spoke(kernel: Socket, network: str, lan: Lan, number: int, hub: LinkSeen, mac: str) -> None:
    name = names.bridge(network, lan.name, number)
    seen = kernel.link(name)
    if seen and not ownership.bridge_is_ours(seen, network, lan.name, number):
        raise refusal.foreign(lan, seen)
    if seen is None:
        own = f"{mac[:-2]}{int(mac[-2:], 16) ^ number:02x}"
        kernel.change(messages.bridge(name, group=names.group(network), mac=own))
        seen = _there(kernel, lan, name)
        quiet(name)
    todo = [messages.set_link(seen.ifindex, ("IFLA_MTU", lan.mtu))] if seen.mtu != lan.mtu else []
    alias = names.alias(network, "bridge", lan.name, str(number))
    if seen.alias != alias:
        todo.append(messages.set_link(seen.ifindex, ("IFLA_IFALIAS", alias)))
    if not seen.flags & IFF_UP:
        todo.append(messages.set_up(seen.ifindex, up=True))
    if todo:
        kernel.change(*todo)
    _trunk(kernel, network, lan, number, hub, seen)


def _trunk(kernel: Socket, network: str, lan: Lan, number: int, hub: LinkSeen, spoke: LinkSeen) -> None:
    group = names.group(network)
    near, far = names.trunk(network, lan.name, number)
    for end in (near, far):
        other = kernel.link(end)
        if other and other.group != group:
            raise refusal.foreign(lan, other)
    if kernel.link(near) is None:
        message = messages.trunk(near, bridge_index=hub.ifindex, other=far, mtu=lan.mtu, group=group)
        kernel.change(message)
        for end in (near, far):
            quiet(end)
    for end, bridge in ((near, hub), (far, spoke)):
        seen = _there(kernel, lan, end)
        todo = [messages.set_link(seen.ifindex, ("IFLA_MTU", lan.mtu))] if seen.mtu != lan.mtu else []
        if seen.master != bridge.ifindex:
            todo.append(messages.set_link(seen.ifindex, ("IFLA_MASTER", bridge.ifindex)))
        if not seen.flags & IFF_UP:
            todo.append(messages.set_up(seen.ifindex, up=True))
        if todo:
            kernel.change(*todo)


def _remove(kernel: Socket, network: str, lan: Lan, number: int) -> None:
    near, _ = names.trunk(network, lan.name, number)
    trunk = kernel.link(near)
    if trunk and trunk.group == names.group(network):
        kernel.change(messages.delete_link(trunk.ifindex))
    seen = kernel.link(names.bridge(network, lan.name, number))
    if seen and ownership.bridge_is_ours(seen, network, lan.name, number):
        kernel.change(messages.delete_link(seen.ifindex))


def _there(kernel: Socket, lan: Lan, name: str) -> LinkSeen:
    seen = kernel.link(name)
    if seen is None:
        raise refusal.no_interface(lan, name, kernel.links())
    return seen


def quiet(name: str) -> None:
    """Switch IPv6 off on an interface of the host's: it would announce itself to the LAN."""
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
        sysctls.write(f"net.ipv6.conf.{name}.disable_ipv6", "1")
