"""What is ours on the host, and what of it is told by looking: name and group first, alias where there is one."""

from __future__ import annotations

from collections.abc import Mapping

from decnet.spec.resources import Driver, Lan
from decnet.world import names
from decnet.world.netlink import IFF_UP, LinkSeen


def lan_is_ours(seen: LinkSeen, network: str, lan_name: str) -> bool:
    """Whether an interface that has the LAN's name is the LAN's; its alias comes a moment after the rest."""
    return seen.group == names.group(network) and seen.alias in ("", names.alias(network, "lan", lan_name))


def bridge_is_ours(seen: LinkSeen, network: str, lan_name: str, number: int) -> bool:
    """Whether an interface that has the name of a LAN's further bridge is it."""
    alias = names.alias(network, "bridge", lan_name, str(number))
    return seen.group == names.group(network) and seen.alias in ("", alias)


def bridges(network: str, lan: str, by_name: Mapping[str, LinkSeen]) -> int:
    """How many bridges are this LAN; one that is down or cut off from the first does not count."""
    hub = by_name[names.lan_interface(network, lan)]
    found = 1
    for number in range(1, names.MOST_BRIDGES):
        seen = by_name.get(names.bridge(network, lan, number))
        if seen and bridge_is_ours(seen, network, lan, number):
            near, far = (by_name.get(end) for end in names.trunk(network, lan, number))
            joined = near and far and (near.master, far.master) == (hub.ifindex, seen.ifindex)
            found += bool(joined and all(one and one.flags & IFF_UP for one in (seen, near, far)))
    return found


def host_address(lan: Lan) -> str:
    """The address as the interface gets it.

    A hairpin's covers itself only: the subnet stays the parent's, and decoys are routed one by one.
    """
    return lan.address if lan.driver is Driver.BRIDGE else _alone(lan.address, 32)


def host_address6(lan: Lan) -> str:
    """The IPv6 address as the interface gets it, by the same rule."""
    return lan.address6 if lan.driver is Driver.BRIDGE else _alone(lan.address6, 128)


def _alone(address: str, bits: int) -> str:
    return f"{address.partition('/')[0]}/{bits}" if address else ""
