"""What rules of nf_tables consist of: expressions that compare what a packet is, and that change it, encoded.

Registers of 4 bytes are counted from `WORDS`; the first of 16 bytes is the first four of them. A write keeps the
checksum right by the difference, as long as it begins at an even byte.

<linux/netfilter/nf_tables.h>.
"""

from __future__ import annotations

import functools
import struct
from ipaddress import IPv4Network, IPv6Network

NFPROTO_IPV4, NFPROTO_IPV6 = 2, 10
NF_DROP, NF_ACCEPT, NFT_JUMP, NFT_GOTO = 0, 1, -3, -4
META_MARK, META_OIF, META_NFPROTO, META_L4PROTO, META_IIF = 3, 5, 15, 16, 4
NETWORK, TRANSPORT = 1, 2
EQUAL, NOT_EQUAL, LESS, AT_MOST, MORE, AT_LEAST = 0, 1, 2, 3, 4, 5
WORDS = 8
"""The first register of 4 bytes."""

_NESTED = 0x8000
_UPDATE = 1
_REGISTER, _VERDICT = 1, 0
_SHIFT_LEFT, _SHIFT_RIGHT = 1, 2
_META_RANDOM, _META_TIME = 24, 30
_TO_NETWORK = 1
_TCP_OPTION = 1
_TCP_RESET = 1
_WILDCARD = 2
_INET_CHECKSUM = 1
_ATTRIBUTE = struct.Struct("=HH")
_KEPT = functools.lru_cache(maxsize=1024)
"""A thousand decoys have the same few rules."""


@_KEPT
def meta(key: int, value: bytes, operator: int = EQUAL) -> bytes:
    """Compare a fact about the packet. ``value`` is in the host's byte order."""
    return _expression("meta", u32(1, _REGISTER) + u32(2, key)) + compare(operator, value)


@_KEPT
def field(base: int, offset: int, value: bytes, operator: int = EQUAL, mask: bytes = b"") -> bytes:
    """Compare bytes of the packet's network or transport header, masked where there is a mask."""
    masked = _mask(mask) if mask else b""
    return load(base, offset, len(value)) + masked + compare(operator, value)


def between(base: int, offset: int, first: bytes, last: bytes) -> bytes:
    """Whether a number in a header is one of ``first`` to ``last``."""
    return load(base, offset, len(first)) + compare(AT_LEAST, first) + compare(AT_MOST, last)


def within(offset: int, network: IPv4Network | IPv6Network) -> bytes:
    """Whether the address at this offset of the network header is in a network."""
    address, mask = network.network_address.packed, network.netmask.packed
    return field(NETWORK, offset, address, mask=b"" if network.prefixlen == network.max_prefixlen else mask)


def remember(name: str, address: int, size: int, port: int) -> bytes:
    """Add the address and port at these offsets to a set, or start its time again."""
    key = _pair(address, size, port)
    return key + _expression("dynset", text(1, name) + u32(3, _UPDATE) + u32(4, _REGISTER))


def is_remembered(name: str, address: int, size: int, port: int) -> bytes:
    """Whether the address and port at these offsets are in a set."""
    return _pair(address, size, port) + _expression("lookup", text(1, name) + u32(2, _REGISTER))


def is_set(offset: int, mask: int, value: int) -> bytes:
    """Whether these bits of a byte of the transport header have this value."""
    return field(TRANSPORT, offset, bytes((value,)), mask=bytes((mask,)))


def accept() -> bytes:
    """Let the packet pass."""
    return _verdict(NF_ACCEPT)


def drop() -> bytes:
    """Let it not."""
    return _verdict(NF_DROP)


def jump(chain: str, *, back: bool = True) -> bytes:
    """Go on in another chain, and come ``back`` from it."""
    return _verdict(NFT_JUMP if back else NFT_GOTO, chain)


def reset() -> bytes:
    """Answer a segment with a reset, and drop it (nft_reject_inet)."""
    return _expression("reject", u32(1, _TCP_RESET))


def known_to_a_socket() -> bytes:
    """Whether a socket of this host takes the packet: a connection's or one that listens (nft_socket)."""
    return _expression("socket", u32(1, _WILDCARD) + u32(2, _REGISTER))


@_KEPT
def load(base: int, offset: int, size: int, register: int = _REGISTER) -> bytes:
    """Bytes of a header into a register."""
    return _expression("payload", u32(1, register) + u32(2, base) + u32(3, offset) + u32(4, size))


def load_mss() -> bytes:
    """The MSS that a segment says into the register; a rule ends where it says none."""
    kind = attribute(2, b"\2")
    return _expression("exthdr", u32(1, _REGISTER) + kind + u32(3, 2) + u32(4, 2) + u32(6, _TCP_OPTION))


def load_mark() -> bytes:
    """The packet's mark into the register."""
    return _expression("meta", u32(1, _REGISTER) + u32(2, META_MARK))


def is_marked(mask: bytes, value: bytes) -> bytes:
    """Whether these bits of the packet's mark, as it is in memory, have this value."""
    return load_mark() + _mask(mask) + compare(EQUAL, value)


def flip(value: bytes) -> bytes:
    """Turn these bits of the register around."""
    return _mask(b"\xff" * len(value), value)


def put_mark() -> bytes:
    """Mark the packet with what is in the register."""
    return _expression("meta", u32(2, META_MARK) + u32(3, _REGISTER))


@_KEPT
def constant(value: bytes, register: int = _REGISTER) -> bytes:
    """A value into a register, of which it is to fill whole words."""
    return _expression("immediate", u32(1, register) + nested(2, attribute(1, value)))


def count(begin: int, modulus: int = 1 << 16) -> bytes:
    """The next number from ``begin`` on into the register, in the host's byte order (nft_numgen)."""
    return _expression("numgen", u32(1, _REGISTER) + u32(2, modulus) + u32(3, 0) + u32(4, begin))


def random() -> bytes:
    """Four random bytes into the register."""
    return _expression("meta", u32(1, _REGISTER) + u32(2, _META_RANDOM))


def clock(shift: int) -> bytes:
    """The host's clock in units of 2^``shift`` ns, as four bytes in network order, into the register (Linux 5.6).

    A time is two words, the lower first, and a shift takes the higher first: of two times one behind the other the
    middle is one.
    """
    first, last = WORDS + 1, WORDS + 2
    made = b"".join(
        _expression("meta", u32(1, register) + u32(2, _META_TIME)) for register in (WORDS, WORDS + 2)
    )
    by = nested(7, attribute(1, struct.pack("=I", shift)))
    made += _expression("bitwise", u32(1, first) + u32(2, first) + u32(3, 8) + u32(6, _SHIFT_RIGHT) + by)
    swap = u32(3, _TO_NETWORK) + u32(4, 4) + u32(5, 4)
    return made + _expression("byteorder", u32(1, last) + u32(2, _REGISTER) + swap)


def to_network() -> bytes:
    """Two bytes of the register in network order."""
    registers = u32(1, _REGISTER) + u32(2, _REGISTER)
    return _expression("byteorder", registers + u32(3, _TO_NETWORK) + u32(4, 2) + u32(5, 2))


def shift_left(bits: int) -> bytes:
    """Multiply the register, in the host's byte order, by a power of two (Linux 5.6)."""
    by = nested(7, attribute(1, struct.pack("=I", bits)))
    registers = u32(1, _REGISTER) + u32(2, _REGISTER) + u32(3, 4)
    return _expression("bitwise", registers + u32(6, _SHIFT_LEFT) + by)


@_KEPT
def write(base: int, offset: int, size: int, checksum: int, register: int = _REGISTER) -> bytes:
    """The register's bytes into a header whose checksum is at an offset. ``offset`` is even, ``size`` too or 1.

    Of a segment whose checksum the device computes (CHECKSUM_PARTIAL) the kernel leaves it alone.
    """
    where = u32(2, base) + u32(3, offset) + u32(4, size)
    return _expression(
        "payload", where + u32(5, register) + u32(6, _INET_CHECKSUM) + u32(7, checksum) + u32(8, 0)
    )


@_KEPT
def change(base: int, offset: int, mask: int, value: int, checksum: int) -> bytes:
    """Give bits of a two-byte field another value: those of ``mask`` are kept."""
    kept, fresh = mask.to_bytes(2, "big"), value.to_bytes(2, "big")
    return load(base, offset, 2) + _mask(kept, fresh) + write(base, offset, 2, checksum)


def compare(operator: int, value: bytes) -> bytes:
    """Compare what is in the register."""
    return _expression("cmp", u32(1, _REGISTER) + u32(2, operator) + nested(3, attribute(1, value)))


def uses(expressions: bytes, name: str) -> bool:
    """Whether a kind of expression is among these."""
    return text(1, name) in expressions


def _verdict(code: int, chain: str = "") -> bytes:
    target = text(2, chain) if chain else b""
    verdict = nested(2, attribute(1, struct.pack(">i", code)) + target)
    return _expression("immediate", u32(1, _VERDICT) + nested(2, verdict))


def _pair(address: int, size: int, port: int) -> bytes:
    """An address and a port next to each other."""
    return load(NETWORK, address, size) + load(TRANSPORT, port, 2, WORDS + size // 4)


def _mask(mask: bytes, flipped: bytes = b"") -> bytes:
    return _expression(
        "bitwise",
        u32(1, _REGISTER)
        + u32(2, _REGISTER)
        + u32(3, len(mask))
        + nested(4, attribute(1, mask))
        + nested(5, attribute(1, flipped or bytes(len(mask)))),
    )


def _expression(name: str, data: bytes) -> bytes:
    return nested(1, text(1, name) + nested(2, data))


def attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def nested(kind: int, value: bytes) -> bytes:
    return attribute(kind | _NESTED, value)


def text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack(">I", value))
