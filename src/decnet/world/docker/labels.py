"""Labels by which what is ours is found without the state."""

from __future__ import annotations

from typing import Any

NETWORK = "decnet.network"
LAN = "decnet.lan"
DECOY = "decnet.decoy"
CONTENT = "decnet.container"
"""Hash of what a container was made of: `Decoy.container`."""


def selector(network: str) -> str:
    """The filter for all of a network."""
    return f"{NETWORK}={network}"


def of(attrs: dict[str, Any]) -> dict[str, str]:
    """Labels of a container or a Docker network, as ``inspect`` shows it."""
    found = attrs.get("Labels") or attrs.get("Config", {}).get("Labels") or {}
    return dict(found)
