"""A decoy's links: a veth pair to a bridge, or a macvlan or ipvlan on a parent, made straight in its namespace.

Three messages to the host's kernel at most, then one batch from a thread inside the namespace: 1.5 ms a link.
"""

from __future__ import annotations

import dataclasses
import errno
import socket
import time
from collections.abc import Callable

from decnet.spec.resources import Driver, Link
from decnet.world import bridges, ipv6, lans, messages, names, namespaces, refusal
from decnet.world.netlink import LinkSeen, NetlinkError, Socket

_DYING_SECONDS = 2.0
"""A namespace whose name is gone keeps its macvlans, and their MACs, until the kernel's workqueue gets to it."""


def loopback_up() -> None:
    """Set ``lo`` up, inside a namespace."""
    with Socket() as kernel:
        kernel.change(messages.set_up(1, up=True))


def create(kernel: Socket, network: str, link: Link, *, hold: bool = False) -> bool:
    """Make a link, or bring the one that is there to these values.

    With ``hold`` a fresh one stays down and without addresses, or off the LAN, until `release`; whether it does is
    returned.
    """
    parent = kernel.link(link.parent)
    if parent is None:
        raise refusal.no_interface(link, link.parent, kernel.links())
    if link.driver is Driver.BRIDGE and parent.group != names.group(network):
        raise refusal.foreign(link, parent)
    with namespaces.opened(network, link.decoy) as fd:
        if link.docker and link.driver is Driver.BRIDGE:
            held = _take_over(kernel, network, link, fd, hold=hold)
        else:
            held = _bring(kernel, network, link, parent, fd, hold=hold)
    if link.driver is not Driver.BRIDGE and (behind := lans.hairpin(kernel, network, link.lan)):
        routes = lans.routes(behind, (link.address, link.address6))
        if routes:
            kernel.change(*routes)
    return held


def release(kernel: Socket, link: Link) -> None:
    """Bring a link that was held to its values, inside its namespace; ``kernel`` is the host's."""
    if link.docker and link.driver is Driver.BRIDGE:
        _plug(kernel, link)
        _configure(link, fresh=False)
    else:
        _configure(link, fresh=True)


def addresses(link: Link) -> tuple[str, ...]:
    """What a link has: its own, and the link-local one that comes with IPv6."""
    return (link.address, *ipv6.own(link))


def remove(kernel: Socket, network: str, link: Link) -> None:
    """Take a link away, when it is there and ours."""
    forget(kernel, network, link)
    peer = kernel.link(names.peer_interface(network, link.decoy, link.name))
    if peer and peer.group == names.group(network):
        _delete(kernel, peer)
    if namespaces.exists(network, link.decoy):
        with namespaces.opened(network, link.decoy) as fd:
            namespaces.inside(fd, lambda: _delete_inside(link.name, names.group(network)))


def forget(kernel: Socket, network: str, link: Link) -> None:
    """Take the host's routes to a link away."""
    if behind := lans.hairpin(kernel, network, link.lan):
        ips = (address.partition("/")[0] for address in (link.address, link.address6) if address)
        kernel.attempt(*(messages.delete_host_route(behind.link.ifindex, ip) for ip in ips))


def delete_group(group: int) -> None:
    """Delete every link of a group in this thread's namespace, in one message."""
    with Socket() as kernel:
        (error,) = kernel.attempt(messages.delete_group(group))
    if error and error.errno != errno.ENODEV:  # ENODEV: the group is empty
        raise error


def _make(kernel: Socket, network: str, link: Link, parent: LinkSeen, fd: int) -> bool:
    """See that the link is there; whether it is a new one."""
    try:
        _add(kernel, network, link, parent, fd)
    except NetlinkError as error:
        if error.errno != errno.EEXIST:
            raise
        if _keep(kernel, network, link, parent, fd):
            return False
        _add(kernel, network, link, parent, fd)
    return True


def _bring(kernel: Socket, network: str, link: Link, parent: LinkSeen, fd: int, *, hold: bool) -> bool:
    """Have a link of our own making; whether it is held."""
    if link.docker:
        namespaces.inside(fd, lambda: _clear(link.name, names.group(network)))
    made = dataclasses.replace(link, up=link.up and not hold)
    fresh = _make(kernel, network, made, parent, fd)
    held = hold and fresh
    if not held:
        namespaces.inside(fd, lambda: _configure(link, fresh=fresh))
    if link.driver is Driver.BRIDGE:
        bridges.quiet(names.peer_interface(network, link.decoy, link.name))
    return held


def _clear(name: str, group: int) -> None:
    """Take the link away that an engine gave a container when it started it: it leads to where nobody is. 20 ms."""
    with Socket() as kernel:
        seen = kernel.link(name)
        if seen and seen.group != group:
            _delete(kernel, seen)


def _take_over(kernel: Socket, network: str, link: Link, fd: int, *, hold: bool) -> bool:
    """Make the veth pair that an engine made ours, and plug it in unless it is held; whether it is.

    Another in its place would take 20 ms more. The host's end, which the engine plugged into the bridge of its Docker
    network, goes over to the LAN's.
    """
    group = names.group(network)

    def mark() -> LinkSeen:
        with Socket() as inner:
            seen = _engines(inner, link)
            if seen.group != group:
                inner.change(messages.set_link(seen.ifindex, ("IFLA_GROUP", group)))
            return seen

    peer = socket.if_indextoname(namespaces.inside(fd, mark).parent)
    outer, parent = kernel.link(peer), kernel.link(link.parent)
    held = hold and outer is not None and parent is not None and outer.master != parent.ifindex
    bridges.quiet(peer)
    if not held:
        namespaces.inside(fd, lambda: release(kernel, link))
    return held


def _engines(inner: Socket, link: Link) -> LinkSeen:
    seen = inner.link(link.name)
    if seen is None:
        raise NetlinkError(errno.ENODEV, f"the engine made no {link.name}")
    return seen


def _plug(kernel: Socket, link: Link) -> None:
    """Plug the host's end of a container's link into the LAN, from inside the namespace. 1 ms."""
    with Socket() as inner:
        index = _engines(inner, link).parent
    parent = kernel.link(link.parent)
    if parent is None:
        raise refusal.no_interface(link, link.parent, kernel.links())
    kernel.change(messages.set_link(index, ("IFLA_MASTER", parent.ifindex), ("IFLA_MTU", link.mtu)))


def _add(kernel: Socket, network: str, link: Link, parent: LinkSeen, fd: int) -> None:
    group = names.group(network)
    if link.driver is Driver.BRIDGE:
        peer = names.peer_interface(network, link.decoy, link.name)
        kernel.change(
            messages.veth(
                peer,
                bridge_index=parent.ifindex,
                name=link.name,
                namespace_fd=fd,
                mac=link.mac,
                mtu=link.mtu,
                group=group,
            )
        )
        return
    if link.driver is Driver.IPVLAN:
        kernel.change(
            messages.ipvlan(
                link.name,
                parent_index=parent.ifindex,
                mtu=link.mtu,
                group=group,
                up=link.up,
                namespace_fd=fd,
            )
        )
        return
    _patiently(
        kernel,
        lambda: messages.macvlan(
            link.name,
            parent_index=parent.ifindex,
            mac=link.mac,
            mtu=link.mtu,
            group=group,
            up=link.up,
            namespace_fd=fd,
        ),
    )


def _patiently(kernel: Socket, message: Callable[[], bytearray]) -> None:
    """Ask for what a link that is being freed may still have: a MAC on a macvlan's parent, an address on an ipvlan's."""
    deadline = time.monotonic() + _DYING_SECONDS
    while True:
        (error,) = kernel.attempt(message())
        if error is None:
            return
        if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
            raise error
        time.sleep(0.02)


def _keep(kernel: Socket, network: str, link: Link, parent: LinkSeen, fd: int) -> bool:
    """Whether the link that is there can stay; deletes what is there of it when it cannot."""
    group = names.group(network)
    inner = namespaces.inside(fd, lambda: _look(link.name))
    if inner and inner.group != group:
        raise refusal.foreign(link, inner)
    same = inner is not None and link.mac in ("", inner.mac)
    if link.driver is not Driver.BRIDGE:
        if same and inner and inner.kind == link.driver and inner.parent == parent.ifindex:
            return True
    else:
        peer = kernel.link(names.peer_interface(network, link.decoy, link.name))
        if peer and peer.group != group:
            raise refusal.foreign(link, peer)
        if same and peer and inner and inner.kind == "veth" and inner.parent == peer.ifindex:
            kernel.change(
                messages.set_link(peer.ifindex, ("IFLA_MASTER", parent.ifindex), ("IFLA_MTU", link.mtu)),
                messages.set_up(peer.ifindex, up=True),
            )
            return True
        if peer:
            _delete(kernel, peer)
    namespaces.inside(fd, lambda: _delete_inside(link.name, group))
    return False


def _look(name: str) -> LinkSeen | None:
    with Socket() as kernel:
        return kernel.link(name)


def _delete(kernel: Socket, seen: LinkSeen) -> None:
    (error,) = kernel.attempt(messages.delete_link(seen.ifindex))
    if error and error.errno != errno.ENODEV:
        raise error


def _delete_inside(name: str, group: int) -> None:
    with Socket() as kernel:
        seen = kernel.link(name)
        if seen and seen.group == group:
            _delete(kernel, seen)


def _configure(link: Link, *, fresh: bool) -> None:
    """State, MTU, addresses and default routes, inside the namespace. A fresh link has its MTU and nothing else."""
    with Socket() as kernel:
        seen = kernel.link(link.name)
        if seen is None:
            raise NetlinkError(errno.ENODEV, f"{link.name} vanished")
        todo = []
        wanted = addresses(link)
        present = []
        if not fresh:
            present = [one for one in kernel.addresses(socket.AF_UNSPEC) if one.ifindex == seen.ifindex]
            if seen.mtu != link.mtu:
                todo.append(messages.set_link(seen.ifindex, ("IFLA_MTU", link.mtu)))
            todo += [
                messages.delete_address(seen.ifindex, found.address)
                for found in present
                if found.address not in wanted
            ]
        if link.address6:
            ipv6.switch_on(link.name)
        todo.append(messages.set_up(seen.ifindex, up=link.up))
        if link.driver is Driver.IPVLAN:
            kernel.change(*todo)
            _patiently(kernel, lambda: messages.add_address(seen.ifindex, link.address))
            todo = []
        else:
            todo.append(messages.add_address(seen.ifindex, link.address))
        if link.up:
            todo += ipv6.bring(seen.ifindex, link, present)
        if todo:
            kernel.change(*todo)
        _route(kernel, seen.ifindex, link, fresh=fresh)


def _route(kernel: Socket, index: int, link: Link, *, fresh: bool) -> None:
    for gateway, family in ((link.gateway, socket.AF_INET), (link.gateway6, socket.AF_INET6)):
        if gateway and link.up:
            kernel.change(messages.default_route(index, gateway))
        elif not fresh:
            kernel.attempt(messages.delete_default_route(index, family))
