"""Talk to the kernel's packet filter over NETLINK_NETFILTER: a table as one message batch, and what stands there.

The encoding is our own: pyroute2's costs 0.15 s to import, which a look would then need as well, and nft(8) a process
a namespace. A batch is a transaction: all of it takes effect at once, or none. What is sent and what is dumped is what
``nft --debug=netlink`` shows; nft(8) lists it as it lists its own.

<linux/netfilter/nf_tables.h>, <linux/netfilter/nfnetlink.h>.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from decnet.world.expressions import NF_ACCEPT, attribute, nested, text, u32
from decnet.world.netlink import NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, NetlinkError, Socket, split

NFPROTO_UNSPEC, NFPROTO_INET = 0, 1
NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING = 1, 2, 3, 4
KEY_ADDRESS, KEY_ADDRESS6, KEY_PORT = 7, 8, 13
"""Types of set keys as nft(8) numbers them, so that it can list them."""

_NETLINK_NETFILTER = 12
_SUBSYSTEM = 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_DELTABLE, _NEWTABLE, _GETTABLE, _NEWCHAIN, _GETCHAIN, _NEWRULE, _GETRULE, _NEWSET = (
    _SUBSYSTEM << 8 | number for number in (2, 0, 1, 3, 4, 6, 7, 9)
)
_CREATE, _APPEND = 0x400, 0x800
_CHAIN_NAME = 3
_SET_EVAL, _SET_TIMEOUT = 0x20, 0x10
_HEADER = struct.Struct("=IHHII")
_GENERIC = struct.Struct(">BBH")
_HEAD = struct.Struct("=HH")
_BUFFER = 1 << 16
_ABSENT = (errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.EINVAL, errno.EAFNOSUPPORT)
"""What a kernel without nf_tables says to a look."""


class Rule(NamedTuple):
    """A rule of a chain: its expressions, encoded, in order."""

    chain: str
    expressions: Sequence[bytes]


class Chain(NamedTuple):
    """A base chain of type filter at priority 0: the hook it is on, and the verdict when no rule gives one.

    Without a hook one that rules go to.
    """

    name: str
    hook: int | None = None
    policy: int = NF_ACCEPT


class Place(NamedTuple):
    """A table: its family and name."""

    family: int
    name: str


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


class Standing(NamedTuple):
    """What stands in a table, in the kernel's encoding."""

    chains: list[bytes]
    rules: list[bytes]


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

    def dump(self) -> dict[Place, Standing]:
        """Every chain and rule of each table of the namespace that has one, in the kernel's encoding.

        The same transaction in an empty filter gives the same bytes: handles are counted by table, and what differs
        between two looks (the generation, in the header of each message) is left out.
        """
        body = _GENERIC.pack(NFPROTO_UNSPEC, 0, 0)
        found: dict[Place, Standing] = {}
        for kind in (_GETCHAIN, _GETRULE):
            for payload in self._dump(kind, body):
                seen = found.setdefault(_placed(payload), Standing([], []))
                (seen.chains if kind == _GETCHAIN else seen.rules).append(payload[_GENERIC.size :])
        return found

    def tables(self) -> list[Place]:
        """Every table of the namespace."""
        return [_placed(payload) for payload in self._dump(_GETTABLE, _GENERIC.pack(NFPROTO_UNSPEC, 0, 0))]


def present() -> dict[Place, Standing]:
    """What `FilterSocket.dump` sees in this thread's namespace; nothing on a kernel that cannot filter. 0.1 ms.

    Raises PermissionError, and OSError.
    """
    try:
        with FilterSocket() as filter_:
            return filter_.dump()
    except OSError as error:
        if error.errno in _ABSENT:
            return {}
        if error.errno == errno.EPERM:
            raise PermissionError(errno.EPERM, error.strerror) from error
        raise


def replacement(table: Table, gone: Iterable[Place] = ()) -> Batch:
    """The transaction after which this table is there as new, and those ``gone`` are not. Others stay as they are.

    A table of this name that is there has to be among them. Nothing is taken away that is not: after a removal the
    kernel waits until no packet is on its way, 10 ms.
    """
    return _batch(
        *((_DELTABLE, 0, _GENERIC.pack(one.family, 0, 0) + text(1, one.name)) for one in gone),
        (_NEWTABLE, _CREATE, _body(text(1, table.name))),
        *((_NEWSET, _CREATE, _set(table, number, one)) for number, one in enumerate(table.sets, 1)),
        *((_NEWCHAIN, _CREATE, _chain(table, chain)) for chain in table.chains),
        *((_NEWRULE, _CREATE | _APPEND, _rule(table, rule)) for rule in table.rules),
    )


def removal(gone: Place) -> Batch:
    """The transaction after which a table that is there is not."""
    return _batch((_DELTABLE, 0, _GENERIC.pack(gone.family, 0, 0) + text(1, gone.name)))


def addition(table: Table, chain: Chain) -> Batch:
    """The transaction after which a table that is there has one more chain."""
    return _batch((_NEWCHAIN, _CREATE, _chain(table, chain)))


def chain_name(chain: bytes) -> str:
    """The name of a chain that `FilterSocket.dump` saw."""
    return dict(_attributes(chain))[_CHAIN_NAME].rstrip(b"\0").decode(errors="replace")


def _batch(*messages: tuple[int, int, bytes]) -> Batch:
    ends = ((kind, 0, _GENERIC.pack(NFPROTO_UNSPEC, 0, _SUBSYSTEM)) for kind in (_BATCH_BEGIN, _BATCH_END))
    every = [next(ends), *messages, next(ends)]
    last = len(every) - 2
    data = b"".join(
        _HEADER.pack(
            _HEADER.size + len(body),
            kind,
            NLM_F_REQUEST | flags | (NLM_F_ACK if number == last else 0),
            number,
            0,
        )
        + body
        for number, (kind, flags, body) in enumerate(every)
    )
    return Batch(data, last)


def _placed(payload: bytes) -> Place:
    """The table of a message: its name is the first attribute of tables, chains and rules."""
    size, _ = _HEAD.unpack_from(payload, _GENERIC.size)
    name = payload[_GENERIC.size + _HEAD.size : _GENERIC.size + size]
    return Place(payload[0], name.rstrip(b"\0").decode(errors="replace"))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        size, kind = _HEAD.unpack_from(data, at)
        yield kind & 0x3FFF, data[at + 4 : at + size]
        at += max((size + 3) & ~3, 4)


def _set(table: Table, number: int, one: AddressSet) -> bytes:
    """Key lengths are of registers: 4 bytes for a port."""
    size = 4 if one.key == KEY_ADDRESS else 16
    return _body(
        text(1, table.name),
        text(2, one.name),
        u32(3, _SET_EVAL | _SET_TIMEOUT),
        u32(4, one.key << 6 | KEY_PORT),
        u32(5, size + 4),
        u32(10, number),
        attribute(11, struct.pack(">Q", one.seconds * 1000)),
        u32(12, one.seconds * 1000),
    )


def _chain(table: Table, chain: Chain) -> bytes:
    names = text(1, table.name), text(3, chain.name)
    if chain.hook is None:
        return _body(*names)
    hook = nested(4, u32(1, chain.hook) + u32(2, 0))
    return _body(*names, hook, u32(5, chain.policy), text(7, "filter"))


def _rule(table: Table, rule: Rule) -> bytes:
    return _body(text(1, table.name), text(2, rule.chain), nested(4, b"".join(rule.expressions)))


def _body(*attributes: bytes) -> bytes:
    return _GENERIC.pack(NFPROTO_INET, 0, 0) + b"".join(attributes)
