"""What the kernel says is read, and what we say is what pyroute2 reads back."""

import errno
import os
import struct

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from decnet.world import messages, netlink


def body(message: bytearray) -> bytes:
    return bytes(message[16:])


def test_a_link_is_read_as_pyroute2_wrote_it():
    message = ifinfmsg()
    message["index"], message["flags"] = 7, netlink.IFF_UP | netlink.IFF_LOWER_UP
    message["attrs"] = [
        ("IFLA_IFNAME", "dl0123456789ab"),
        ("IFLA_GROUP", 0x64000001),
        ("IFLA_MTU", 1400),
        ("IFLA_ADDRESS", "00:50:56:aa:bb:cc"),
        ("IFLA_LINK", 3),
        ("IFLA_MASTER", 4),
        ("IFLA_IFALIAS", "decnet:office:lan:default"),
        ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "macvlan")]}),
    ]
    message.encode()
    assert netlink.parse_link(body(bytearray(message.data))) == netlink.LinkSeen(
        ifindex=7,
        name="dl0123456789ab",
        group=0x64000001,
        flags=0x10001,
        mtu=1400,
        mac="00:50:56:aa:bb:cc",
        kind="macvlan",
        parent=3,
        master=4,
        alias="decnet:office:lan:default",
    )


@pytest.mark.parametrize("kind", ["veth", "bridge", "macvlan", "ipvlan", "vlan"])
def test_a_probe_is_what_pyroute2_would_send(kind):
    message = ifinfmsg()
    message["attrs"] = [("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind)]})]
    message["header"]["type"], message["header"]["flags"] = messages.RTM_NEWLINK, 0x600
    message.encode()
    assert body(netlink.probe(kind)).ljust(len(message.data) - 16, b"\0") == body(bytearray(message.data))
    assert netlink.probe(kind)[4:8] == bytes(message.data)[4:8]


def test_a_refusal_carries_the_kernels_words():
    header = struct.pack("=IHHII", 16, 16, 5, 1, 0)
    words = b"Unknown device type\0"
    payload = struct.pack("=i", -errno.EOPNOTSUPP) + header + struct.pack("=HH", 4 + len(words), 1) + words
    error = netlink._error(payload, 0x200)
    assert (error.errno, error.strerror) == (errno.EOPNOTSUPP, "Unknown device type")
    assert netlink._error(struct.pack("=i", -errno.EPERM) + header, 0).strerror == os.strerror(errno.EPERM)
    assert netlink._error(struct.pack("=i", 0) + header, 0) is None


@pytest.mark.parametrize("junk", [b"", b"\0" * 3, b"\0" * 64, b"\1\0\2\0" * 9, b"\xff" * 40])
def test_junk_ends(junk):
    assert len(list(netlink.split(junk))) <= 4
    assert len(netlink._attributes(junk, 0)) <= 1


def test_the_kernel_answers_each_message_of_a_packet():
    with netlink.Socket() as kernel:
        answers = kernel.attempt(messages.set_up(0x7FFFFFF0, up=True), messages.delete_link(0x7FFFFFF1))
    assert all(error and error.errno in (errno.ENODEV, errno.EPERM) for error in answers)


def test_an_interface_that_is_not_there_is_none():
    with netlink.Socket() as kernel:
        assert kernel.link("nothere0") is None
        assert kernel.link("lo").ifindex == 1
