"""The network a file declares: checked values, every error at once."""

from decnet.spec.identity import Identity
from decnet.spec.model import Decoy, Lan, LanDriver, Network, Runtime, Service

__all__ = ["Decoy", "Identity", "Lan", "LanDriver", "Network", "Runtime", "Service"]
