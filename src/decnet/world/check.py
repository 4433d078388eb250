"""What this process and this kernel must have, asked before anything is touched."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

from decnet.errors import MissingCapability
from decnet.spec.resources import Driver, Lan, Link, Resource
from decnet.world import namespaces
from decnet.world.netlink import NetlinkError, Socket

_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
"""Bits of capabilities(7)."""


def check(resources: Iterable[Resource]) -> None:
    """Raise `MissingCapability` that names everything these resources need and that is not there."""
    needed = tuple(resources)
    if not needed:
        return
    missing = missing_capabilities(Path("/proc/self/status").read_text())
    if missing:
        raise MissingCapability(
            f"this needs {' and '.join(missing)}", hint="run as root: sudo decnet apply …"
        )
    kinds = missing_kinds(needed)
    if kinds:
        raise MissingCapability(
            f"the kernel has no {' and no '.join(kinds)} interfaces",
            hint=f"load what is missing: sudo modprobe {' '.join(kinds)}",
        )


def missing_capabilities(status: str) -> list[str]:
    """Which of the capabilities needed are not effective, by a /proc/PID/status."""
    (line,) = (line for line in status.splitlines() if line.startswith("CapEff:"))
    effective = int(line.split()[1], 16)
    return [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]


def missing_kinds(resources: Iterable[Resource]) -> list[str]:
    """Kinds of interface that these need and that the kernel cannot make, tried in a namespace that goes at once."""
    drivers = {resource.driver for resource in resources if isinstance(resource, Lan | Link)}
    kinds = []
    if Driver.BRIDGE in drivers:
        kinds += ["bridge", "veth"]
    if Driver.MACVLAN in drivers:
        kinds += ["macvlan"]
    return namespaces.in_new(lambda: [kind for kind in kinds if not _has(kind)]) if kinds else []


def _has(kind: str) -> bool:
    """The kernel looks for the kind, and for its module, before it looks at what else is wrong with the message."""
    from decnet.world import messages  # noqa: PLC0415 (loads pyroute2)

    with Socket() as kernel:
        (error,) = kernel.attempt(messages.probe(kind))
    return not _is_unknown(error)


def _is_unknown(error: NetlinkError | None) -> bool:
    return error is not None and error.errno == errno.EOPNOTSUPP
