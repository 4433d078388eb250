"""What the kernel refuses, in words: which thing, why, and what to do."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from decnet.errors import WorldError
from decnet.spec.resources import Driver, Lan, Link, Resource
from decnet.world.netlink import LinkSeen

_HINTS = {
    errno.EPERM: "run as root: sudo decnet …",
    errno.EACCES: "run as root: sudo decnet …",
    errno.EEXIST: "something of that name is in the way; look with: ip -d link",
    errno.ERANGE: "interface names hold 15 characters",
    errno.EROFS: "/proc/sys is read-only here: a container needs --privileged for this",
    errno.EMFILE: "raise the limit of open files: ulimit -n 65536",
    errno.ENFILE: "the machine is out of open files: sysctl fs.file-max",
    errno.ENOSPC: "raise the limits of namespaces and mounts: sysctl user.max_net_namespaces fs.mount-max",
    errno.ENOMEM: "the machine is out of memory",
    errno.EOPNOTSUPP: "the kernel lacks this kind of interface: modprobe bridge veth macvlan ipvlan 8021q",
    errno.EXFULL: "a bridge takes 1,023 ports, and others have some of this one's: unplug them, or use another LAN",
}


def refused(resource: Resource, error: OSError) -> WorldError:
    """The error for a person: what was asked for, the kernel's words, a hint."""
    words = error.strerror or os.strerror(error.errno or 0)
    number = error.errno or 0
    hint = _HINTS.get(number, "")
    if isinstance(resource, Link):
        if number == errno.EADDRINUSE and resource.driver is Driver.IPVLAN:
            words = f"another ipvlan on {resource.parent} has the address {resource.address} or {resource.address6}"
            hint = "give the decoy another ip, or remove the other interface"
        elif number == errno.EADDRINUSE:
            words = f"another interface on {resource.parent} has the MAC address {resource.mac}"
            hint = "give the decoy another mac, or remove the other interface"
        elif number in (errno.EINVAL, errno.ERANGE) and resource.mtu:
            hint = f"the MTU of a link ({resource.mtu}) cannot be larger than that of {resource.parent}"
        elif number == errno.EBUSY:
            words, hint = _busy(resource.parent, resource.driver, words)
    elif isinstance(resource, Lan) and number == errno.EBUSY:
        words, hint = _busy(resource.parent, resource.driver, words)
    return WorldError(f"{resource.id}: {words}", hint=hint)


def _busy(parent: str, driver: Driver, words: str) -> tuple[str, str]:
    other = "a macvlan" if driver is Driver.IPVLAN else "an ipvlan"
    return (
        f"{parent} is in use in a way that excludes {driver} ({words})",
        f"a bridge port or {other} parent cannot carry {driver}s: use the bridge itself as interface",
    )


@contextlib.contextmanager
def explained(resource: Resource) -> Iterator[None]:
    """Turn what the kernel refuses inside into a `WorldError` that names ``resource``."""
    try:
        yield
    except OSError as error:
        raise refused(resource, error) from error


def no_interface(resource: Resource, name: str, present: list[LinkSeen]) -> WorldError:
    """The parent that a resource names is not there."""
    others = ", ".join(sorted(link.name for link in present if link.name != "lo" and not link.kind)) or "none"
    return WorldError(
        f"{resource.id}: there is no interface {name!r}", hint=f"interfaces of this machine: {others}"
    )


def not_that_vlan(lan: Lan, seen: LinkSeen) -> WorldError:
    """An interface has the name of a VLAN and is none of that parent."""
    return WorldError(
        f"{lan.id}: {describe(seen)} is not VLAN {lan.vlan} of {lan.interface}",
        hint=f"look at it (ip -d link show {seen.name}); rename it, or give it as interface without vlan",
    )


def foreign(resource: Resource, seen: LinkSeen) -> WorldError:
    """An interface of somebody else has the name that ours would get."""
    return WorldError(
        f"{resource.id}: {describe(seen)} is in the way and not ours",
        hint=f"look at it (ip -d link show {seen.name}), and remove it or rename the network",
    )


def describe(seen: LinkSeen) -> str:
    return f"interface {seen.name} (kind {seen.kind or 'unknown'}, group {seen.group}, alias {seen.alias or 'none'})"
