"""A decoy's links: a veth pair to a bridge, or a macvlan on a parent, made straight in the decoy's namespace.

Three messages to the host's kernel at most, then one batch from a thread inside the namespace: 1.5 ms a link.
"""

from __future__ import annotations

import contextlib
import errno
import time

from decnet.spec.resources import Driver, Link
from decnet.world import lans, messages, names, namespaces, refusal
from decnet.world.netlink import LinkSeen, NetlinkError, Socket

_DYING_SECONDS = 2.0
"""A namespace whose name is gone keeps its macvlans, and their MACs, until the kernel's workqueue gets to it."""


def loopback_up() -> None:
    """Set ``lo`` up, inside a namespace."""
    with Socket() as kernel:
        kernel.change(messages.set_up(1, up=True))


def create(kernel: Socket, network: str, link: Link) -> None:
    """Make a link, or bring the one that is there to these values."""
    parent = kernel.link(link.parent)
    if parent is None:
        raise refusal.no_interface(link, link.parent, kernel.links())
    if link.driver is Driver.BRIDGE and parent.group != names.group(network):
        raise refusal.foreign(link, parent)
    with namespaces.opened(network, link.decoy) as fd:
        try:
            _add(kernel, network, link, parent, fd)
            fresh = True
        except NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise
            fresh = not _keep(kernel, network, link, parent, fd)
            if fresh:
                _add(kernel, network, link, parent, fd)
        namespaces.inside(fd, lambda: _configure(link, fresh=fresh))
    if link.driver is Driver.BRIDGE:
        _silence(names.peer_interface(network, link.decoy, link.name))
    elif behind := lans.hairpin(kernel, network, link.lan):
        kernel.change(messages.host_route(behind[0].ifindex, _ip(link), behind[1]))


def remove(kernel: Socket, network: str, link: Link) -> None:
    """Take a link away, when it is there and ours."""
    if behind := lans.hairpin(kernel, network, link.lan):
        kernel.attempt(messages.delete_host_route(behind[0].ifindex, _ip(link)))
    peer = kernel.link(names.peer_interface(network, link.decoy, link.name))
    if peer and peer.group == names.group(network):
        _delete(kernel, peer)
    if namespaces.exists(network, link.decoy):
        with namespaces.opened(network, link.decoy) as fd:
            namespaces.inside(fd, lambda: _delete_inside(link.name, names.group(network)))


def delete_group(group: int) -> None:
    """Delete every link of a group in this thread's namespace, in one message."""
    with Socket() as kernel:
        (error,) = kernel.attempt(messages.delete_group(group))
    if error and error.errno != errno.ENODEV:  # ENODEV: the group is empty
        raise error


def _ip(link: Link) -> str:
    return link.address.partition("/")[0]


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
    deadline = time.monotonic() + _DYING_SECONDS
    while True:
        message = messages.macvlan(
            link.name,
            parent_index=parent.ifindex,
            mac=link.mac,
            mtu=link.mtu,
            group=group,
            up=link.up,
            namespace_fd=fd,
        )
        (error,) = kernel.attempt(message)
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
    same = inner is not None and inner.mac == link.mac
    if link.driver is Driver.MACVLAN:
        if same and inner and inner.kind == Driver.MACVLAN and inner.parent == parent.ifindex:
            return True
    else:
        peer = kernel.link(names.peer_interface(network, link.decoy, link.name))
        if peer and peer.group != group:
            raise refusal.foreign(link, peer)
        if same and peer and inner and inner.kind == "veth" and inner.parent == peer.ifindex:
            kernel.change(
                messages.set_link(peer.ifindex, ("IFLA_MASTER", parent.ifindex)),
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
    """State, MTU, address and default route, inside the namespace. A fresh link has its MTU and nothing else."""
    with Socket() as kernel:
        seen = kernel.link(link.name)
        if seen is None:
            raise NetlinkError(errno.ENODEV, f"{link.name} vanished")
        todo = []
        if not fresh:
            if seen.mtu != link.mtu:
                todo.append(messages.set_link(seen.ifindex, ("IFLA_MTU", link.mtu)))
            todo += [
                messages.delete_address(seen.ifindex, found.address)
                for found in kernel.addresses()
                if found.ifindex == seen.ifindex and found.address != link.address
            ]
        todo += [messages.set_up(seen.ifindex, up=link.up), messages.add_address(seen.ifindex, link.address)]
        kernel.change(*todo)
        if link.gateway and link.up:
            kernel.change(messages.default_route(seen.ifindex, link.gateway))
        elif not fresh:
            kernel.attempt(messages.delete_default_route(seen.ifindex))


def _silence(peer: str) -> None:
    """Keep the host's end from announcing itself over IPv6 to the decoy (and from a thousand timers doing so)."""
    with contextlib.suppress(FileNotFoundError):
        namespaces.write_sysctl(f"net.ipv6.conf.{peer}.disable_ipv6", "1")
