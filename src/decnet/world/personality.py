"""Put a TCP/IP personality on a decoy's interface, inside its namespace. It outlives the process and goes with the link.

0.6 ms a decoy: one value for each of its addresses, two filters, and where the personality asks for it two routes.
"""

from __future__ import annotations

import errno
import functools
import socket

from decnet import stack
from decnet.errors import WorldError
from decnet.spec.resources import Stack
from decnet.world import bpf, filters, messages, sysctls
from decnet.world.netlink import DEFAULT, AddressSeen, LinkSeen, Socket

_SILENT = "8"
"""arp_ignore: answer for no address of this host."""


@functools.cache
def _programs() -> bpf.Programs:
    return bpf.Programs()


def hush(name: str) -> None:
    """Let nobody find an interface of this thread's namespace, until `put` has been there."""
    sysctls.write(f"net.ipv4.conf.{name}.arp_ignore", _SILENT)


def put(wanted: Stack, value: bytes | None, group: int) -> None:
    """Give the interface of this thread's namespace that belongs to ``group`` its personality, in place of any other.

    Where the machine cannot do it the decoy goes on with its sysctls, and `decnet.world.filters.obstacle` says why. Raises
    `WorldError` without a ``value``, `NetlinkError`.
    """
    with Socket() as kernel:
        link = next((seen for seen in kernel.links() if seen.group == group), None)
        if link is None:
            return  # a namespace without a link answers nobody
        if wanted.personality:
            if value is None:
                raise WorldError(f"{wanted.id}: no personality given")
            _attach(kernel, link, int(wanted.personality, 16), value)
        _bound(kernel, link, wanted.window)
    sysctls.write(f"net.ipv4.conf.{link.name}.arp_ignore", "0")


def drop(gone: Stack, group: int) -> None:
    """Take the values of this thread's namespace out of the map; the filters go with the link."""
    if not gone.personality or filters.obstacle():
        return
    with Socket() as kernel:
        ours = {seen.ifindex for seen in kernel.links() if seen.group == group}
        addresses = [one for one in kernel.addresses(socket.AF_UNSPEC) if one.ifindex in ours]
    loaded = _programs().loaded()
    for one in addresses:
        loaded.drop(_key(int(gone.personality, 16), one))


def _attach(kernel: Socket, link: LinkSeen, class_id: int, value: bytes) -> None:
    if filters.obstacle():
        return
    loaded = _programs().loaded()
    for one in kernel.addresses(socket.AF_UNSPEC):
        if one.ifindex == link.ifindex:
            loaded.put(_key(class_id, one), value)
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


def _key(class_id: int, seen: AddressSeen) -> bytes:
    return stack.key(class_id, seen.address.partition("/")[0])


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
