"""The network a file declares: checked values, every error at once."""

from decnet.spec.build import build, network_name
from decnet.spec.identity import Identity
from decnet.spec.machine import Held, Machine
from decnet.spec.model import Custom, Decoy, Isolation, Lan, LanDriver, Network, Runtime, Service, Sink

__all__ = [
    "Custom",
    "Decoy",
    "Held",
    "Identity",
    "Isolation",
    "Lan",
    "LanDriver",
    "Machine",
    "Network",
    "Runtime",
    "Service",
    "Sink",
    "build",
    "network_name",
]
