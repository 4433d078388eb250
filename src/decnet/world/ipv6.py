"""IPv6 of one interface: switched on with addresses that are given, never found by listening to routers."""

from __future__ import annotations

from ipaddress import IPv6Address

from decnet.spec.addresses6 import link_local
from decnet.spec.resources import Link
from decnet.world import messages, sysctls
from decnet.world.netlink import AddressSeen


def switch_on(name: str) -> None:
    """Let an interface of this thread's namespace speak IPv6, with no address of its own choice.

    Without router advertisements it sends no router solicitation either (RFC 4861, section 6.3.7).
    """
    for key, value in (("addr_gen_mode", "1"), ("accept_ra", "0"), ("autoconf", "0"), ("disable_ipv6", "0")):
        sysctls.write(f"net.ipv6.conf.{name}.{key}", value)


def of_mac(mac: str) -> str:
    """The link-local address that a MAC address gives, with its prefix length."""
    return f"{link_local(IPv6Address(0), mac)}/64"


def own(link: Link) -> tuple[str, ...]:
    """The addresses of a link: link-local, then its own. Empty without IPv6."""
    if not link.address6:
        return ()
    local = link_local(IPv6Address(link.address6.partition("/")[0]), link.mac)
    return f"{local}/64", link.address6


def bring(index: int, link: Link, present: list[AddressSeen]) -> list[bytearray]:
    """Messages that give a link that is up its addresses, where they are not ``present`` already.

    One that somebody else has by now is asked for again.
    """
    wanted = own(link)
    failed = {found.address for found in present if found.failed}
    there = {found.address for found in present} - failed
    todo = [messages.delete_address(index, address) for address in wanted if address in failed]
    return todo + [messages.add_address(index, address) for address in wanted if address not in there]
