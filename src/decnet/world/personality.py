"""Put a TCP/IP personality on a decoy's interface, inside its namespace. It outlives the process and goes with the link.

One value for each of its addresses, two filters, and where the personality asks for it two routes. Where the kernel
takes no programs, a table of rules in place of the filters.
"""

from __future__ import annotations

import errno
import functools
import socket
from collections.abc import Iterable

from decnet import stack
from decnet.errors import WorldError
from decnet.spec.resources import Stack
from decnet.world import bpf, filters, messages, rewriting
from decnet.world.netlink import DEFAULT, LinkSeen, Socket


@functools.cache
def _programs() -> bpf.Programs:
    return bpf.Programs()


def put(wanted: Stack, value: bytes | None, group: int, addresses: Iterable[str] = ()) -> None:
    """Give the interface of this thread's namespace that belongs to ``group`` its personality, in place of any other.

    ``addresses`` are those it will have, beside those it has. On an interface that is down it takes 1 ms, on one that is
    up eight: the kernel waits until no packet is on its way (dev_deactivate). Where the machine takes no programs, and
    `decnet.world.filters.obstacle` says why, rules of nftables do what of it they can. Raises `WorldError` without a
    ``value``, `NetlinkError`, OSError.
    """
    with Socket() as kernel:
        link = next((seen for seen in kernel.links() if seen.group == group), None)
        if link is None:
            return  # a namespace without a link answers nobody
        if not wanted.personality:
            return
        if value is None:
            raise WorldError(f"{wanted.id}: no personality given")
        if filters.obstacle():
            _rewrite(wanted, stack.begun(value, f"{link.mac} {wanted.decoy}"))
            return
        own = [one.address for one in kernel.addresses(socket.AF_UNSPEC) if one.ifindex == link.ifindex]
        class_id = int(wanted.personality, 16)
        loaded = _programs().loaded()
        for address in {*own, *addresses}:
            loaded.put(_key(class_id, address), stack.begun(value, f"{link.mac} {address}"))
        _attach(kernel, link, loaded, class_id)
    rewriting.drop()


def bound(wanted: Stack, group: int) -> None:
    """Bring the IPv4 routes of that interface to the window that it is to have."""
    with Socket() as kernel:
        link = next((seen for seen in kernel.links() if seen.group == group), None)
        if link is not None:
            _bound(kernel, link, wanted.window)


def drop(gone: Stack, group: int) -> None:
    """Take the values of this thread's namespace out of the map; the filters go with the link, rules with the namespace."""
    if not gone.personality or filters.obstacle():
        return
    with Socket() as kernel:
        ours = {seen.ifindex for seen in kernel.links() if seen.group == group}
        addresses = [one.address for one in kernel.addresses(socket.AF_UNSPEC) if one.ifindex in ours]
    loaded = _programs().loaded()
    for one in addresses:
        loaded.drop(_key(int(gone.personality, 16), one))


def _rewrite(wanted: Stack, value: bytes) -> None:
    lacking = rewriting.unable()
    if lacking is not None:
        rewriting.put(value, wanted.personality, lacking)


def _attach(kernel: Socket, link: LinkSeen, loaded: bpf.Loaded, class_id: int) -> None:
    version = stack.shipped().version
    descriptors = {"inbound": loaded.inbound, "outbound": loaded.outbound}
    made = [
        messages.program_filter(
            link.ifindex, end, descriptors[name], bpf.program_name(name, version), class_id
        )
        for name, end in filters.ENDS
    ]
    first, *others = kernel.attempt(messages.clsact(link.ifindex), *made)
    if first and first.errno != errno.EEXIST:
        raise first
    for error in filter(None, others):
        raise error


def _key(class_id: int, address: str) -> bytes:
    return stack.key(class_id, address.partition("/")[0])


def _bound(kernel: Socket, link: LinkSeen, window: int) -> None:
    """Bring the windows of the interface's IPv4 routes to a value."""
    own = [route for route in kernel.routes() if route.ifindex == link.ifindex and route.window != window]
    gateways = [route.gateway for route in own if route.destination == DEFAULT and route.gateway]
    todo = [messages.default_route(link.ifindex, gateway, window) for gateway in gateways]
    if any(route.destination != DEFAULT for route in own):
        todo += [
            messages.subnet_route(link.ifindex, one.address, window)
            for one in kernel.addresses()
            if one.ifindex == link.ifindex
        ]
    if todo:
        kernel.change(*todo)
