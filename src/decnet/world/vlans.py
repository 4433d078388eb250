"""A LAN's VLAN: ``eth0.42`` on ``eth0``, made when it is not there, and taken away when nobody uses it any more.

One that was there before is used as it is. Ours has the network's group; what uses it is asked of the kernel, because
other networks, and other people, may stand on it too.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from decnet.spec.resources import Lan
from decnet.world import messages, names, namespaces, refusal
from decnet.world.netlink import IFF_UP, LinkSeen, Socket

KIND = "vlan"


def create(kernel: Socket, network: str, lan: Lan) -> LinkSeen:
    """The VLAN interface of a LAN, made unless it is there. Raises `WorldError`: no parent, or another in its place."""
    base = kernel.link(lan.interface)
    if base is None:
        raise refusal.no_interface(lan, lan.interface, kernel.links())
    seen = kernel.link(lan.parent)
    if seen is None:
        group = names.group(network)
        kernel.change(messages.vlan(lan.parent, parent_index=base.ifindex, tag=lan.vlan, group=group))
        seen = kernel.link(lan.parent)
        if seen is None:
            raise refusal.no_interface(lan, lan.parent, kernel.links())
    if seen.kind != KIND or seen.parent != base.ifindex:
        raise refusal.not_that_vlan(lan, seen)
    if is_ours(seen, network):
        alias = names.alias(network, KIND, lan.parent)
        if seen.alias != alias:
            kernel.change(messages.set_link(seen.ifindex, ("IFLA_IFALIAS", alias)))
        if not seen.flags & IFF_UP:
            kernel.change(messages.set_up(seen.ifindex, up=True))
    return seen


def remove(kernel: Socket, network: str, lan: Lan) -> None:
    """Take the VLAN interface of a LAN away, when it is ours and nothing stands on it."""
    seen = kernel.link(lan.parent)
    if seen and is_ours(seen, network) and not _is_used(kernel, seen):
        kernel.change(messages.delete_link(seen.ifindex))


def disown_used(kernel: Socket, network: str, ours: AbstractSet[tuple[int, str]]) -> None:
    """Before everything of the network goes: leave VLAN interfaces that others stand on to them.

    ``ours`` are parent and MAC of the links that go with the network.
    """
    for seen in kernel.links():
        if is_ours(seen, network) and _is_used(kernel, seen, ours, but=network):
            kernel.change(
                messages.set_link(seen.ifindex, ("IFLA_GROUP", 0)),
                messages.set_link(seen.ifindex, ("IFLA_IFALIAS", "")),
            )


def is_ours(seen: LinkSeen, network: str) -> bool:
    """Whether a VLAN interface was made by this network; its alias comes a moment after the rest."""
    alias = names.alias(network, KIND, seen.name)
    return seen.kind == KIND and seen.group == names.group(network) and seen.alias in ("", alias)


def _is_used(
    kernel: Socket, vlan: LinkSeen, ours: AbstractSet[tuple[int, str]] = frozenset(), but: str = ""
) -> bool:
    """Whether anything stands on it: here, in a namespace of ours, or elsewhere by the MAC it listens to.

    Links of the network ``but`` do not count.
    """
    group = names.group(but) if but else None
    if any(_stands_on(seen, vlan) and seen.group != group for seen in kernel.links()):
        return True
    heard = {(index, mac) for index, mac in kernel.listens_to() if index == vlan.ifindex}
    if any(not int(mac[:2], 16) & 1 for index, mac in heard - ours if mac):
        return True
    return any(_stands_on(seen, vlan) and seen.group != group for seen in _links_of_decoys())


def _stands_on(seen: LinkSeen, vlan: LinkSeen) -> bool:
    """The index of a veth's peer is one of another namespace, and may be the same number."""
    return seen.parent == vlan.ifindex and seen.kind != "veth"


def _links_of_decoys() -> list[LinkSeen]:
    """Links in the namespaces of all networks: an ipvlan has no MAC that its parent could be asked for."""

    def walk() -> list[LinkSeen]:
        found: list[LinkSeen] = []
        for fd in namespaces.every():
            namespaces.enter(fd)
            with Socket() as kernel:
                found += kernel.links()
        return found

    return namespaces.in_thread(walk)
