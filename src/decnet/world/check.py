"""What this process and this kernel must have, asked before anything is touched."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

from decnet.decoy import seccomp
from decnet.errors import MissingCapability
from decnet.spec.resources import Custom, Decoy, Driver, Lan, Link, Resource, Service
from decnet.world import bounds, firewall, namespaces
from decnet.world.netlink import NetlinkError, Socket, probe

_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
"""Bits of capabilities(7)."""
_MODULES = {"vlan": "8021q"}
"""Kind of interface → the kernel module that makes it, where it has another name."""


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
            hint=f"load what is missing: sudo modprobe {' '.join(_MODULES.get(kind, kind) for kind in kinds)}",
        )
    if any(isinstance(resource, Decoy) for resource in needed) and not firewall.is_possible():
        raise MissingCapability(
            "the kernel has no nf_tables of family inet, and no decoy is made that nothing contains",
            hint="load it: sudo modprobe nf_tables; a kernel of your own needs CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET",
        )
    if any(isinstance(resource, Service | Custom) for resource in needed):
        seccomp.library()
    _check_bounds(tuple(resource for resource in needed if isinstance(resource, Service)))


def _check_bounds(services: tuple[Service, ...]) -> None:
    """What bounds decoy processes. Raises `MissingCapability`."""
    lacking = sorted({name for asked in {one.bounds for one in services} for name in bounds.missing(asked)})
    if lacking:
        raise MissingCapability(
            f"no cgroup that can be written to has the controller {' or '.join(lacking)}",
            hint=f"leave {' and '.join(lacking)} out of limits, or mount it: mount -t cgroup2 none /sys/fs/cgroup",
        )


def missing_capabilities(status: str) -> list[str]:
    """Which of the capabilities needed are not effective, by a /proc/PID/status."""
    (line,) = (line for line in status.splitlines() if line.startswith("CapEff:"))
    effective = int(line.split()[1], 16)
    return [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]


def missing_kinds(resources: Iterable[Resource]) -> list[str]:
    """Kinds of interface that these need and that the kernel cannot make, tried in a namespace that goes at once."""
    needed = tuple(resources)
    drivers = {resource.driver for resource in needed if isinstance(resource, Lan | Link)}
    kinds = []
    if Driver.BRIDGE in drivers:
        kinds += ["bridge", "veth"]
    kinds += [driver.value for driver in (Driver.MACVLAN, Driver.IPVLAN) if driver in drivers]
    if any(isinstance(resource, Lan) and resource.vlan for resource in needed):
        kinds.append("vlan")
    return namespaces.in_new(lambda: [kind for kind in kinds if not _has(kind)]) if kinds else []


def _has(kind: str) -> bool:
    """The kernel looks for the kind, and for its module, before it looks at what else is wrong with the message."""
    with Socket() as kernel:
        (error,) = kernel.attempt(probe(kind))
    return not _is_unknown(error)


def _is_unknown(error: NetlinkError | None) -> bool:
    return error is not None and error.errno == errno.EOPNOTSUPP
