"""What is ours on the host, and what of it is told by looking: name and group first, alias where there is one."""

from __future__ import annotations

from decnet.spec.resources import Driver, Lan
from decnet.world import names
from decnet.world.netlink import LinkSeen


def lan_is_ours(seen: LinkSeen, network: str, lan_name: str) -> bool:
    """Whether an interface that has the LAN's name is the LAN's; its alias comes a moment after the rest."""
    return seen.group == names.group(network) and seen.alias in ("", names.alias(network, "lan", lan_name))


def host_address(lan: Lan) -> str:
    """The address as the interface gets it.

    A hairpin's covers itself only: the subnet stays the parent's, and decoys are routed one by one.
    """
    if lan.driver is Driver.MACVLAN and lan.address:
        return lan.address.partition("/")[0] + "/32"
    return lan.address
