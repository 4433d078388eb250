"""Each refusal of the kernel as a person reads it."""

import errno
import os

import pytest

from decnet.errors import WorldError
from decnet.world import Driver, Lan, Link
from decnet.world.netlink import NetlinkError
from decnet.world.refusal import explained

LAN = Lan("lan", Driver.MACVLAN, interface="eth7")
LINK = Link("web", "eth0", "lan", Driver.MACVLAN, "eth7", "00:50:56:00:00:01", "198.51.100.9/24")
CASES = {
    "duplicate MAC": (
        LINK,
        errno.EADDRINUSE,
        "link/web/eth0: another interface on eth7 has the MAC",
        "another mac",
    ),
    "MTU": (LINK, errno.EINVAL, "link/web/eth0: Invalid argument", "cannot be larger than that of eth7"),
    "parent is a port": (LAN, errno.EBUSY, "lan/lan: eth7 is in use", "the bridge itself"),
    "link on a port": (LINK, errno.EBUSY, "link/web/eth0: eth7 is in use", "the bridge itself"),
    "no privilege": (LAN, errno.EPERM, "lan/lan: Operation not permitted", "sudo"),
    "long name": (LAN, errno.ERANGE, "lan/lan: ", "15 characters"),
    "name taken": (LAN, errno.EEXIST, "lan/lan: File exists", "ip -d link"),
    "no such kind": (LAN, errno.EOPNOTSUPP, "lan/lan: ", "modprobe"),
    "full bridge": (LINK, errno.EXFULL, "link/web/eth0: ", "1,023 ports"),
    "open files": (LAN, errno.EMFILE, "lan/lan: ", "ulimit"),
}


@pytest.mark.parametrize(("resource", "number", "message", "hint"), CASES.values(), ids=CASES)
def test_a_refusal_in_words(resource, number, message, hint):
    with pytest.raises(WorldError) as caught, explained(resource):
        raise NetlinkError(number, os.strerror(number))
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint
