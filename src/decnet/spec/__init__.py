"""The network a file declares: checked values, every error at once.

The values are here; `decnet.spec.build` makes them of a file. That needs schema and profiles, 5 MB that a supervisor, which
lives for months and only knows the values, does without.
"""

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
]
