"""What rules of nf_tables can say of a TCP/IP personality. Pure: a value as the programs read it → a table.

The kernel's stack does the connections, as with the programs. What goes out is changed in place: TTL, don't-fragment
bit, IP-ID, MSS, window, and the options of SYN-ACKs and SYNs where the system's have as many bytes as Linux's, which
have one layout for each set of features. A rule makes no packet longer or shorter and answers nothing but by a reset;
sequence numbers and time stamps of its own it gives to nmap's probes, from which no connection comes.

What an answer needs of what it answers goes with the packet's mark: net.ipv4.fwmark_reflect gives resets and echo
replies the mark of their cause, net.ipv4.tcp_fwmark_accept a SYN-ACK that of its SYN (ip-sysctl). A visitor's number
is never a mark that containment lets out.

IP-IDs that count and those of one byte are written in the order of a little-endian machine.
"""

from __future__ import annotations

from typing import NamedTuple

from decnet.stack import unpacked
from decnet.world import expressions as nf
from decnet.world.nftables import NF_INET_LOCAL_IN, NF_INET_POST_ROUTING, Chain, Table
from decnet.world.rewrites.greetings import greetings
from decnet.world.rewrites.inbound import echoes_df, inbound, marked, wants_mss
from decnet.world.rewrites.outbound import counts, others, outbound, resets
from decnet.world.rewrites.probes import probed

VERSION = 1
"""To be raised with every change of what a value makes: what stands is then another's, and is put in anew."""


class Needs(NamedTuple):
    """Settings of the namespace that the rules count on."""

    reflect: bool
    accept: bool


def table(name: str, packed: bytes, without: frozenset[str] = frozenset()) -> Table:
    """The rules of a value, without those that need one of these kinds of expression."""
    host = unpacked(packed)
    chains = (
        Chain("input", NF_INET_LOCAL_IN),
        Chain("output", NF_INET_POST_ROUTING),
        *map(Chain, ("segments", "greetings", "probed", "resets", "icmp_out", "udp_out", "ids", "ids_icmp")),
    )
    every = (
        *inbound(host),
        *outbound(host),
        *greetings(host),
        *probed(host),
        *resets(host),
        *others(host),
        *counts(host),
    )
    kept = (one for one in every if not any(nf.uses(b"".join(one.expressions), kind) for kind in without))
    return Table(name, (), chains, tuple(kept))


def needs(packed: bytes) -> Needs:
    """What the rules of a value count on."""
    host = unpacked(packed)
    return Needs(echoes_df(host) or bool(marked(host)), any(probed(host)) or wants_mss(host))
