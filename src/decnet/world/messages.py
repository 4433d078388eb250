"""What we tell the kernel to change, as encoded rtnetlink messages: one function a sentence.

Encoded by pyroute2, whose import costs 0.15 s whatever part is asked for: import this module only to act.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_interface
from typing import Any

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.tcmsg import tcmsg  # type: ignore[import-untyped]

RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR, RTM_NEWROUTE, RTM_DELROUTE = 16, 17, 20, 21, 24, 25
RTM_NEWQDISC, RTM_NEWTFILTER, RTM_DELTFILTER = 36, 44, 45
_REPLACE, _EXCLUDE, _CREATE = 0x100, 0x200, 0x400
_UP = 0x1
_SCOPE_LINK = 253
_NODAD = 0x02
_IPVLAN_L2 = 0
_PROTO_KERNEL, _PROTO_STATIC = 2, 4
_NOPREFIXROUTE = 0x200

_HOST_PREFIX: dict[int, int] = {socket.AF_INET: 32, socket.AF_INET6: 128}

Attributes = Sequence[tuple[str, Any]]


def _encode(message: Any, kind: int, flags: int, attributes: Attributes, /, **fields: int) -> bytearray:
    for name, value in fields.items():
        message[name] = value
    message["attrs"] = list(attributes)
    message["header"]["type"] = kind
    message["header"]["flags"] = flags
    message.encode()
    return bytearray(message.data)


def _new_link(attributes: Attributes, *, kind: str, data: Attributes, up: bool) -> bytearray:
    info = {"attrs": [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", {"attrs": list(data)})]}
    return _encode(
        ifinfmsg(),
        RTM_NEWLINK,
        _CREATE | _EXCLUDE,
        [*attributes, ("IFLA_LINKINFO", info)],
        flags=_UP * up,
        change=_UP,
    )


def bridge(name: str, *, group: int, mac: str) -> bytearray:
    """A bridge, down: no spanning tree and so no forwarding delay, no multicast snooping.

    Snooping would send queries of its own, and let neighbour discovery of IPv6, which is multicast, pass only to who
    reported in time. The MTU is set afterwards: one that is given here follows that of the ports.
    """
    return _new_link(
        [("IFLA_IFNAME", name), ("IFLA_GROUP", group), ("IFLA_ADDRESS", mac)],
        kind="bridge",
        data=[("IFLA_BR_STP_STATE", 0), ("IFLA_BR_FORWARD_DELAY", 0), ("IFLA_BR_MCAST_SNOOPING", 0)],
        up=False,
    )


def veth(
    peer_name: str, *, bridge_index: int, name: str, namespace_fd: int, mac: str, mtu: int, group: int
) -> bytearray:
    """A pair: the host's end ``peer_name`` on the bridge and up, ``name`` straight in the namespace and down.

    The kernel sets the inner end up before it knows its peer, and refuses (ENOTCONN): that takes a message of its own.
    Each end has one queue; left to itself the kernel makes one for every processor, which takes 5 KB each.
    """
    queues = (("IFLA_NUM_TX_QUEUES", 1), ("IFLA_NUM_RX_QUEUES", 1))
    inner: dict[str, Any] = {
        "attrs": [
            ("IFLA_IFNAME", name),
            ("IFLA_GROUP", group),
            ("IFLA_MTU", mtu),
            ("IFLA_ADDRESS", mac),
            ("IFLA_NET_NS_FD", namespace_fd),
            *queues,
        ],
    }
    return _new_link(
        [
            ("IFLA_IFNAME", peer_name),
            ("IFLA_GROUP", group),
            ("IFLA_MTU", mtu),
            ("IFLA_MASTER", bridge_index),
            *queues,
        ],
        kind="veth",
        data=[("VETH_INFO_PEER", inner)],
        up=True,
    )


def trunk(name: str, *, bridge_index: int, other: str, mtu: int, group: int) -> bytearray:
    """A pair between two bridges: ``name`` on one of them and up, ``other`` beside it and down."""
    far: dict[str, Any] = {"attrs": [("IFLA_IFNAME", other), ("IFLA_GROUP", group), ("IFLA_MTU", mtu)]}
    return _new_link(
        [("IFLA_IFNAME", name), ("IFLA_GROUP", group), ("IFLA_MTU", mtu), ("IFLA_MASTER", bridge_index)],
        kind="veth",
        data=[("VETH_INFO_PEER", far)],
        up=True,
    )


def vlan(name: str, *, parent_index: int, tag: int, group: int) -> bytearray:
    """An 802.1Q interface on a parent, up, with the parent's MAC and MTU."""
    return _new_link(
        [("IFLA_IFNAME", name), ("IFLA_GROUP", group), ("IFLA_LINK", parent_index)],
        kind="vlan",
        data=[("IFLA_VLAN_ID", tag)],
        up=True,
    )


def ipvlan(name: str, *, parent_index: int, mtu: int, group: int, up: bool, namespace_fd: int) -> bytearray:
    """An ipvlan in mode L2 on a parent, with its MAC, straight in a namespace."""
    attributes: list[tuple[str, Any]] = [
        ("IFLA_IFNAME", name),
        ("IFLA_GROUP", group),
        ("IFLA_MTU", mtu),
        ("IFLA_LINK", parent_index),
        ("IFLA_NET_NS_FD", namespace_fd),
    ]
    return _new_link(attributes, kind="ipvlan", data=[("IFLA_IPVLAN_MODE", _IPVLAN_L2)], up=up)


def macvlan(
    name: str, *, parent_index: int, mac: str, mtu: int, group: int, up: bool, namespace_fd: int | None = None
) -> bytearray:
    """A macvlan in bridge mode on a parent, here or straight in a namespace."""
    attributes: list[tuple[str, Any]] = [
        ("IFLA_IFNAME", name),
        ("IFLA_GROUP", group),
        ("IFLA_MTU", mtu),
        ("IFLA_ADDRESS", mac),
        ("IFLA_LINK", parent_index),
    ]
    if namespace_fd is not None:
        attributes.append(("IFLA_NET_NS_FD", namespace_fd))
    return _new_link(attributes, kind="macvlan", data=[("IFLA_MACVLAN_MODE", "bridge")], up=up)


def set_link(index: int, *attributes: tuple[str, Any]) -> bytearray:
    """Change attributes of an interface, but not its state."""
    return _encode(ifinfmsg(), RTM_NEWLINK, 0, attributes, index=index)


def set_up(index: int, *, up: bool) -> bytearray:
    return _encode(ifinfmsg(), RTM_NEWLINK, 0, (), index=index, flags=_UP * up, change=_UP)


def delete_link(index: int) -> bytearray:
    return _encode(ifinfmsg(), RTM_DELLINK, 0, (), index=index)


def delete_group(group: int) -> bytearray:
    """Every interface of a group in one go: one grace period of the kernel for all of them."""
    return _encode(ifinfmsg(), RTM_DELLINK, 0, [("IFLA_GROUP", group)])


def _address(kind: int, flags: int, index: int, address: str, options: int = 0) -> bytearray:
    ip, _, prefix = address.partition("/")
    family = _family(ip)
    attributes: list[tuple[str, Any]] = [("IFA_LOCAL", ip), ("IFA_ADDRESS", ip)]
    if options:
        attributes.append(("IFA_FLAGS", options))
    elif family == socket.AF_INET and int(prefix) < 31:
        host_bits = (1 << (32 - int(prefix))) - 1
        last = int.from_bytes(socket.inet_aton(ip), "big") | host_bits
        attributes.append(("IFA_BROADCAST", socket.inet_ntoa(last.to_bytes(4, "big"))))
    return _encode(ifaddrmsg(), kind, flags, attributes, family=family, prefixlen=int(prefix), index=index)


def _family(ip: str) -> int:
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def add_address(index: int, address: str) -> bytearray:
    """``address`` with prefix length; there already is fine.

    An IPv6 address is used when nobody else answers for it (RFC 4862, section 5.4), as on any host.
    """
    return _address(RTM_NEWADDR, _CREATE | _REPLACE, index, address)


def lend_address(index: int, address: str) -> bytearray:
    """An address that another interface of this machine has too: nobody is asked for it, and no route made."""
    options = _NOPREFIXROUTE | (_NODAD if ":" in address else 0)
    return _address(RTM_NEWADDR, _CREATE | _REPLACE, index, address, options)


def delete_address(index: int, address: str) -> bytearray:
    return _address(RTM_DELADDR, 0, index, address)


def _route(
    kind: int, flags: int, attributes: Attributes, *, family: int, prefix: int, scope: int
) -> bytearray:
    fields = {"family": family, "dst_len": prefix, "table": 254, "type": 1}
    return _encode(rtmsg(), kind, flags, attributes, proto=_PROTO_STATIC, scope=scope, **fields)


def default_route(index: int, gateway: str, window: int = 0) -> bytearray:
    """The default route, in place of the one that is there. ``window`` bounds those of connections (RTAX_WINDOW)."""
    attributes = [("RTA_GATEWAY", gateway), ("RTA_OIF", index), *_metrics(window)]
    return _route(RTM_NEWROUTE, _CREATE | _REPLACE, attributes, family=_family(gateway), prefix=0, scope=0)


def subnet_route(index: int, address: str, window: int) -> bytearray:
    """The route to an interface's own subnet, in place of the one that the kernel made with its IPv4 ``address``."""
    interface = ip_interface(address)
    attributes = [("RTA_DST", str(interface.network.network_address)), ("RTA_OIF", index)]
    attributes += [("RTA_PREFSRC", str(interface.ip)), *_metrics(window)]
    fields = {"family": socket.AF_INET, "dst_len": interface.network.prefixlen, "table": 254, "type": 1}
    return _encode(
        rtmsg(),
        RTM_NEWROUTE,
        _CREATE | _REPLACE,
        attributes,
        proto=_PROTO_KERNEL,
        scope=_SCOPE_LINK,
        **fields,
    )


def _metrics(window: int) -> list[tuple[str, Any]]:
    return [("RTA_METRICS", {"attrs": [("RTAX_WINDOW", window)]})] if window else []


def delete_default_route(index: int, family: int = socket.AF_INET) -> bytearray:
    return _route(RTM_DELROUTE, 0, [("RTA_OIF", index)], family=family, prefix=0, scope=255)


def host_route(index: int, ip: str, source: str) -> bytearray:
    """One address straight behind an interface, spoken to from ``source``."""
    attributes = [("RTA_DST", ip), ("RTA_OIF", index), ("RTA_PREFSRC", source)]
    family = _family(ip)
    prefix = _HOST_PREFIX[family]
    return _route(
        RTM_NEWROUTE, _CREATE | _REPLACE, attributes, family=family, prefix=prefix, scope=_SCOPE_LINK
    )


def delete_host_route(index: int, ip: str) -> bytearray:
    family = _family(ip)
    attributes = [("RTA_DST", ip), ("RTA_OIF", index)]
    return _route(RTM_DELROUTE, 0, attributes, family=family, prefix=_HOST_PREFIX[family], scope=255)


_CLSACT = 0xFFFF_FFF1
_FILTER = 1
"""Handle and priority of ours."""
_ALL_PROTOCOLS = socket.htons(3)
_DIRECT_ACTION = 1


def clsact(index: int) -> bytearray:
    """The queueing discipline that does nothing but hold filters; there already is an error (EEXIST)."""
    fields = {"index": index, "handle": 0xFFFF_0000, "parent": _CLSACT}
    return _encode(tcmsg(), RTM_NEWQDISC, _CREATE | _EXCLUDE, [("TCA_KIND", "clsact")], **fields)


def program_filter(index: int, end: int, fd: int, name: str, class_id: int) -> bytearray:
    """A program on one end of clsact, in place of the one that is there: no packet sees none of them."""
    options = [
        ("TCA_BPF_FD", fd),
        ("TCA_BPF_NAME", name),
        ("TCA_BPF_FLAGS", _DIRECT_ACTION),
        ("TCA_BPF_CLASSID", class_id),
    ]
    attributes = [("TCA_KIND", "bpf"), ("TCA_OPTIONS", {"attrs": options})]
    return _filter(RTM_NEWTFILTER, _CREATE | _REPLACE, index, end, attributes)


def delete_program_filter(index: int, end: int) -> bytearray:
    return _filter(RTM_DELTFILTER, 0, index, end, [("TCA_KIND", "bpf")])


def _filter(kind: int, flags: int, index: int, end: int, attributes: Attributes) -> bytearray:
    info = _FILTER << 16 | _ALL_PROTOCOLS
    return _encode(tcmsg(), kind, flags, attributes, index=index, handle=_FILTER, parent=end, info=info)
