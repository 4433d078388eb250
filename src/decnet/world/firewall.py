"""Containment: what a decoy's namespace lets out. One table, put in before there is a link to send on.

A decoy answers, and opens nothing but what its ``egress`` names. The rules keep no state of connections: of TCP, what
is no first packet (SYN without ACK) passes; of UDP, what goes back to an address and port that sent something within
`ANSWER_SECONDS`. The kernel's connection tracking would hold a quarter of a million entries a namespace under a flood
(its limit is the host's, and cannot be set in one), would put fragments together before the stack does, which tells,
and would not know the answer to a multicast. The sets here end at 65,535 entries, the kernel's limit for such a set.

Packets that a process writes to an interface itself (AF_PACKET) do not come by here, nor does ARP. Such a socket takes
CAP_NET_RAW, which a decoy process has not.
"""

from __future__ import annotations

import errno
import functools
import socket
import struct
from collections.abc import Iterable, Mapping
from ipaddress import ip_network

from decnet.world import expressions, namespaces, nftables, rewriting
from decnet.world.expressions import TRANSPORT
from decnet.world.nftables import (
    AddressSet,
    Batch,
    Chain,
    FilterSocket,
    Place,
    Rule,
    Standing,
    Table,
)
from decnet.world.sockets import MARK

TABLE = "containment"
ANSWER_SECONDS = 30
MISSING = ("missing",)
ALTERED = ("altered",)

Egress = tuple[str, ...]

_LOOPBACK = 1
_SYN, _SYN_ACK = b"\x02", b"\x12"
_FLAGS = 13
"""Offset of the flags in a TCP header."""
_ICMPV6 = 58
_PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
_ICMP_ANSWERS = ((0, 0), (3, 3), (11, 12), (14, 14))
"""Echo reply, destination unreachable, time exceeded, parameter problem, timestamp reply (RFC 792)."""
_ICMPV6_ANSWERS = ((1, 4), (129, 129), (131, 133), (135, 136), (143, 143))
"""Errors and echo reply (RFC 4443), reports to multicast routers (2710, 3810), router solicitation, and neighbour
solicitation and advertisement (4861): without the last two nobody finds the decoy."""


def put(egress: Egress) -> None:
    """Replace the rules of this thread's namespace, in one transaction: no packet sees none, or half of them.

    Those of others go; a personality's (`decnet.world.rewriting`) stay. Raises `NetlinkError`, and OSError where the
    kernel has no netfilter at all. 0.2 ms.
    """
    with FilterSocket() as filter_:
        gone = tuple(one for one in filter_.tables() if one != rewriting.OURS)
        filter_.commit(_batch(egress, gone))


def look() -> bytes:
    """The rules of this thread's namespace as they compare with `known`; empty when there are none. 0.1 ms."""
    return rules(nftables.present())


def rules(standing: Mapping[Place, Standing]) -> bytes:
    """Those of a look that are to be containment, or are nobody's that we know."""
    return b"".join(
        b"".join((bytes((place.family,)), *seen.chains, *seen.rules))
        for place, seen in standing.items()
        if place != rewriting.OURS
    )


def known(egresses: Iterable[Egress]) -> Mapping[bytes, Egress]:
    """What `look` sees where each of these was put, tried in a namespace that goes at once.

    Raises PermissionError without CAP_SYS_ADMIN. On a kernel that cannot filter, nothing is known.
    """
    return _tried(frozenset(egresses))


def seen(rules: bytes, known_rules: Mapping[bytes, Egress]) -> Egress:
    """`Decoy.egress` of a namespace with these rules. Rules of others beside ours make it altered."""
    return known_rules.get(rules, ALTERED) if rules else MISSING


def is_possible() -> bool:
    """Whether the kernel takes these rules. Raises PermissionError without CAP_SYS_ADMIN and CAP_NET_ADMIN."""
    try:
        namespaces.in_new(lambda: put(()))
    except OSError as error:
        if error.errno == errno.EPERM:
            raise
        return False
    return True


@functools.lru_cache(maxsize=8)
def _tried(egresses: frozenset[Egress]) -> Mapping[bytes, Egress]:
    def work() -> dict[bytes, Egress]:
        found = {}
        for egress in egresses:
            put(egress)
            found[look()] = egress
        return found

    try:
        return namespaces.in_new(work)
    except OSError as error:
        if error.errno == errno.EPERM:
            raise PermissionError(errno.EPERM, error.strerror) from error
        return {}


@functools.lru_cache(maxsize=1024)
def _batch(egress: Egress, gone: tuple[Place, ...]) -> Batch:
    return nftables.replacement(table(egress), gone)


def table(egress: Egress) -> Table:
    """The rules for an ``egress`` in the form of `decnet.spec.resources.Decoy`. The most frequent are first."""
    output = [
        (
            _protocol(socket.IPPROTO_TCP),
            expressions.field(TRANSPORT, _FLAGS, _SYN, expressions.NOT_EQUAL, _SYN_ACK),
        ),
        (expressions.meta(expressions.META_OIF, struct.pack("=I", _LOOPBACK)),),
        (
            *_family(4, socket.IPPROTO_UDP),
            expressions.is_remembered("answers4", address=16, size=4, port=2),
        ),
        (
            *_family(6, socket.IPPROTO_UDP),
            expressions.is_remembered("answers6", address=24, size=16, port=2),
        ),
        *((_protocol(socket.IPPROTO_ICMP), _number(0, first, last, 1)) for first, last in _ICMP_ANSWERS),
        *((_protocol(_ICMPV6), _number(0, first, last, 1)) for first, last in _ICMPV6_ANSWERS),
        (_protocol(socket.IPPROTO_IGMP),),
        (expressions.meta(expressions.META_MARK, struct.pack("=I", MARK)),),
        *map(_allowed, egress),
    ]
    return Table(
        TABLE,
        sets=(
            AddressSet("answers4", nftables.KEY_ADDRESS, ANSWER_SECONDS),
            AddressSet("answers6", nftables.KEY_ADDRESS6, ANSWER_SECONDS),
        ),
        chains=(
            Chain("input", nftables.NF_INET_LOCAL_IN, expressions.NF_ACCEPT),
            Chain("forward", nftables.NF_INET_FORWARD, expressions.NF_DROP),
            Chain("output", nftables.NF_INET_LOCAL_OUT, expressions.NF_DROP),
        ),
        rules=(
            Rule(
                "input",
                (
                    *_family(4, socket.IPPROTO_UDP),
                    expressions.remember("answers4", address=12, size=4, port=0),
                ),
            ),
            Rule(
                "input",
                (
                    *_family(6, socket.IPPROTO_UDP),
                    expressions.remember("answers6", address=8, size=16, port=0),
                ),
            ),
            *(Rule("output", (*matches, expressions.accept())) for matches in output),
        ),
    )


def _allowed(item: str) -> tuple[bytes, ...]:
    """The matches of one item of an ``egress``: ``udp 198.51.100.0/24 53``; ``tcp 2001:db8::/32 8000-8100``."""
    name, cidr, port = item.split()
    network = ip_network(cidr)
    icmp = socket.IPPROTO_ICMP if network.version == 4 else _ICMPV6
    offset = 16 if network.version == 4 else 24
    matches = (*_family(network.version, _PROTOCOLS.get(name, icmp)), expressions.within(offset, network))
    if port == "*":
        return matches
    first, _, last = port.partition("-")
    return (*matches, _number(2, int(first), int(last or first), 2))


def _family(version: int, protocol: int) -> tuple[bytes, bytes]:
    family = expressions.NFPROTO_IPV4 if version == 4 else expressions.NFPROTO_IPV6
    return expressions.meta(expressions.META_NFPROTO, bytes((family,))), _protocol(protocol)


def _protocol(number: int) -> bytes:
    return expressions.meta(expressions.META_L4PROTO, bytes((number,)))


def _number(offset: int, first: int, last: int, size: int) -> bytes:
    """A number of ``size`` bytes in the transport header: a port, or the type of an ICMP message."""
    low, high = first.to_bytes(size, "big"), last.to_bytes(size, "big")
    if first == last:
        return expressions.field(TRANSPORT, offset, low)
    return expressions.between(TRANSPORT, offset, low, high)
