"""Names of our things on the machine: functions of the network's and the decoy's name, and nothing else.

Interface names hold 15 characters and alphanumerics, so they carry digests; namespaces carry the names themselves,
with a separator that no decnet name can contain.
"""

from __future__ import annotations

import hashlib

PREFIX = "decnet"
SEPARATOR = ":"
MOST_BRIDGES = 20
"""That a LAN is made of at a time: 16,384 decoys, the most that a file declares, take 17."""
_GROUP_BASE = 0x64_00_00_00
"""Interface groups of ours lie in this block of 2**24 (the kernel's groups are 32 bits, 0 is the default)."""


def _digest(*words: str, size: int) -> str:
    return hashlib.blake2b("\0".join(words).encode(), digest_size=size).hexdigest()


def group(network: str) -> int:
    """The interface group of every link of a network."""
    return _GROUP_BASE | int(_digest(network, size=3), 16)


def namespace(network: str, decoy: str) -> str:
    """Name of a decoy's namespace below /run/netns."""
    return SEPARATOR.join((PREFIX, network, decoy))


def decoy_of(network: str, namespace_name: str) -> str | None:
    """The decoy whose namespace has this name, or None when it is not one of this network's."""
    head = namespace(network, "")
    return namespace_name.removeprefix(head) if namespace_name.startswith(head) else None


def lan_interface(network: str, lan: str) -> str:
    """The LAN's interface on the host: the (first) bridge, or the host-side macvlan."""
    return "dl" + _digest(network, lan, size=6)


def bridge(network: str, lan: str, number: int) -> str:
    """One of the bridges that together are a LAN; number 0 is the LAN's interface itself."""
    return "dl" + _digest(network, lan, str(number), size=6) if number else lan_interface(network, lan)


def trunk(network: str, lan: str, number: int) -> tuple[str, str]:
    """The veth pair that joins bridge ``number`` to bridge 0: the end on bridge 0, the end on the other."""
    digest = _digest(network, lan, str(number), size=6)
    return "dt" + digest, "du" + digest


def peer_interface(network: str, decoy: str, link: str) -> str:
    """The host's end of a decoy's veth pair."""
    return "dn" + _digest(network, decoy, link, size=6)


def alias(network: str, *words: str) -> str:
    """The interface alias that says whose it is: ``decnet:office:lan:default``."""
    return SEPARATOR.join((PREFIX, network, *words))


def uid(network: str, *words: str) -> int:
    """The user and group id that a network's decoy processes run as: unnamed, in the range kept for such users.

    With a decoy and a custom service that of its program, in its sandbox. 61184–65519 is what systemd hands to dynamic
    users (systemd.exec(5), DynamicUser=).
    """
    return 61184 + int(_digest(network, *words, size=4), 16) % (65519 - 61184)
