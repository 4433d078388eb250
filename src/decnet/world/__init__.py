"""The only code that touches the machine."""

from decnet.spec.resources import (
    Custom,
    Decoy,
    Driver,
    Id,
    Kind,
    Lan,
    Link,
    Policy,
    Resource,
    Service,
    Sink,
    Stack,
    bundle_of,
    policies,
)
from decnet.world.api import Observed, World

__all__ = [
    "Custom",
    "Decoy",
    "Driver",
    "Id",
    "Kind",
    "Lan",
    "Link",
    "Observed",
    "Policy",
    "Resource",
    "Service",
    "Sink",
    "Stack",
    "World",
    "bundle_of",
    "policies",
]
