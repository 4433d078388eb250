"""Talk to the kernel's packet filter over NETLINK_NETFILTER: a table as one message batch, and what stands there.

The encoding is our own: pyroute2's costs 0.15 s to import, which a look would then need as well, and nft(8) a process
a namespace. A batch is a transaction: all of it takes effect at once, or none. What is sent and what is dumped is what
``nft --debug=netlink`` shows; nft(8) lists it as it lists its own.

<linux/netfilter/nf_tables.h>, <linux/netfilter/nfnetlink.h>.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from decnet.world.netlink import NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, NetlinkError, Socket, split

NFPROTO_UNSPEC, NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 = 0, 1, 2, 10
NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT = 1, 2, 3
NF_DROP, NF_ACCEPT = 0, 1
META_MARK, META_OIF, META_NFPROTO, META_L4PROTO = 3, 5, 15, 16
NETWORK, TRANSPORT = 1, 2
EQUAL, NOT_EQUAL, AT_MOST, AT_LEAST = 0, 1, 3, 5
KEY_ADDRESS, KEY_ADDRESS6, KEY_PORT = 7, 8, 13
"""Types of set keys as nft(8) numbers them, so that it can list them."""

_NETLINK_NETFILTER = 12
_SUBSYSTEM = 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_DELTABLE, _NEWTABLE, _NEWCHAIN, _GETCHAIN, _NEWRULE, _GETRULE, _NEWSET = (
    _SUBSYSTEM << 8 | number for number in (2, 0, 3, 4, 6, 7, 9)
)
_CREATE, _APPEND = 0x400, 0x800
_NESTED = 0x8000
_SET_EVAL, _SET_TIMEOUT = 0x20, 0x10
_UPDATE = 1
_REGISTER, _VERDICT = 1, 0
_HEADER = struct.Struct("=IHHII")
_GENERIC = struct.Struct(">BBH")
_ATTRIBUTE = struct.Struct("=HH")
_BUFFER = 1 << 16


class Rule(NamedTuple):
    """A rule of a chain: its expressions, encoded, in order."""

    chain: str
    expressions: Sequence[bytes]


class Chain(NamedTuple):
    """A base chain of type filter at priority 0: the hook it is on, and the verdict when no rule gives one."""

    name: str
    hook: int
    policy: int


class AddressSet(NamedTuple):
    """A set of addresses with ports that rules fill, whose entries go ``seconds`` after they were last added."""

    name: str
    key: int
    """KEY_ADDRESS or KEY_ADDRESS6."""
    seconds: int


class Table(NamedTuple):
    """A table of family inet (IPv4 and IPv6)."""

    name: str
    sets: Sequence[AddressSet]
    chains: Sequence[Chain]
    rules: Sequence[Rule]


class Batch(NamedTuple):
    """An encoded transaction, and the sequence number of the message that is answered when all went well."""

    data: bytes
    last: int


class FilterSocket(Socket):
    """The packet filter of the namespace of the thread that opens it."""

    def __init__(self) -> None:
        super().__init__(_NETLINK_NETFILTER)

    def commit(self, batch: Batch) -> None:
        """Carry a transaction out. Raises `NetlinkError`; nothing has changed then."""
        with self._turn:
            self._socket.sendall(batch.data)
            while True:
                for kind, _, sequence, payload in split(self._socket.recv(_BUFFER)):
                    if kind != NLMSG_ERROR:
                        continue
                    number = -int.from_bytes(payload[:4], "little", signed=True)
                    if number:
                        raise NetlinkError(number, os.strerror(number))
                    if sequence == batch.last:
                        return

    def dump(self) -> bytes:
        """Every chain and rule of the namespace, of whatever family and table, in the kernel's encoding.

        The same transaction in an empty filter gives the same bytes: handles are counted by table, and what differs
        between two looks (the generation, in the header of each message) is left out.
        """
        body = _GENERIC.pack(NFPROTO_UNSPEC, 0, 0)
        return b"".join(
            payload[:1] + payload[_GENERIC.size :]
            for kind in (_GETCHAIN, _GETRULE)
            for payload in self._dump(kind, body)
        )


def replacement(table: Table) -> Batch:
    """The transaction after which this table is there as new, and no other of any family."""
    messages = [
        (_BATCH_BEGIN, 0, _GENERIC.pack(NFPROTO_UNSPEC, 0, _SUBSYSTEM)),
        (_DELTABLE, 0, _GENERIC.pack(NFPROTO_UNSPEC, 0, 0)),
        (_NEWTABLE, _CREATE, _body(_text(1, table.name))),
        *((_NEWSET, _CREATE, _set(table, number, one)) for number, one in enumerate(table.sets, 1)),
        *((_NEWCHAIN, _CREATE, _chain(table, chain)) for chain in table.chains),
        *((_NEWRULE, _CREATE | _APPEND, _rule(table, rule)) for rule in table.rules),
    ]
    last = len(messages) - 1
    messages.append((_BATCH_END, 0, _GENERIC.pack(NFPROTO_UNSPEC, 0, _SUBSYSTEM)))
    data = b"".join(
        _HEADER.pack(
            _HEADER.size + len(body),
            kind,
            NLM_F_REQUEST | flags | (NLM_F_ACK if number == last else 0),
            number,
            0,
        )
        + body
        for number, (kind, flags, body) in enumerate(messages)
    )
    return Batch(data, last)


def meta(key: int, value: bytes, operator: int = EQUAL) -> bytes:
    """Compare a fact about the packet. ``value`` is in the host's byte order."""
    return _expression("meta", _u32(1, _REGISTER) + _u32(2, key)) + _compare(operator, value)


def field(base: int, offset: int, value: bytes, operator: int = EQUAL, mask: bytes = b"") -> bytes:
    """Compare bytes of the packet's network or transport header, masked where there is a mask."""
    masked = _mask(mask) if mask else b""
    return _load(base, offset, len(value), _REGISTER) + masked + _compare(operator, value)


def between(base: int, offset: int, first: bytes, last: bytes) -> bytes:
    """Whether a number in a header is one of ``first`` to ``last``."""
    load = _load(base, offset, len(first), _REGISTER)
    return load + _compare(AT_LEAST, first) + _compare(AT_MOST, last)


def within(offset: int, network: IPv4Network | IPv6Network) -> bytes:
    """Whether the address at this offset of the network header is in a network."""
    address, mask = network.network_address.packed, network.netmask.packed
    return field(NETWORK, offset, address, mask=b"" if network.prefixlen == network.max_prefixlen else mask)


def remember(name: str, address: int, size: int, port: int) -> bytes:
    """Add the address and port at these offsets to a set, or start its time again."""
    key = _pair(address, size, port)
    return key + _expression("dynset", _text(1, name) + _u32(3, _UPDATE) + _u32(4, _REGISTER))


def is_remembered(name: str, address: int, size: int, port: int) -> bytes:
    """Whether the address and port at these offsets are in a set."""
    return _pair(address, size, port) + _expression("lookup", _text(1, name) + _u32(2, _REGISTER))


def accept() -> bytes:
    """Let the packet pass."""
    verdict = _nested(2, _u32(1, NF_ACCEPT))
    return _expression("immediate", _u32(1, _VERDICT) + _nested(2, verdict))


def _pair(address: int, size: int, port: int) -> bytes:
    """Load an address and a port next to each other: registers of 4 bytes, counted from 8, are those of 16 from 1."""
    return _load(NETWORK, address, size, _REGISTER) + _load(TRANSPORT, port, 2, 8 + size // 4)


def _load(base: int, offset: int, size: int, register: int) -> bytes:
    return _expression("payload", _u32(1, register) + _u32(2, base) + _u32(3, offset) + _u32(4, size))


def _mask(mask: bytes) -> bytes:
    return _expression(
        "bitwise",
        _u32(1, _REGISTER)
        + _u32(2, _REGISTER)
        + _u32(3, len(mask))
        + _nested(4, _attribute(1, mask))
        + _nested(5, _attribute(1, bytes(len(mask)))),
    )


def _compare(operator: int, value: bytes) -> bytes:
    return _expression("cmp", _u32(1, _REGISTER) + _u32(2, operator) + _nested(3, _attribute(1, value)))


def _set(table: Table, number: int, one: AddressSet) -> bytes:
    """Key lengths are of registers: 4 bytes for a port."""
    size = 4 if one.key == KEY_ADDRESS else 16
    return _body(
        _text(1, table.name),
        _text(2, one.name),
        _u32(3, _SET_EVAL | _SET_TIMEOUT),
        _u32(4, one.key << 6 | KEY_PORT),
        _u32(5, size + 4),
        _u32(10, number),
        _attribute(11, struct.pack(">Q", one.seconds * 1000)),
        _u32(12, one.seconds * 1000),
    )


def _chain(table: Table, chain: Chain) -> bytes:
    return _body(
        _text(1, table.name),
        _text(3, chain.name),
        _nested(4, _u32(1, chain.hook) + _u32(2, 0)),
        _u32(5, chain.policy),
        _text(7, "filter"),
    )


def _rule(table: Table, rule: Rule) -> bytes:
    return _body(_text(1, table.name), _text(2, rule.chain), _nested(4, b"".join(rule.expressions)))


def _expression(name: str, data: bytes) -> bytes:
    return _nested(1, _text(1, name) + _nested(2, data))


def _body(*attributes: bytes) -> bytes:
    return _GENERIC.pack(NFPROTO_INET, 0, 0) + b"".join(attributes)


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def _nested(kind: int, value: bytes) -> bytes:
    return _attribute(kind | _NESTED, value)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _u32(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack(">I", value))
